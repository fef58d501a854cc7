"""Operations that the server refused for good, one JSON line each, with the reason."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from holdfast._clock import iso_utc, utc_now_ns
from holdfast.tracing.losses import for_owner

__all__ = ["REJECTED_FILE", "RejectedFile", "Rejection"]

REJECTED_FILE: Final = "rejected.jsonl"
_MOST_BYTES: Final = 64 << 20
"""Past this size the file grows no more: refusals are then counted without their operation."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejection:
    """One refused operation. `code` is the server's word, or `http_<status>` where it refused the request."""

    record: bytes
    code: str
    message: str
    errors: bytes = b"null"


class _Line(msgspec.Struct, frozen=True, kw_only=True):
    at: str
    code: str
    message: str
    errors: msgspec.Raw
    operation: msgspec.Raw | str


class RejectedFile:
    """Appends refusals to `rejected.jsonl` of `directory` (None: keeps nothing, counts only)."""

    __slots__ = ("_path", "count")

    def __init__(self, directory: Path | None) -> None:
        self._path = None if directory is None else directory / REJECTED_FILE
        self.count = 0

    def add(self, rejections: Iterable[Rejection]) -> None:
        """Write and count. A refusal delivered again after a kill may appear twice. Raises `OSError`."""
        now = iso_utc(utc_now_ns())
        lines = [msgspec.json.encode(_line(rejection, now)) for rejection in rejections]
        self.count += len(lines)
        if self._path is None or not lines:
            return
        with open(self._path, "ab", opener=for_owner) as file:
            if file.tell() < _MOST_BYTES:
                file.write(b"\n".join(lines) + b"\n")


def _line(rejection: Rejection, now: str) -> _Line:
    try:
        msgspec.json.decode(rejection.record)
        operation: msgspec.Raw | str = msgspec.Raw(rejection.record)
    except msgspec.DecodeError:
        operation = rejection.record.decode("utf-8", "backslashreplace")
    return _Line(
        at=now,
        code=rejection.code,
        message=rejection.message,
        errors=msgspec.Raw(rejection.errors),
        operation=operation,
    )
