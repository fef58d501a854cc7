"""A run: one execution of an agent, the root of its spans, events and quality records."""

from __future__ import annotations

from collections.abc import Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self

from holdfast._ids import new_id
from holdfast.tracing.context import Scope, enter_again, peek, replace
from holdfast.tracing.encoding import Given
from holdfast.tracing.failure import outcome
from holdfast.tracing.json_form import type_of
from holdfast.tracing.record import (
    LONGEST_NAME,
    RunRecord,
    encode_operation,
    merged,
    operation_key,
    own_key,
    short_name,
)
from holdfast.tracing.span import Span
from holdfast.wire.attributes import RUN_OUTPUT
from holdfast.wire.operations import (
    InstanceFinish,
    InstanceRegister,
    InstanceStart,
    QualityRecord,
    RecordedError,
    SpanCreate,
)
from holdfast.wire.questions import AnswerGiven
from holdfast.wire.vocabulary import EventLevel, InstanceStatus, SpanStatus, SpanType

if TYPE_CHECKING:
    from holdfast.tracing.client import Client

__all__ = ["Run"]

_STEP: Final = SpanType.STEP.value  # plain text is checked and encoded at less cost than a member


class Run:
    """Made by `holdfast.run` or `Client.run`; `with` and `async with` start it, make it current and end it.

    Without `with`: `start()` and `finish()`, each once; repeats do nothing. `start()` does not make it
    current (see `holdfast.attach`). No method waits or raises. A run still open when its process ends is
    ended then: `failed` after an unhandled exception, else `cancelled`.

    A run joined from another process (`holdfast.continue_run`) is neither announced nor ended here. One that
    is resumed (`Client.resume`) was announced elsewhere, and may be started and ended here.
    """

    __slots__ = (
        "_chosen",
        "_client",
        "_error",
        "_later",
        "_register",
        "_resumed",
        "_started",
        "ended",
        "id",
        "joined",
        "name",
        "outer",
        "record",
    )

    def __init__(
        self,
        client: Client,
        record: RunRecord,
        name: str | None,
        register: InstanceRegister | None,
        *,
        resumed: bool = False,
    ) -> None:
        self.id = record.run_id
        self.name = name
        self.outer: Scope | None = None
        self.ended = False
        self.joined = register is None and not resumed
        self._client = client
        self.record = record
        self._register = register
        self._resumed = resumed
        self._started = False
        self._later: dict[str, Any] | None = None
        self._chosen: InstanceStatus | None = None
        self._error: BaseException | RecordedError | str | None = None

    def __repr__(self) -> str:
        state = "ended" if self.ended else "active" if self._started else "not started"
        return f"<Run {self.name!r} {self.id} {state}>"

    @property
    def run(self) -> Run:
        return self

    @property
    def client(self) -> Client:
        return self._client

    @property
    def url(self) -> str:
        """The address of the run's page."""
        return self._client.run_url(self.id)

    @property
    def stop_requested(self) -> str | None:
        """The reason for which the server asked this run to stop; None while it did not."""
        return self._client.stop_reason(self.id)

    def answer_to(self, question_id: str) -> AnswerGiven | None:
        """What somebody has answered, in the console or by the API, to a question of this run that an
        `input.requested` event told of; None so far. While this is called every few seconds the server is asked
        every second."""
        return self._client.answer(self.id, question_id)

    # --- start

    def announce(self) -> Self:
        """Tell the server of the run, which is pending until `start`. A repeat does nothing, and `start` does
        it where it was not done."""
        register, self._register = self._register, None
        if register is not None:
            try:
                self.record.append(encode_operation(register))
                self._client.opened(self)
            except Exception as error:  # noqa: BLE001 - telemetry never raises into agent code
                self.record.guard.took(error, "a run's announcement")
        return self

    def start(self, *, at: int | None = None) -> Self:
        """Announce and start the run. `at` is nanoseconds since 1970."""
        if self._started or self.ended:
            return self
        self._started = True
        if self.joined:
            return self
        record = self.record
        try:
            now = record.clock() if at is None else record.instant(at)
            self.announce()
            record.append(
                encode_operation(
                    InstanceStart(
                        idempotency_key=operation_key(self.id, "s"),
                        agent_instance_id=self.id,
                        timestamp=now,
                    )
                )
            )
        except Exception as error:  # noqa: BLE001 - telemetry never raises into agent code
            record.guard.took(error, "a run's start")
        return self

    def __enter__(self) -> Self:
        self.start()
        enter_again(self)
        return self

    # --- spans

    def span(
        self,
        name: str,
        *,
        type: str = _STEP,  # noqa: A002 - the reader's word for it
        payload: Given = None,
        attributes: Mapping[str, Any] | None = None,
        parent: Span | Run | str | None = None,
        id: str | None = None,  # noqa: A002 - the wire's word
    ) -> Span:
        """A span, not started yet: `with run.span("…"):` starts and ends it; or call `start()` yourself.

        Its parent is the innermost open span of this run, unless `parent` (a span, its id, or the run
        itself for none) is given.
        """
        if not (self._started or self._resumed):
            self.start()
        record = self.record
        if parent is None:
            scope = peek()
            # The innermost scope of this run, by far the most often the current one.
            while scope is not None and (scope.ended or scope.run is not self):
                scope = scope.outer
            if scope is None or scope is self:
                parent_id = record.remote_parent
            else:
                parent_id = scope.id
        else:
            parent_id = self._id_of(parent)
        if type_of(name) is not str or len(name) > LONGEST_NAME:
            name = short_name(name)
        if type_of(type) is not str or len(type) > LONGEST_NAME:
            type = short_name(type)  # noqa: A001 - the argument itself
        if id is None:
            id = key = new_id()  # noqa: A001 - the argument itself
        else:
            id = record.usable_id(id)  # noqa: A001 - the argument itself
            key = own_key(id)
        return Span(self, id, name, type, parent_id, key, record, payload, attributes)

    def _id_of(self, parent: Span | Run | str) -> str | None:
        try:
            if isinstance(parent, Span):
                return parent.id
            return short_name(parent) if isinstance(parent, str) else self.record.remote_parent
        except Exception as error:  # noqa: BLE001 - an object may even fail to say of what class it is
            self.record.guard.misused(error, "a span's parent")
            return self.record.remote_parent

    def start_span(
        self,
        name: str,
        *,
        type: str = _STEP,  # noqa: A002 - the reader's word for it
        payload: Given = None,
        attributes: Mapping[str, Any] | None = None,
        parent: Span | Run | str | None = None,
        id: str | None = None,  # noqa: A002 - the wire's word
    ) -> Span:
        """A span that is started at once, never becomes current, and stays open until it is ended, from
        anywhere.
        """
        return self.span(
            name, type=type, payload=payload, attributes=attributes, parent=parent, id=id
        ).start()

    def finish_span(
        self, span_id: str, status: SpanStatus | str | None = None, *, result: Given = None
    ) -> None:
        """End an open span of this run by its id. An unknown or ended one is left alone, and counted."""
        try:
            span = self.record.open_spans.get(span_id)
        except TypeError:  # a list, say
            span = None
        if span is None:
            self.record.guard.dropped(f"finish_span: {span_id!r} is not an open span of this run")
        else:
            span.finish(status, result=result)

    def record_span(
        self,
        name: str,
        *,
        started_at: int,
        finished_at: int,
        type: str = _STEP,  # noqa: A002 - the reader's word for it
        status: SpanStatus | str = SpanStatus.COMPLETE,
        payload: Given = None,
        result: Given = None,
        error: BaseException | RecordedError | str | None = None,
        attributes: Mapping[str, Any] | None = None,
        parent: Span | Run | str | None = None,
        id: str | None = None,  # noqa: A002 - the wire's word
    ) -> str:
        """Record a piece of work that is over, in one operation; returns its id. Times are nanoseconds
        since 1970.
        """
        span = self.span(name, type=type, parent=parent, id=id)
        record = self.record
        try:
            body, encoded_attributes = record.pair(payload, dict(attributes) if attributes else None)
            encoded_result, _ = record.pair(result, None)
            record.append(
                encode_operation(
                    SpanCreate(
                        idempotency_key=new_id(),
                        agent_instance_id=self.id,
                        id=span.id,
                        parent_span_id=span.parent_id,
                        schema_name=span.type,
                        name=span.name,
                        status=SpanStatus(status),
                        started_at=record.instant(started_at),
                        finished_at=record.instant(finished_at),
                        payload=body,
                        result_payload=encoded_result,
                        attributes=encoded_attributes,
                        error=None if error is None else record.error(error),
                    )
                )
            )
        except Exception as failure:  # noqa: BLE001 - telemetry never raises into agent code
            record.guard.took(failure, "a span")
        return span.id

    # --- between

    def event(
        self,
        name: str,
        payload: Given = None,
        *,
        level: EventLevel | str = EventLevel.INFO,
        at: int | None = None,
        id: str | None = None,  # noqa: A002 - the wire's word
    ) -> None:
        """Record a fact at an instant of this run, at once."""
        self.record.event(name, payload, level=level, span_id=None, at=at, event_id=id)

    def record_quality(self, name: str, payload: Given, *, at: int | None = None) -> None:
        """Record a named judgement of the run; None takes it away. The latest stays, even after the end."""
        record = self.record
        try:
            body, _ = record.pair(payload, None)
            record.append(
                encode_operation(
                    QualityRecord(
                        idempotency_key=new_id(),
                        agent_instance_id=self.id,
                        name=short_name(name),
                        payload=body,
                        timestamp=record.clock() if at is None else record.instant(at),
                    )
                )
            )
        except Exception as error:  # noqa: BLE001 - telemetry never raises into agent code
            record.guard.took(error, "a quality record")

    def set_attributes(self, attributes: Mapping[str, Any]) -> None:
        """Add attributes; they are sent with the run's end."""
        try:
            self._later = {**(self._later or {}), **attributes}
        except Exception as error:  # noqa: BLE001 - telemetry never raises into agent code
            self.record.guard.misused(error, "attributes of a run")

    def set_output(self, output: Given) -> None:
        """Say what the run came to; merged, where it is a mapping, into what was said before."""
        self.set_attributes({RUN_OUTPUT: merged((self._later or {}).get(RUN_OUTPUT), output)})

    # --- end

    def fail(
        self, error: BaseException | RecordedError | str | None = None, *, at: int | None = None
    ) -> None:
        self._end(InstanceStatus.FAILED, error, at=at)

    def cancel(self) -> None:
        self._end(InstanceStatus.CANCELLED)

    def finish(self, status: InstanceStatus | str | None = None, *, at: int | None = None) -> None:
        """End the run: `complete` unless told otherwise. Its open spans are left open: they may end after
        it.
        """
        end = InstanceStatus.COMPLETE
        if status is not None:
            try:
                end = InstanceStatus(status)
            except ValueError as error:
                self.record.guard.misused(error, "the status of a run's end")
        self._end(end, at=at)

    def _end(
        self,
        status: InstanceStatus,
        error: BaseException | RecordedError | str | None = None,
        at: int | None = None,
    ) -> None:
        if self.ended:
            return
        if not self._resumed:
            self.start()
        self.ended = True
        # Only the process that announced a run ends it: not one that joined it, not a fork that left its
        # `with`. A resumed one is whoever's that says so.
        own = self._client.closed_run(self)
        if not (own or self._resumed):
            return
        record = self.record
        try:
            _, attributes = record.pair(None, self._later)
            record.append(
                encode_operation(
                    InstanceFinish(
                        idempotency_key=operation_key(self.id, "f"),
                        agent_instance_id=self.id,
                        status=status,
                        timestamp=record.clock() if at is None else record.instant(at),
                        error=None if error is None else record.error(error),
                        attributes=attributes,
                    )
                )
            )
        except Exception as failure:  # noqa: BLE001 - telemetry never raises into agent code
            record.guard.took(failure, "a run's end")
        except BaseException:  # Ctrl-C came in between: whoever ends the process will end this too
            self.ended = False
            if own:
                self._client.opened(self)
            raise

    def open_spans(self) -> list[Span]:
        """The spans that this process has started in this run and not ended, oldest first."""
        return list(self.record.open_spans.values())

    def forget_open_spans(self) -> None:
        """To be called in a forked child: the spans that were open are the parent's to end."""
        self.record.open_spans.clear()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if error is None:
                self._end(InstanceStatus.COMPLETE)
            else:
                status = outcome(error)
                self._end(InstanceStatus(status), None if status is SpanStatus.COMPLETE else error)
        finally:
            if peek() is self:
                replace(self.outer)

    async def __aenter__(self) -> Self:
        return self.__enter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.__exit__(kind, error, trace)
