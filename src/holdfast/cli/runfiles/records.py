"""The format of a run file, read line by line: `.jsonl`, or `.jsonl.gz` of it."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import IO, Final, Literal, Self, cast

import msgspec
from msgspec import Struct

from holdfast.errors import InvalidInputError

__all__ = ["Line", "RunFile", "RunRecord", "TurnRecord", "parse_run"]


class TurnRecord(Struct, frozen=True, kw_only=True):
    """One model call or one tool call. `input` holds only the messages that are new since the call before."""

    kind: Literal["llm", "tool"]
    actor: str = "agent"
    name: str | None = None
    input: object = None
    output: object = None
    error: str | None = None
    exception_type: str | None = None
    traceback: str | None = None
    call_id: str | None = None
    exit_code: int | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    cached_input_tokens: int | None = None
    cache_write_tokens: int | None = None
    cost_usd: float | None = None
    finish_reason: str | None = None
    provider: str | None = None
    http_status: int | None = None
    response_id: str | None = None
    attempt: bool = False
    started_at: str | None = None
    ended_at: str | None = None
    duration_ms: float | None = None


class RunRecord(Struct, frozen=True, kw_only=True):
    """One run. What the format adds later, or a writer of its own accord, stays in `Line.raw`."""

    run_id: str
    turns: list[TurnRecord]
    agent: str | None = None
    model: str | None = None
    provider: str | None = None
    task: str | None = None
    task_id: str | None = None
    system: str | None = None
    started_at: str | None = None
    ended_at: str | None = None
    duration_ms: float | None = None
    outcome: dict[str, object] = {}


_KNOWN_RUN: Final = frozenset(RunRecord.__struct_fields__)
_KNOWN_TURN: Final = frozenset(TurnRecord.__struct_fields__)


class Line(Struct, frozen=True, kw_only=True):
    """`run` is what the format names; `extra` and `turn_extras` are the keys beside it, kept as they are."""

    run: RunRecord
    extra: dict[str, object]
    turn_extras: list[dict[str, object]]


class RunFile:
    """The lines of a run file, one at a time. Use it in a `with` block; iterate once.

    Raises `OSError` for a file that cannot be opened or a gzip file that is broken.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._stored = path.open("rb")
        self._lines = (
            cast("IO[bytes]", gzip.GzipFile(fileobj=self._stored)) if path.suffix == ".gz" else self._stored
        )

    @property
    def position(self) -> int:
        """Bytes of the file as stored (compressed) that were read so far."""
        return self._stored.tell()

    def __iter__(self) -> Iterator[bytes]:
        """The lines that are not blank."""
        try:
            for line in self._lines:
                if not line.isspace():
                    yield line
        except (EOFError, zlib.error) as error:
            raise OSError(f"{self.path} is cut off or damaged: {error}") from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._lines.close()
        self._stored.close()


def parse_run(line: bytes) -> Line:
    """Raises `InvalidInputError` saying what does not fit."""
    try:
        raw = msgspec.json.decode(line, type=dict[str, object])
        run = msgspec.convert(raw, RunRecord)
    except msgspec.MsgspecError as error:  # ValidationError and DecodeError alike
        raise InvalidInputError("run", str(error)) from None
    turns = cast("list[dict[str, object]]", raw["turns"])
    return Line(
        run=run,
        extra={key: value for key, value in raw.items() if key not in _KNOWN_RUN},
        turn_extras=[_beside(turn) for turn in turns],
    )


def _beside(turn: dict[str, object]) -> dict[str, object]:
    return {key: value for key, value in turn.items() if key not in _KNOWN_TURN}
