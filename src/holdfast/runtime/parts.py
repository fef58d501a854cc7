"""The parts of one session, put together from an orchestrator's setup. Each has one duty; the sessions only
lead requests through them."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from msgspec import Struct

from holdfast.core.budget import Budget
from holdfast.core.budget_limits import Limits
from holdfast.core.claim import Claims
from holdfast.core.guarding import Guards
from holdfast.core.lifecycle import AgentWorker
from holdfast.core.loopguard import LoopGuard
from holdfast.core.looping import LoopWatch
from holdfast.core.pacing import Pace
from holdfast.core.ports import Record
from holdfast.core.progress import Progress
from holdfast.core.ratelimit import RateLimiter
from holdfast.core.recovery import scenario_of
from holdfast.core.recovery_books import RecoveryContext, RecoveryEvent, RecoveryResult
from holdfast.core.recovery_flow import Attempt
from holdfast.core.tool_call import ToolParts
from holdfast.core.turn import TurnParts
from holdfast.runtime.breaker import AsyncCircuitBreaker, CircuitBreaker
from holdfast.runtime.controls import controls_in_force
from holdfast.runtime.hands import HandKit, Work
from holdfast.runtime.inputs import InputDesk
from holdfast.runtime.ledger import Ledger
from holdfast.runtime.notices import SessionEvents
from holdfast.runtime.prices import default_prices
from holdfast.runtime.recorder import open_record
from holdfast.runtime.session_info import SessionInfo
from holdfast.runtime.setup import Setup
from holdfast.runtime.sinks import DEFAULT_RING_CAPACITY
from holdfast.runtime.usage import UsageTracker
from holdfast.wire.agent_events import emitted_now

__all__ = ["Heritage", "Parts", "assemble"]

_UNCOUNTED: Final = 1 << 30


class Heritage(Struct, frozen=True, kw_only=True):
    """What a session that was handed over to has from the one before it."""

    from_role: str
    reason: str
    budget: Budget
    watched: Budget | None
    strict: Budget | None
    ends_at: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """One session's parts. `started` is on the session's clock."""

    setup: Setup
    role: str
    worker: AgentWorker
    started: float
    record: Record
    events: SessionEvents
    tracker: UsageTracker
    recovery: RecoveryContext
    progress: Progress
    claims: Claims
    turns: TurnParts
    tools: ToolParts
    inputs: InputDesk
    kit: HandKit
    fallbacks: Mapping[str, Work]

    def heritage(self, reason: str) -> Heritage:
        return Heritage(
            from_role=self.role,
            reason=reason,
            budget=self.claims.budget,
            watched=self.claims.watched,
            strict=self.claims.strict,
            ends_at=self.progress.ends_at,
        )


def assemble(
    setup: Setup,
    worker: AgentWorker,
    *,
    is_async: bool,
    heritage: Heritage | None = None,
    tracker: UsageTracker | None = None,
    recovery: RecoveryContext | None = None,
) -> Parts:
    """The parts of a session for `worker`, whose role may be another than the setup's after a handoff. The totals
    and the books may be ones that the caller keeps."""
    clock, role = setup.clock, worker.role
    now = clock.monotonic
    started = now()
    # First what may raise: a run that is announced and never begins would stay open.
    prices = default_prices() if setup.prices is None else setup.prices
    plan = setup.recovery.plan() if setup.recover else None
    record = open_record(_info(setup, worker, heritage, is_async=is_async), setup.recorder)
    events = SessionEvents(
        role, worker.phase, worker.project_id, setup.event_sink, record, keep=DEFAULT_RING_CAPACITY
    )
    tracker = UsageTracker(prices=prices) if tracker is None else tracker
    recovery = RecoveryContext() if recovery is None else recovery
    progress = _progress(setup, worker, record, started, heritage)
    claims = _claims(setup, events, now, heritage)
    guards = Guards(tuple(setup.guardrails), role, events)
    loops = None if setup.loop_guard is None else LoopWatch(LoopGuard(setup.loop_guard), events, now)
    return Parts(
        setup=setup,
        role=role,
        worker=worker,
        started=started,
        record=record,
        events=events,
        tracker=tracker,
        recovery=recovery,
        progress=progress,
        claims=claims,
        turns=TurnParts(
            progress=progress,
            claims=claims,
            notices=events,
            record=record,
            spending=Ledger(prices, tracker, setup.usage_sink),
            guards=guards,
            circuit=_circuit(setup, is_async=is_async),
            fallback_circuits={one.target.name: one.circuit_breaker for one in setup.recovery.fallbacks},
            plan=plan,
            troubled=_bookkeeper(recovery, worker),
            pace=_pace(setup, events, now, for_models=True),
            loops=loops,
            now=now,
            draw=random.uniform,
            seconds=setup.limits.turn_seconds,
            call_seconds=setup.limits.call_seconds,
        ),
        tools=ToolParts(
            role=role,
            progress=progress,
            permissions=setup.permissions,
            guards=guards,
            claims=claims,
            notices=events,
            record=record,
            pace=_pace(setup, events, now, for_models=False),
            loops=loops,
            now=now,
            seconds=setup.limits.tool_seconds,
        ),
        inputs=InputDesk(worker, progress, events, record, now),
        kit=HandKit(
            clock=clock, notices=events, hooks=setup.recovery.hooks(), escalate=setup.recovery.escalate
        ),
        fallbacks={one.target.name: one.call for one in setup.recovery.fallbacks},
    )


def _info(setup: Setup, worker: AgentWorker, heritage: Heritage | None, *, is_async: bool) -> SessionInfo:
    return SessionInfo(
        role=worker.role,
        phase=worker.phase,
        worker_id=worker.worker_id,
        project_id=worker.project_id,
        handed_from=None if heritage is None else heritage.from_role,
        handoff_reason=None if heritage is None else heritage.reason,
        controls=controls_in_force(setup, worker.role, _circuit(setup, is_async=is_async)),
    )


def _progress(
    setup: Setup, worker: AgentWorker, record: Record, started: float, heritage: Heritage | None
) -> Progress:
    seconds = setup.limits.session_seconds
    ends_at = None if seconds is None else started + seconds
    inherited = None if heritage is None else heritage.ends_at
    if inherited is not None and (ends_at is None or inherited < ends_at):
        ends_at, seconds = inherited, inherited - started
    return Progress(
        worker,
        record,
        max_iterations=setup.max_iterations,
        ends_at=ends_at,
        seconds=seconds or 0.0,
        control=setup.control,
    )


def _claims(
    setup: Setup, events: SessionEvents, now: Callable[[], float], heritage: Heritage | None
) -> Claims:
    """One tree: what a session spends counts in its own budget, in that of the session it has the work from,
    and in the one that sessions share."""
    if heritage is not None:
        budget = heritage.budget.child(name=f"handed over by {heritage.from_role}")
        return Claims(budget, events, now, strict=heritage.strict, watched=heritage.watched)
    own = None if setup.budget_usd is None else Limits(usd=setup.budget_usd)
    if own is not None and setup.enforce_budget:
        budget = Budget(own, name="session budget", parent=setup.budget)
        return Claims(budget, events, now, strict=budget)
    budget = Budget(name="session", parent=setup.budget)
    watched = None if own is None else Budget(own, name="session budget")
    return Claims(budget, events, now, watched=watched)


def _pace(setup: Setup, events: SessionEvents, now: Callable[[], float], *, for_models: bool) -> Pace | None:
    limits = setup.rate_limits
    if limits is None:
        return None
    if isinstance(limits, RateLimiter):
        return Pace({}, events, now, other=limits) if for_models else None
    return Pace(limits, events, now)


def _circuit(setup: Setup, *, is_async: bool) -> CircuitBreaker | None:
    found = setup.circuit_breaker
    if setup.async_circuit_breaker is not None and (is_async or found is None):
        other = setup.async_circuit_breaker
        found = other.breaker if isinstance(other, AsyncCircuitBreaker) else other
    return found


def _bookkeeper(books: RecoveryContext, worker: AgentWorker) -> Callable[[tuple[Attempt, ...], bool], None]:
    """Keeps the books on what was really done about a failure, per scenario."""

    def troubled(attempts: tuple[Attempt, ...], recovered: bool) -> None:
        failed = [attempt for attempt in attempts if attempt.failure is not None]
        for attempt in failed:
            if attempt.failure is not None:
                books.admit(scenario_of(attempt.failure), _UNCOUNTED)
        worker.retry_count += len(attempts) - 1
        worker.provider_used = attempts[-1].target.model or attempts[-1].target.name
        last = failed[-1].failure if failed else None
        if last is None:
            return
        steps = [attempt.step.value for attempt in attempts if attempt.step is not None]
        result = RecoveryResult(
            "recovered" if recovered else "escalation_required",
            steps_taken=len(steps),
            recovered_steps=steps if recovered else [],
            remaining_steps=[] if recovered else steps,
            reason=last.reason,
        )
        outcome = "succeeded" if recovered else "failed"
        books.record(RecoveryEvent(outcome, scenario_of(last).value, steps, result.to_dict(), emitted_now()))

    return troubled
