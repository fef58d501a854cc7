"""A turn: one model call with its attempts, from the checks before it to the accounts after it, as one flow.

In order: may the session take a step at all (stop, end, deadline, number of turns) → a claim on the budget →
for each attempt the rate limit, the circuit, the call → the guardrails on what the model said → usage, cost,
budget. On every way out the claim and the permit are given back and the pieces of the record are closed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from msgspec import Struct

from holdfast.core.attempt import AttemptPiece
from holdfast.core.budget_limits import Spend
from holdfast.core.claim import Claim, Claims
from holdfast.core.failures import Failure, classify
from holdfast.core.flow import Call, Flow, Outcome, Raised, Returned, Target
from holdfast.core.guarding import Guards
from holdfast.core.looping import LoopWatch
from holdfast.core.pacing import Pace
from holdfast.core.ports import NO_RECORD, Circuit, Notices, Record, Spending
from holdfast.core.pricing import UNKNOWN_COST, Cost, CostSource
from holdfast.core.progress import Progress
from holdfast.core.recovery_flow import Attempt, GaveUp, Recovered, RecoveryPlan, recover_flow
from holdfast.core.usage import NO_USAGE, UsageSnapshot
from holdfast.core.usage_readers import UsageReading, read_usage
from holdfast.errors import CallTimeoutError, CircuitOpenError, FlowProtocolError, TurnTimeoutError
from holdfast.wire import attributes as names
from holdfast.wire.agent_events import AgentEventName, AgentEventStatus
from holdfast.wire.vocabulary import SpanType

__all__ = ["NO_READING", "Turn", "TurnDone", "TurnParts", "TurnRequest"]

NO_READING: Final = UsageReading(usage=NO_USAGE)
"""Nobody knows what a call used."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnParts:
    """What the turns of one session share. `fallback_circuits` are by the names of the
    fallbacks, `circuit` is that of every other target. `seconds` is what one turn may take
    and `call_seconds` one call of it, None for as long as it likes. Without `plan` nothing is tried again.
    `troubled` is told the attempts of a turn in which one failed, and whether the last of them succeeded."""

    progress: Progress
    claims: Claims
    notices: Notices
    record: Record
    spending: Spending
    guards: Guards
    circuit: Circuit | None
    fallback_circuits: Mapping[str, Circuit | None]
    plan: RecoveryPlan | None
    troubled: Callable[[tuple[Attempt, ...], bool], None]
    now: Callable[[], float]
    draw: Callable[[float, float], float]
    pace: Pace | None = None
    loops: LoopWatch | None = None
    seconds: float | None = None
    call_seconds: float | None = None


class TurnRequest(Struct, frozen=True, kw_only=True):
    """One turn that is asked for. `usage` is known beforehand, or `read` takes it from the result; without both
    it is read from what libraries answer. `estimate` is reserved before the call. `payload` is what the
    record shows as input. Where not `patient`, a full budget refuses at once instead of waiting."""

    target: Target
    usage: UsageSnapshot | None = None
    read: Callable[[object], UsageSnapshot | None] | None = None
    estimate: Spend = Spend(turns=1)
    seconds: float | None = None
    payload: object = None
    patient: bool = True


class TurnDone(Struct, frozen=True, kw_only=True):
    """How a turn ended. Where `error` is set there is no value, and whoever drives the turn raises it (a
    generator cannot raise all that a call can)."""

    value: object = None
    usage: UsageSnapshot = NO_USAGE
    cost: Cost = UNKNOWN_COST
    attempts: tuple[Attempt, ...] = ()
    error: BaseException | None = None


class Turn:
    """One turn under way. `run` is its flow; a streamed turn takes the same steps around a call of its own."""

    __slots__ = (
        "_claim",
        "_parts",
        "_piece",
        "_record",
        "_request",
        "cost",
        "ends_at",
        "model",
        "number",
        "scope",
        "seconds",
        "usage",
    )

    def __init__(self, parts: TurnParts, request: TurnRequest) -> None:
        self._parts = parts
        self._request = request
        self._claim: Claim | None = None
        self._record: Record = NO_RECORD
        self._piece: AttemptPiece | None = None
        self.number = 0
        self.model = request.target.model or ""
        self.ends_at: float | None = None
        self.seconds = 0.0
        self.scope = "turn"
        self.usage: UsageSnapshot | None = None
        self.cost: Cost | None = None

    def run(self) -> Flow[TurnDone]:
        yield from self.begin()
        try:
            self.announce()
            ended = yield from self.recovered(self.attempt)
            if isinstance(ended, GaveUp):
                return self.fail(ended)
            reading = self.reading(ended.value)
            try:
                value = self._parts.guards.output(ended.value, self.model)
            except BaseException as refusal:
                self.settle(reading, refusal)  # what the model said is not passed on, but it was paid for
                raise
            return self.complete(value, reading, ended.attempts)
        except BaseException as error:
            self.abort(error)
            raise

    def begin(self) -> Flow[None]:
        """Admit the turn. Raises what keeps it from beginning; then nothing is held, nothing needs to be undone."""
        parts, request = self._parts, self._request
        now = parts.now()
        if parts.loops is not None:
            parts.loops.check()
        self.number = parts.progress.next_turn(now)
        self._set_deadline(now)
        claim = parts.claims.take(request.estimate, now, patient=request.patient)
        if claim is None:
            claim = yield from parts.claims.wait(request.estimate, self.ends_at, self.seconds)
        self._claim = claim

    def announce(self) -> None:
        """Open the piece of the record, and say so. From `begin` on the claim is held: whatever may strike here is
        for `abort`."""
        parts, number = self._parts, self.number
        self._record = parts.record.open(SpanType.TURN, f"turn {number}")
        parts.notices.tell(
            AgentEventName.TURN_STARTED, AgentEventStatus.RUNNING, None, {"turn": number, "model": self.model}
        )

    def recovered(self, attempt: Callable[[Target, int], Flow[Outcome]]) -> Flow[Recovered | GaveUp]:
        """The call, tried again and elsewhere as the plan says."""
        parts, target = self._parts, self._request.target
        first = yield from attempt(target, 1)
        if isinstance(first, Returned):
            made = Attempt(number=1, target=target, started=first.started, ended=first.ended)
            return Recovered(value=first.value, attempts=(made,))
        if parts.plan is None:
            ended: Recovered | GaveUp = _gave_up(target, first)
        else:
            ended = yield from recover_flow(
                target,
                parts.plan,
                draw=parts.draw,
                deadline=self.ends_at,
                available=self._available,
                # The first call is behind us: a turn in which all goes well needs none of this.
                attempt=lambda to, number: _again(first) if number == 1 else attempt(to, number),
            )
        parts.troubled(ended.attempts, isinstance(ended, Recovered))
        return ended

    def attempt(self, target: Target, number: int) -> Flow[Outcome]:
        """One call. The piece of one that succeeded stays open: its end knows the usage."""
        refusal = yield from self.open_attempt(target, number)
        if refusal is not None:
            return refusal
        outcome = yield Call(target=target, number=number, seconds=self.left())
        return self.judged(outcome)

    def open_attempt(self, target: Target, number: int) -> Flow[Raised | None]:
        """Admit an attempt: not after a stop, not faster than the rate limit, not through an open circuit."""
        parts, request = self._parts, self._request
        if number > 1:
            parts.progress.check(parts.now(), "another attempt")
        place = None
        if parts.pace is not None:
            place = yield from parts.pace.place(
                target.model or target.name, request.estimate.tokens, self.ends_at
            )
        self.model = target.model or request.target.model or ""
        circuit = parts.fallback_circuits.get(target.name, parts.circuit)
        try:
            self._piece = AttemptPiece(self._record, target, number, circuit, place, request.payload)
        except CircuitOpenError as error:
            now = parts.now()
            return Raised(error=error, started=now, ended=now)
        return None

    def judged(self, reply: object) -> Outcome:
        """The outcome of a call; the piece of a failed one is closed."""
        if isinstance(reply, Returned):
            return reply
        if not isinstance(reply, Raised):
            raise FlowProtocolError("Call", reply)
        outcome = self.in_time(reply)
        if self._piece is not None:
            self._piece.fail(outcome.error)
        return outcome

    def left(self) -> float | None:
        """Seconds that a call may take from now on; None for as long as it likes."""
        parts = self._parts
        if self.ends_at is None:
            return parts.call_seconds
        left = self.ends_at - parts.now()
        return left if parts.call_seconds is None else min(left, parts.call_seconds)

    def reading(self, value: object) -> UsageReading:
        request = self._request
        if request.usage is not None:
            return UsageReading(usage=request.usage)
        if request.read is not None:
            taken = request.read(value)
            return NO_READING if taken is None else UsageReading(usage=taken)
        return read_usage(value) or NO_READING

    def settle(self, reading: UsageReading, error: BaseException | None = None, value: object = None) -> Cost:
        """Count what the turn used, in the totals and in the budget, and close its attempt."""
        spending, usage = self._parts.spending, reading.usage
        model = self.model or reading.model or ""
        cost = UNKNOWN_COST
        if reading is not NO_READING and model:
            cost = reading.cost or spending.price(model, usage)
            if reading.estimated and cost.usd is not None:
                cost = Cost(cost.usd, CostSource.ESTIMATED, cost.version)
        spending.record(model, usage, cost)
        self.usage, self.cost = usage, cost
        if self._parts.loops is not None and cost.usd is not None:
            self._parts.loops.spent(cost.usd)
        if self._piece is not None:
            if error is None:
                self._piece.succeed(value, reading, cost)
            else:
                self._piece.fail(error, reading, cost)
        if self._claim is not None:
            self._claim.settle(Spend(usd=cost.usd, tokens=usage.total_tokens))
        return cost

    def complete(self, value: object, reading: UsageReading, attempts: tuple[Attempt, ...]) -> TurnDone:
        """The call succeeded. Beyond a limit that is enforced at once the error carries the value."""
        parts, usage = self._parts, reading.usage
        cost = self.settle(reading, None, value)
        self._tell_completed(usage, cost, len(attempts))
        over = parts.claims.overrun(value)
        self._record.close(error=over)
        return TurnDone(value=value, usage=usage, cost=cost, attempts=attempts, error=over)

    def fail(self, ended: GaveUp) -> TurnDone:
        """No attempt succeeded: nothing was used, as far as anybody knows."""
        error, failure = ended.error, ended.failure
        if self._claim is not None:
            self._claim.settle(Spend())
        self._record.close(attributes={names.FAILURE_CATEGORY: failure.category.value}, error=error)
        self._tell_failure(error, failure)
        return TurnDone(attempts=ended.attempts, error=error)

    def leave(self, value: object, reading: UsageReading) -> None:
        """Whoever read the result went away: what came so far counts, and nothing has failed."""
        cost = self.settle(reading, None, value)
        self._tell_completed(reading.usage, cost, 1)
        self._record.close()

    def abort(self, error: BaseException) -> None:
        """A refusal, a stop or a cancellation: everything that is still held is given back."""
        if self._claim is not None:
            self._claim.release()
        if self._piece is not None:
            self._piece.fail(error)
        self._record.close(error=error)
        self._tell_failure(error, classify(error))

    def _tell_completed(self, usage: UsageSnapshot, cost: Cost, attempts: int) -> None:
        self._parts.notices.tell(
            AgentEventName.TURN_COMPLETED,
            AgentEventStatus.RUNNING,
            None,
            {
                "turn": self.number,
                "model": self.model,
                "input_tokens": usage.prompt_tokens,
                "output_tokens": usage.output_tokens,
                "cost_usd": cost.usd,
                "attempts": attempts,
            },
        )

    def _tell_failure(self, error: BaseException, failure: Failure) -> None:
        self._parts.notices.tell(
            AgentEventName.TURN_FAILED,
            AgentEventStatus.FAILED,
            f"{type(error).__name__}: {failure.reason}" if failure.reason else type(error).__name__,
            {"turn": self.number, "model": self.model, "category": failure.category.value},
            failure.failure_class,
        )

    def _set_deadline(self, now: float) -> None:
        parts = self._parts
        seconds = parts.seconds if self._request.seconds is None else self._request.seconds
        if seconds is not None:
            self.ends_at, self.seconds = now + seconds, seconds
        ends_at = parts.progress.ends_at
        if ends_at is not None and (self.ends_at is None or ends_at < self.ends_at):
            self.ends_at, self.seconds, self.scope = ends_at, parts.progress.seconds, "session"

    def in_time(self, outcome: Raised) -> Raised:
        """The same, unless it is the turn's own time that was over: then with the turn's error."""
        ends_at, limit = self.ends_at, self._parts.call_seconds
        if ends_at is None or not isinstance(outcome.error, CallTimeoutError):
            return outcome
        if limit is not None and outcome.error.seconds >= limit:
            return outcome
        error = TurnTimeoutError(self.seconds, scope=self.scope)
        return Raised(error=error, started=outcome.started, ended=max(outcome.ended, ends_at))

    def _available(self, target: Target) -> bool:
        circuit = self._parts.fallback_circuits.get(target.name, self._parts.circuit)
        return circuit is None or not circuit.is_open()


def _again(outcome: Outcome) -> Flow[Outcome]:
    yield from ()
    return outcome


def _gave_up(target: Target, outcome: Raised) -> GaveUp:
    failure = classify(outcome.error, unix_now=outcome.unix_now)
    made = Attempt(number=1, target=target, started=outcome.started, ended=outcome.ended, failure=failure)
    return GaveUp(error=outcome.error, failure=failure, attempts=(made,))
