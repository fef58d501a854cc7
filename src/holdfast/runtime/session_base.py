"""What plain and async sessions have in common: all that never waits."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final

from holdfast.core.error_text import error_text
from holdfast.core.failures import classify
from holdfast.core.handoff import Handoff
from holdfast.core.lifecycle import AgentRegistry, AgentWorker
from holdfast.core.policy import PhaseContext, PolicyActionData
from holdfast.core.quality import QualityGateOutcome, QualityLevel
from holdfast.core.recovery_books import RecoveryContext
from holdfast.errors import RunTerminated
from holdfast.runtime.parts import Heritage, Parts
from holdfast.runtime.usage import UsageTracker
from holdfast.wire import attributes as names
from holdfast.wire.agent_events import AgentEvent, AgentEventName, AgentEventStatus
from holdfast.wire.runtime_vocabulary import AgentStatus
from holdfast.wire.vocabulary import FailureCategory

__all__ = ["SessionBase"]

_MESSAGE_LENGTH: Final = 2000


class SessionBase:
    """The live side of one agent at work, from `Orchestrator.session` or `asession`.

    Threads and tasks may use one session at once: every control holds for all of them together. A call of a
    session from inside another of its calls is a step like any other. After its end every step raises
    `SessionEndedError`.
    """

    __slots__ = ("_heirs", "_parts")

    def __init__(self, parts: Parts, heirs: dict[str, Heritage]) -> None:
        self._parts = parts
        self._heirs = heirs

    # --- to be read

    @property
    def worker(self) -> AgentWorker:
        return self._parts.worker

    @property
    def role(self) -> str:
        return self._parts.role

    @property
    def phase(self) -> str:
        return self._parts.worker.phase

    @property
    def project_id(self) -> int | None:
        return self._parts.worker.project_id

    @property
    def registry(self) -> AgentRegistry:
        return self._parts.setup.registry

    @property
    def tracker(self) -> UsageTracker:
        """Tokens and money of the turns so far."""
        return self._parts.tracker

    @property
    def recovery(self) -> RecoveryContext:
        """The books on failures and what was done about them."""
        return self._parts.recovery

    @property
    def events(self) -> list[AgentEvent]:
        """The latest 1,000 events, oldest first: a copy."""
        return self._parts.events.latest

    @property
    def turns(self) -> int:
        """How many turns have begun."""
        return self._parts.progress.turns

    def summary(self) -> dict[str, object]:
        """The session so far, ready for JSON."""
        parts = self._parts
        return {
            "worker": parts.worker.to_dict(),
            "usage": parts.tracker.summary(),
            "per_model_cost": parts.tracker.per_model_summary(),
            "recovery_events": [event.to_dict() for event in parts.recovery.events],
            "agent_events": [event.to_dict() for event in parts.events.latest],
        }

    # --- to be decided

    def stop(self, reason: str = "") -> None:
        """Let no further step begin: the next one raises `RunTerminated`. From any thread."""
        self._parts.progress.stop(reason)

    def take_advice(self) -> list[str]:
        """What the loop guard would have the model told, since this was last asked: put it into the next prompt."""
        loops = self._parts.tools.loops
        return [] if loops is None else loops.take_advice()

    def provide_input(self, value: str) -> None:
        """Answer the open question, from any thread or task. Raises `NoInputPendingError` where none is open."""
        self._parts.inputs.provide(value)

    def evaluate_policy(
        self,
        *,
        quality_level: QualityLevel | None = None,
        gate_score: float = 0.0,
        gate_threshold: float = 0.0,
        completed_roles: Collection[str] = (),
        failed_roles: Collection[str] = (),
        all_roles: Collection[str] = (),
        retry_exhausted_scenarios: Collection[str] = (),
        phase_completed: bool = False,
    ) -> list[PolicyActionData]:
        """What the policy engine asks for as things stand; elapsed time and known cost are the session's own.
        Nothing without an engine."""
        parts = self._parts
        engine = parts.setup.policy_engine
        if engine is None:
            return []
        context = PhaseContext(
            phase=self.phase,
            quality_level=quality_level,
            gate_score=gate_score,
            gate_threshold=gate_threshold,
            completed_roles=set(completed_roles),
            failed_roles=set(failed_roles),
            all_roles=set(all_roles),
            elapsed_seconds=parts.setup.clock.monotonic() - parts.started,
            retry_exhausted_scenarios=set(retry_exhausted_scenarios),
            phase_completed=phase_completed,
            total_cost_usd=parts.tracker.total_cost(),
        )
        actions = engine.evaluate(context)
        if actions:
            parts.events.tell(
                AgentEventName.POLICY_DECIDED,
                AgentEventStatus.RUNNING,
                ", ".join(action.action.value for action in actions),
                {"actions": [action.to_dict() for action in actions]},
            )
        return actions

    def evaluate_gate(self, level: QualityLevel | None) -> QualityGateOutcome | None:
        """Whether the quality gate opens at `level`; None where the orchestrator has no gate."""
        parts = self._parts
        if parts.setup.quality_gate is None:
            return None
        outcome = parts.setup.quality_gate.evaluate(level)
        observed = "nothing" if level is None else level.label
        detail = f"required {outcome.required_level.label}, observed {observed}"
        made = AgentEvent.gate_passed if outcome.satisfied else AgentEvent.gate_failed
        event = made(self.phase, detail).with_data(outcome.to_dict())
        parts.events.emit(event if self.project_id is None else event.with_project(self.project_id))
        return outcome

    def handoff_to(
        self, target_role: str, reason: str, context: Mapping[str, object] | None = None
    ) -> Handoff:
        """Complete this session's work and give it to another role: `Orchestrator.session_for` opens its session,
        under the same budget and deadline and with the permissions of the new role. `context` is copied."""
        parts = self._parts
        parts.progress.check(parts.setup.clock.monotonic(), "a handoff")
        target = self.registry.create(target_role, self.phase, self.project_id)
        target.transition(AgentStatus.INITIALIZING)
        handoff = Handoff(
            source_role=self.role,
            target_role=target_role,
            phase=self.phase,
            reason=reason,
            context=dict(context or {}),
            project_id=self.project_id,
            target_worker_id=target.worker_id,
        )
        self._heirs[target.worker_id] = parts.heritage(reason)
        parts.worker.transition(AgentStatus.COMPLETED, f"handed over to {target_role}")
        data = {"handoff": handoff.to_dict()}
        parts.events.tell(
            AgentEventName.AGENT_COMPLETED, AgentEventStatus.COMPLETED, f"handed over to {target_role}", data
        )
        return handoff

    # --- from the orchestrator

    def begin(self) -> None:
        """Open the session: the worker runs."""
        worker = self._parts.worker
        if worker.status is AgentStatus.IDLE:
            worker.transition(AgentStatus.INITIALIZING)
        worker.transition(AgentStatus.RUNNING)
        self._parts.events.emit(AgentEvent.started(self.role, self.phase))

    def end(self, error: BaseException | None) -> None:
        """Close the session by how the caller left it. A second time nothing happens."""
        parts = self._parts
        if not parts.worker.is_terminal:
            self._settle(error)
        parts.record.close(None, self._totals(), error)

    def _settle(self, error: BaseException | None) -> None:
        parts, worker = self._parts, self._parts.worker
        if error is None:
            if worker.status is AgentStatus.WAITING_FOR_INPUT:
                worker.transition(AgentStatus.RUNNING)
            worker.transition(AgentStatus.COMPLETED)
            parts.events.emit(AgentEvent.completed(self.role, self.phase))
            return
        failure = classify(error)
        detail = error_text(error)[:_MESSAGE_LENGTH]
        if isinstance(error, RunTerminated):
            worker.transition(AgentStatus.CANCELLED, detail)
            parts.events.tell(AgentEventName.SESSION_STOPPED, AgentEventStatus.CANCELLED, error.reason)
        elif not isinstance(error, Exception) or failure.category is FailureCategory.CANCELLED:
            worker.transition(AgentStatus.CANCELLED, detail)
            parts.events.tell(AgentEventName.AGENT_CANCELLED, AgentEventStatus.CANCELLED, detail)
        else:
            worker.transition(AgentStatus.FAILED, detail)
            parts.events.emit(AgentEvent.failed(self.role, self.phase, failure.failure_class, detail))

    def _totals(self) -> dict[str, object]:
        parts = self._parts
        return {names.TURNS: parts.progress.turns}
