"""A step's claim on the budget: waited for where others hold the room, told of where a limit comes near."""

from __future__ import annotations

from collections.abc import Callable, Generator

from holdfast.core.budget import Budget, Reservation, ReservationState
from holdfast.core.budget_limits import BudgetNotice, LimitKind, LimitReached, Spend
from holdfast.core.flow import Command, Park, Reply
from holdfast.core.ports import Notices
from holdfast.errors import BudgetExceededError, TurnTimeoutError
from holdfast.wire.agent_events import AgentEventName, AgentEventStatus

__all__ = ["Claim", "Claims"]


class Claim:
    """What one step holds of a budget: `settle` or `release` it on every way out; the first one counts."""

    __slots__ = ("_claims", "_reservation")

    def __init__(self, claims: Claims, reservation: Reservation) -> None:
        self._claims = claims
        self._reservation = reservation

    def settle(self, actual: Spend) -> None:
        self._claims.settle(self._reservation, actual)

    def release(self) -> None:
        self._claims.release(self._reservation)


class Claims:
    """A session's way to its budget.

    `now` reads the clock of the budget's times. `strict` is a budget in money of which going beyond raises at
    once, `watched` one of which it is only told; a watched one never refuses.

    Steps of a session that runs inside another's call may not wait for room that the outer one holds: such a
    step passes `patient=False` and is refused instead.
    """

    __slots__ = ("_notices", "_now", "budget", "strict", "watched")

    def __init__(
        self,
        budget: Budget,
        notices: Notices,
        now: Callable[[], float],
        *,
        strict: Budget | None = None,
        watched: Budget | None = None,
    ) -> None:
        self.budget = budget
        self.strict = strict
        self.watched = watched
        self._notices = notices
        self._now = now

    def take(self, spend: Spend, now: float, *, patient: bool) -> Claim | None:
        """A claim on `spend`, where there is room for it now. Where there is none the patient get None, and
        `wait`; for the others `BudgetExceededError` is raised."""
        answer = self.budget.reserve(spend, now)
        if isinstance(answer, Reservation):
            return Claim(self, answer)
        if patient:
            return None
        raise self._refused(answer)

    def settle(self, reservation: Reservation, actual: Spend) -> None:
        now = self._now()
        for notice in self.budget.settle(reservation, actual, now):
            self._tell(notice)
        if self.watched is not None:
            for notice in self.watched.charge(actual, now):
                self._tell(notice)

    def overrun(self, result: object) -> BudgetExceededError | None:
        """The error to raise where the strict budget is overrun; it carries `result`, which was paid for."""
        strict = self.strict
        if strict is None or not strict.account.overspent():
            return None
        used = strict.used(LimitKind.USD, self._now())
        error = BudgetExceededError(strict.limits.usd, used, budget=strict.name)
        error.result = result
        return error

    def release(self, reservation: Reservation) -> None:
        self.budget.release(reservation, self._now())

    def wait(self, spend: Spend, ends_at: float | None, seconds: float) -> Generator[Command, Reply, Claim]:
        """A claim on `spend`, once there is room. Raises `BudgetExceededError` where a limit is spent,
        `TurnTimeoutError` where there is no room before `ends_at` (`seconds` is the time that this allowed)."""
        answers: list[Reservation | LimitReached] = []

        def enrol(wake: Callable[[], None]) -> bool:
            answer = self.budget.reserve(spend, self._now(), wake)
            answers.append(answer)
            return isinstance(answer, Reservation) and answer.state is ReservationState.WAITING

        held = False
        try:
            yield Park(enrol=enrol, seconds=None if ends_at is None else ends_at - self._now())
            answer = answers[0]
            if isinstance(answer, LimitReached):
                raise self._refused(answer)
            if answer.state is ReservationState.HELD:
                held = True
                return Claim(self, answer)
            if answer.refusal is not None:
                raise self._refused(answer.refusal)
            raise TurnTimeoutError(seconds, scope="turn")
        finally:
            if not held:
                for answer in answers:
                    if isinstance(answer, Reservation):
                        self.release(answer)

    def _refused(self, limit: LimitReached) -> BudgetExceededError:
        error = limit.error()
        self._notices.tell(
            AgentEventName.BUDGET_EXCEEDED,
            AgentEventStatus.BLOCKED,
            str(error),
            {"kind": limit.kind.value, "limit": limit.limit, "used": limit.used, "budget": limit.budget},
        )
        return error

    def _tell(self, notice: BudgetNotice) -> None:
        name = AgentEventName.BUDGET_EXCEEDED if notice.exceeded else AgentEventName.BUDGET_WARNING
        part = f" ({notice.used / notice.limit:.0%})" if notice.limit else ""
        self._notices.tell(
            name,
            AgentEventStatus.BLOCKED if notice.exceeded else AgentEventStatus.RUNNING,
            f"{notice.budget}: {notice.used:.6g} of {notice.limit:.6g} {notice.kind.value} used{part}",
            {"kind": notice.kind.value, "limit": notice.limit, "used": notice.used, "budget": notice.budget},
        )
