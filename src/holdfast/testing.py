"""Fakes that are part of the product: a clock that is moved by hand, a client that records to memory."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self, TypeVar

import msgspec

from holdfast.tracing.api import use_client
from holdfast.tracing.client import Client, ClientConfig
from holdfast.tracing.pipeline import PipelineStats
from holdfast.tracing.verdict import Control
from holdfast.wire.operations import (
    EventCreate,
    InstanceFinish,
    InstanceRegister,
    Operation,
    SpanCreate,
    SpanFinish,
)
from holdfast.wire.questions import AnswerGiven
from holdfast.wire.vocabulary import SpanStatus

if TYPE_CHECKING:
    from holdfast.server.running import Listening

__all__ = ["ManualClock", "ManualTime", "MemoryRecorder", "RecordedSpan", "running_server"]

_decode: Final = msgspec.json.Decoder(Operation).decode
_OperationT = TypeVar("_OperationT")


@contextmanager
def running_server(data: Path | None = None) -> Generator[Listening]:
    """A whole server on a free port of this machine, for the length of the block.

    Its record is in `data`, or in a directory that goes away with it. What it yields has `url` and `token`,
    for `holdfast.init(url=…, token=…)`. Needs `pip install 'holdfast[server]'`.
    """
    from holdfast.server.config import ServerConfig
    from holdfast.server.running import background_server

    with (
        TemporaryDirectory(prefix="holdfast-test-") as made,
        background_server(ServerConfig(data=data or Path(made), port=0)) as listening,
    ):
        yield listening


class ManualClock:
    """Nanoseconds since 1970 that stand still until `advance` is called. Call it to read it."""

    def __init__(self, start_ns: int = 1_800_000_000_000_000_000) -> None:
        self.now_ns = start_ns

    def __call__(self) -> int:
        return self.now_ns

    def advance(self, seconds: float) -> None:
        self.now_ns += round(seconds * 1_000_000_000)


class ManualTime:
    """The time of supervised sessions, for `Orchestrator(clock=ManualTime())`: it stands still until `advance`, and
    a sleep moves it on at once instead of waiting. `slept` lists the sleeps."""

    def __init__(self, start: float = 1000.0, unix: float = 1_800_000_000.0) -> None:
        self._now = start
        self._unix = unix - start
        self.slept: list[float] = []

    def monotonic(self) -> float:
        return self._now

    def unix(self) -> float:
        return self._unix + self._now

    def advance(self, seconds: float) -> None:
        self._now += seconds

    def sleep(self, seconds: float, /) -> None:
        self.slept.append(seconds)
        self._now += seconds

    async def asleep(self, seconds: float) -> None:
        self.sleep(seconds)


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedSpan:
    """A span as the server would show it: start and end in one. `None` where nothing was recorded."""

    id: str
    run_id: str
    parent_id: str | None
    name: str | None
    type: str
    status: SpanStatus
    payload: Any
    result: Any
    attributes: dict[str, Any]
    error: Any
    started_at: int | str | None
    finished_at: int | str | None


class _MemorySink:
    def __init__(self) -> None:
        self.items: list[bytes] = []
        self.orders: dict[str, Control] = {}
        self.answers: dict[str, AnswerGiven] = {}
        self.watched: set[str] = set()
        self.append = self.items.append

    def flush(self, timeout: float) -> bool:
        return True

    def close(self, timeout: float) -> bool:
        return True

    def stats(self) -> PipelineStats:
        return PipelineStats(
            recorded=len(self.items),
            delivered=len(self.items),
            rejected=0,
            lost={},
            spilled=0,
            adopted=0,
            pending_bytes=0,
            last_problem=None,
            spool=None,
        )

    def control(self, instance_id: str) -> Control | None:
        return self.orders.get(instance_id)

    def answer(self, instance_id: str, question_id: str) -> AnswerGiven | None:
        return self.answers.get(question_id)

    def watch(self, instance_id: str) -> None:
        self.watched.add(instance_id)

    def unwatch(self, instance_id: str) -> None:
        self.watched.discard(instance_id)


class MemoryRecorder:
    """A client whose operations stay in memory, for tests of code that records.

    `with MemoryRecorder() as recorder:` makes it the process's client for the block, so that
    `holdfast.run`, `span` and `observe` go to it. It raises what goes wrong inside recording calls, unless
    `raise_errors` is false."""

    def __init__(self, config: ClientConfig | None = None) -> None:
        self._sink = _MemorySink()
        self.client = Client(config or ClientConfig(agent="test", raise_errors=True), self._sink)

    def __enter__(self) -> Self:
        use_client(self.client)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        use_client(None)

    def request_stop(self, run_id: str, reason: str | None = None) -> None:
        """As if the server had asked this run to stop."""
        self._sink.orders[run_id] = Control(terminate=True, reason=reason)

    def give_answer(self, question_id: str, value: str, by: str = "somebody") -> None:
        """As if somebody had answered a question in the console. Its id is in the `input.requested` event."""
        self._sink.answers[question_id] = AnswerGiven(value=value, by=by)

    @property
    def watched(self) -> frozenset[str]:
        """The ids of the runs that this process would ask the server about."""
        return frozenset(self._sink.watched)

    @property
    def raw(self) -> list[bytes]:
        """What was recorded, one operation each, in the bytes of the spool and the wire."""
        return list(self._sink.items)

    @property
    def operations(self) -> list[Operation]:
        return [_decode(item) for item in self._sink.items]

    def of(self, kind: type[_OperationT]) -> list[_OperationT]:
        """The operations of one kind, such as `EventCreate`, in the order they were recorded."""
        return [operation for operation in self.operations if isinstance(operation, kind)]

    @property
    def runs(self) -> dict[str, InstanceRegister]:
        return {made.id: made for made in self.of(InstanceRegister) if made.id is not None}

    @property
    def run_ends(self) -> dict[str, InstanceFinish]:
        ends: dict[str, InstanceFinish] = {}
        for end in self.of(InstanceFinish):
            ends.setdefault(end.agent_instance_id, end)
        return ends

    @property
    def events(self) -> list[EventCreate]:
        return self.of(EventCreate)

    @property
    def spans(self) -> list[RecordedSpan]:
        """All spans in the order in which they started."""
        ends: dict[tuple[str | None, str], SpanFinish] = {}
        for end in self.of(SpanFinish):
            ends.setdefault((end.agent_instance_id, end.agent_span_id), end)
        return [
            _joined(made, ends.get((made.agent_instance_id, made.id or ""))) for made in self.of(SpanCreate)
        ]

    def span(self, name: str) -> RecordedSpan:
        """The first span of this name. Raises `LookupError` where there is none."""
        for span in self.spans:
            if span.name == name:
                return span
        raise LookupError(f"no span {name!r} among {[span.name for span in self.spans]}")


def _joined(made: SpanCreate, end: SpanFinish | None) -> RecordedSpan:
    payload, result = made.payload, made.result_payload
    attributes: dict[str, Any] = _json(made.attributes) or {}
    status, error, finished_at = made.status, made.error, made.finished_at
    if end is not None:
        payload = made.payload if isinstance(end.payload, msgspec.UnsetType) else end.payload
        result = end.result_payload
        attributes = {**attributes, **(_json(end.attributes) or {})}
        status, error, finished_at = end.status or SpanStatus.COMPLETE, end.error, end.timestamp
    return RecordedSpan(
        id=made.id or "",
        run_id=made.agent_instance_id,
        parent_id=made.parent_span_id,
        name=made.name,
        type=made.schema_name,
        status=status,
        payload=_json(payload),
        result=_json(result),
        attributes=attributes,
        error=error,
        started_at=made.started_at,
        finished_at=finished_at,
    )


def _json(raw: msgspec.Raw) -> Any:
    return msgspec.json.decode(raw)
