"""Recording switched off: runs and spans with the same surface that write nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from msgspec import Raw

from holdfast.tracing.encoding import Given, PayloadEncoder
from holdfast.tracing.guard import Guard
from holdfast.tracing.record import RunRecord
from holdfast.tracing.run import Run
from holdfast.tracing.span import Span
from holdfast.wire.operations import NO_JSON, RecordedError
from holdfast.wire.vocabulary import EventLevel, SpanStatus, SpanType

if TYPE_CHECKING:
    from holdfast.tracing.client import Client

__all__ = ["silent_run"]

_NO_ID: Final = "00000000-0000-0000-0000-000000000000"


def _drop(operation: bytes) -> None:
    del operation


class _SilentEncoder(PayloadEncoder):
    __slots__ = ()

    def pair(
        self, payload: Given, attributes: Mapping[str, Any] | None, what: str = "payload"
    ) -> tuple[Raw, Raw]:
        return NO_JSON, NO_JSON


class _SilentRecord(RunRecord):
    __slots__ = ()

    def event(
        self,
        name: str,
        payload: Given,
        *,
        level: EventLevel | str,
        span_id: str | None,
        at: int | None,
        event_id: str | None,
    ) -> None:
        return


class _SilentSpan(Span):
    def _begin(self, status: SpanStatus, at: int | None = None) -> None:
        self._started_at = 1

    def _end(
        self,
        status: SpanStatus,
        error: BaseException | RecordedError | str | None = None,
        at: int | None = None,
    ) -> None:
        self.ended = True


class _SilentRun(Run):
    __slots__ = ()

    def span(
        self,
        name: str,
        *,
        type: str = SpanType.STEP,  # noqa: A002 - the reader's word for it
        payload: Given = None,
        attributes: Mapping[str, Any] | None = None,
        parent: Span | Run | str | None = None,
        id: str | None = None,  # noqa: A002 - the wire's word
    ) -> Span:
        return _SilentSpan(self, id or _NO_ID, name, type, None, "", self.record)

    def record_quality(self, name: str, payload: Given, *, at: int | None = None) -> None:
        return


def silent_run(client: Client, name: str | None, run_id: str | None, guard: Guard) -> Run:
    record = _SilentRecord(
        run_id or _NO_ID,
        append=_drop,
        encoder=_SilentEncoder(max_payload=0),
        guard=guard,
        clock=lambda: 0,
    )
    return _SilentRun(client, record, name, None)
