"""What a session's decisions need from outside, as the decisions see it.

What may take time is a command (`holdfast.core.flow`); what never waits is a plain call on one of these.
None of them may raise.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from holdfast.core.breaker import Permit
from holdfast.core.pricing import Cost
from holdfast.core.usage import UsageSnapshot
from holdfast.wire.agent_events import AgentEvent, AgentEventName, AgentEventStatus, AgentFailureClass
from holdfast.wire.questions import AnswerGiven
from holdfast.wire.vocabulary import SpanType

__all__ = ["NO_RECORD", "Circuit", "Notices", "Record", "Spending"]


class Circuit(Protocol):
    """A circuit breaker with a clock. `acquire` alone may raise: `CircuitOpenError`."""

    def acquire(self) -> Permit: ...

    def settle(self, permit: Permit, error: BaseException | None) -> None: ...

    def is_open(self) -> bool: ...


class Notices(Protocol):
    """Where a session says what happens. Whoever makes the event knows the role, the phase and the time."""

    def tell(
        self,
        name: AgentEventName,
        status: AgentEventStatus,
        detail: str | None = None,
        data: Mapping[str, object] | None = None,
        failure_class: AgentFailureClass | None = None,
    ) -> None: ...


class Spending(Protocol):
    """Where the usage of each turn goes, and what it comes to."""

    def price(self, model: str, usage: UsageSnapshot) -> Cost: ...

    def record(self, model: str, usage: UsageSnapshot, cost: Cost) -> None: ...


class Record(Protocol):
    """A piece of work under way on the run page: a session, a turn, an attempt or a tool call."""

    @property
    def stop_requested(self) -> str | None:
        """Why the run should stop ("" where no reason was given), or None while nobody asked."""
        ...

    def answer_to(self, question_id: str) -> AnswerGiven | None:
        """What somebody has answered from outside to a question that an event told of; None so far."""
        ...

    def open(
        self,
        kind: SpanType,
        name: str,
        payload: object = None,
        attributes: Mapping[str, object] | None = None,
    ) -> Record:
        """A piece of this work has begun. What the caller does until `close` belongs to it."""
        ...

    def note(self, event: AgentEvent) -> None:
        """Something that happened in this piece."""
        ...

    def close(
        self,
        result: object = None,
        attributes: Mapping[str, object] | None = None,
        error: BaseException | None = None,
    ) -> None:
        """The piece is done, failed with `error`, or cancelled where `error` is a cancellation. The first
        close stays; later ones do nothing."""
        ...


class _NoRecord:
    """Nothing is written."""

    __slots__ = ()
    stop_requested: str | None = None

    def answer_to(self, question_id: str) -> AnswerGiven | None:
        return None

    def open(
        self,
        kind: SpanType,
        name: str,
        payload: object = None,
        attributes: Mapping[str, object] | None = None,
    ) -> Record:
        return self

    def note(self, event: AgentEvent) -> None:
        return

    def close(
        self,
        result: object = None,
        attributes: Mapping[str, object] | None = None,
        error: BaseException | None = None,
    ) -> None:
        return


NO_RECORD = _NoRecord()
