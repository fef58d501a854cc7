"""A span: one piece of work in a run, from its start to its first end."""

from __future__ import annotations

from collections.abc import Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self

import msgspec
from msgspec import UNSET, Raw, UnsetType

from holdfast.tracing.context import Scope, enter_again, peek, replace
from holdfast.tracing.encoding import Given
from holdfast.tracing.failure import outcome
from holdfast.tracing.record import RunRecord, encode, encode_operation, merged
from holdfast.wire.attributes import CLOSED_EARLY
from holdfast.wire.operations import NO_JSON, RecordedError, SpanCreate, SpanFinish
from holdfast.wire.vocabulary import EventLevel, SpanStatus

if TYPE_CHECKING:
    from holdfast.tracing.run import Run

__all__ = ["Span"]

_ErrorType = type[BaseException]  # `Span.type` hides the builtin below
_COMPLETE: Final = SpanStatus.COMPLETE
_ACTIVE: Final = SpanStatus.ACTIVE


class Span(msgspec.Struct, eq=False, repr_omit_defaults=True):
    """Made by `run.span`, `holdfast.span` and their like; `with` and `async with` start it, make it current
    and end it.

    Without `with`: `start()`, then `complete()`, `fail()`, `cancel()` or `finish()`, from any thread or
    task. The first end stays and later ones do nothing, nor do changes after it. No method waits or raises.
    """

    # A struct only because its constructor runs in C, at two fifths of the time of a Python one.

    run: Run
    id: str
    name: str
    type: str
    parent_id: str | None
    _key: str
    _record: RunRecord
    _payload: Given = None
    _attributes: Mapping[str, Any] | None = None
    outer: Scope | None = None
    ended: bool = False
    _started_at: int = 0
    _sent: Raw = NO_JSON
    _result: Given = None
    _later: dict[str, Any] | None = None

    def __repr__(self) -> str:
        state = "ended" if self.ended else "active" if self._started_at else "not started"
        return f"<Span {self.name!r} {self.type} {self.id} {state}>"

    # --- start

    def start(self, payload: Given = None, *, at: int | None = None) -> Self:
        """Send the start, with `payload` merged into what was given. `at` is nanoseconds since 1970."""
        if payload is not None:
            self._payload = merged(self._payload, payload)
        self._begin(_ACTIVE, at)
        return self

    def _begin(self, status: SpanStatus, at: int | None = None) -> None:
        if self._started_at or self.ended:
            return
        record = self._record
        try:
            self._started_at = now = record.clock() if at is None else record.instant(at)
            span_id = self.id
            body, attributes = record.pair(self._payload, self._attributes)
            self._sent = body
            self._payload = self._attributes = None
            record.open_spans[span_id] = self
            made = SpanCreate(
                idempotency_key=self._key,
                agent_instance_id=record.run_id,
                id=span_id,
                parent_span_id=self.parent_id,
                schema_name=self.type,
                name=self.name,
                status=status,
                started_at=now,
                payload=body,
                attributes=attributes,
            )
            try:
                record.append(encode(made))
            except UnicodeEncodeError:
                record.append(encode_operation(made))
        except Exception as error:  # noqa: BLE001 - telemetry never raises into agent code
            record.guard.took(error, "a span's start")

    def __enter__(self) -> Self:
        if self._started_at:
            enter_again(self)
            return self
        self._begin(_ACTIVE)
        self.outer = peek()
        replace(self)
        return self

    # --- between

    def set_payload(self, data: Given) -> None:
        """Merge `data` into the payload. After the start it is sent with the end and replaces what the
        start said.
        """
        self._payload = merged(self._payload, data)

    def set_result(self, data: Given) -> None:
        """Merge a mapping into the result; anything else takes its place."""
        self._result = data if self._result is None else merged(self._result, data)

    def set_attribute(self, name: str, value: Given) -> None:
        try:
            self.set_attributes({name: value})
        except TypeError as error:  # a name that cannot even be a key
            self._record.guard.misused(error, "the name of an attribute")

    def set_attributes(self, attributes: Mapping[str, Any]) -> None:
        """Add attributes; a name that is there already gets the new value. After the start they go with the
        end.
        """
        try:
            if self._started_at:
                self._later = {**(self._later or {}), **attributes}
            else:
                self._attributes = {**(self._attributes or {}), **attributes}
        except Exception as error:  # noqa: BLE001 - telemetry never raises into agent code
            self._record.guard.misused(error, "attributes of a span")

    def event(
        self,
        name: str,
        payload: Given = None,
        *,
        level: EventLevel | str = EventLevel.INFO,
        at: int | None = None,
        id: str | None = None,  # noqa: A002 - the wire's word
    ) -> None:
        """Record a fact at an instant of this span, at once."""
        self._record.event(name, payload, level=level, span_id=self.id, at=at, event_id=id)

    # --- end

    def complete(self, result: Given = None) -> None:
        """End it as done, with `result` merged into what `set_result` gave."""
        if result is not None:
            self.set_result(result)
        self._end(_COMPLETE)

    def fail(
        self,
        error: BaseException | RecordedError | str | None = None,
        *,
        result: Given = None,
        at: int | None = None,
    ) -> None:
        """End it as failed. An exception is recorded with its type, message and stack."""
        if result is not None:
            self.set_result(result)
        self._end(SpanStatus.FAILED, error, at)

    def cancel(self, *, at: int | None = None) -> None:
        """End it as cancelled. One that was not started is sent as pending and cancelled at once."""
        self._begin(SpanStatus.PENDING, at)
        self._end(SpanStatus.CANCELLED, at=at)

    def finish(
        self, status: SpanStatus | str | None = None, *, result: Given = None, at: int | None = None
    ) -> None:
        """End it: `complete` unless told otherwise. One that was not started is started first."""
        if result is not None:
            self.set_result(result)
        end = _COMPLETE
        if status is not None:
            try:
                end = SpanStatus(status)
            except ValueError as error:
                self._record.guard.misused(error, "the status of a span's end")
        self._end(end, at=at)

    def _end(
        self,
        status: SpanStatus,
        error: BaseException | RecordedError | str | None = None,
        at: int | None = None,
    ) -> None:
        if self.ended:
            return
        if not self._started_at:
            self._begin(_ACTIVE)
        record = self._record
        span_id = self.id
        # Of several threads that end it, only one takes it out. After a fork the child's table is empty, so
        # a child that leaves its parent's `with` blocks does not end the parent's spans.
        if record.open_spans.pop(span_id, None) is None:
            self.ended = True
            return
        self.ended = True
        try:
            now = record.clock() if at is None else record.instant(at)
            if now < self._started_at and at is None:
                now = self._started_at
            result = attributes = NO_JSON
            if self._result is not None or self._later is not None:
                result, attributes = record.pair(self._result, self._later, "result")
            end = SpanFinish(
                idempotency_key=f"{self._key}.f",
                agent_span_id=span_id,
                agent_instance_id=record.run_id,
                status=status,
                timestamp=now,
                payload=UNSET if self._payload is None else self._changed_payload(),
                result_payload=result,
                attributes=attributes,
                error=None if error is None else record.error(error),
            )
            try:
                record.append(encode(end))
            except UnicodeEncodeError:
                record.append(encode_operation(end))
        except Exception as failure:  # noqa: BLE001 - telemetry never raises into agent code
            record.guard.took(failure, "a span's end")
        except BaseException:  # Ctrl-C came in between: whoever ends the process will end this too
            self.ended = False
            record.open_spans[span_id] = self
            raise
        if self._payload is not None or self._result is not None:
            self._payload = self._result = None

    def _changed_payload(self) -> Raw | UnsetType:
        new, _ = self._record.pair(self._payload, None)
        if self._sent is NO_JSON:
            return new
        old = msgspec.json.decode(self._sent)
        return Raw(msgspec.json.encode(merged(old, msgspec.json.decode(new))))

    def __exit__(
        self, kind: _ErrorType | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if error is None:
                self._end(_COMPLETE)
            else:
                self.end_by(error)
        finally:
            if peek() is self:
                replace(self.outer)

    def end_by(self, error: BaseException) -> None:
        """End it as the exception that left it means."""
        status = outcome(error)
        if isinstance(error, GeneratorExit):
            self.set_attribute(CLOSED_EARLY, True)
        self._end(status, None if status is _COMPLETE else error)

    async def __aenter__(self) -> Self:
        return self.__enter__()

    async def __aexit__(
        self, kind: _ErrorType | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.__exit__(kind, error, trace)
