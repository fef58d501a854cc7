"""The records and decisions under `techrevati.runtime`, as its users see them."""

from __future__ import annotations

import dataclasses
import json
from math import isnan
from pathlib import Path
from typing import Any

import pytest

from techrevati.runtime import DEFAULT_RING_CAPACITY, PRICING_TABLE, __version__
from techrevati.runtime.agent_events import AgentEvent, AgentEventName, AgentEventStatus, AgentFailureClass
from techrevati.runtime.agent_lifecycle import (
    AgentRegistry,
    AgentStatus,
    AgentWorker,
    AgentWorkerEvent,
    InvalidTransitionError,
)
from techrevati.runtime.circuit_breaker import (
    AsyncCircuitBreaker,
    CircuitBreaker,
    CircuitOpenError,
    CircuitState,
)
from techrevati.runtime.guardrails import (
    AllowAllGuardrail,
    Guardrail,
    GuardrailOutcome,
    GuardrailViolatedError,
    run_post_checks,
    run_pre_checks,
)
from techrevati.runtime.handoffs import Handoff
from techrevati.runtime.permissions import (
    PermissionEnforcer,
    PermissionMode,
    PermissionOutcome,
    PermissionPolicy,
    RolePermissionConfig,
)
from techrevati.runtime.policy_engine import (
    AgentFailed,
    AllAgentsComplete,
    And,
    CostExceeded,
    GateBelow,
    Or,
    PhaseCompleted,
    PhaseContext,
    PolicyAction,
    PolicyActionData,
    PolicyCondition,
    PolicyEngine,
    PolicyRule,
    QualityAt,
    RetryExhausted,
    TimedOut,
)
from techrevati.runtime.quality_gate import QualityGate, QualityGateOutcome, QualityLevel
from techrevati.runtime.retry_policy import (
    EscalationPolicy,
    FailureScenario,
    RecoveryContext,
    RecoveryEvent,
    RecoveryRecipe,
    RecoveryResult,
    RecoveryStep,
    aattempt_recovery,
    attempt_recovery,
    backoff_delay,
    classify_exception,
    next_provider,
    recipe_for,
    smaller_context_budget,
)
from techrevati.runtime.sinks import (
    NoopEventSink,
    NoopUsageSink,
    RingBufferEventSink,
    RingBufferUsageSink,
)
from techrevati.runtime.usage_tracking import (
    BudgetExceededError,
    ModelPricing,
    UsageSnapshot,
    UsageTracker,
    has_pricing,
    load_pricing_from_file,
    register_pricing,
)


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


# --- events


def test_the_package_says_its_release() -> None:
    """The version is that of the API, and the capacity the known one."""
    assert (__version__, DEFAULT_RING_CAPACITY) == ("0.1.0", 1000)


@pytest.mark.parametrize(
    ("event", "status"),
    [
        (AgentEvent.started("r", "p"), AgentEventStatus.RUNNING),
        (AgentEvent.completed("r", "p", "done"), AgentEventStatus.COMPLETED),
        (AgentEvent.failed("r", "p", AgentFailureClass.LLM_ERROR, "no"), AgentEventStatus.FAILED),
        (AgentEvent.phase_started("p"), AgentEventStatus.RUNNING),
        (AgentEvent.gate_passed("p", "yes"), AgentEventStatus.GREEN),
        (AgentEvent.gate_failed("p"), AgentEventStatus.RED),
        (AgentEvent.recovery_attempted("r", "p"), AgentEventStatus.RUNNING),
    ],
)
def test_each_convenience_constructor_sets_the_status_that_fits(
    event: AgentEvent, status: AgentEventStatus
) -> None:
    """And survives the way through a dict and through JSON."""
    assert event.status is status
    assert AgentEvent.from_dict(event.to_dict()) == event
    assert AgentEvent.from_json(event.to_json()) == event


def test_an_event_is_built_step_by_step() -> None:
    """Builders return new events; what is not set is not written; the time has a zone."""
    first = AgentEvent(AgentEventName.AGENT_BLOCKED, AgentEventStatus.BLOCKED)
    event = (
        first.with_failure_class(AgentFailureClass.RATE_LIMIT)
        .with_detail("später")
        .with_data({"n": 1})
        .with_project(7)
    )
    assert set(first.to_dict()) == {"event", "type", "status", "emitted_at"}
    shaped = event.to_dict()
    assert (shaped["event"], shaped["type"], shaped["status"]) == ("agent.blocked", "blocked", "blocked")
    assert (shaped["failure_class"], shaped["project_id"], shaped["data"]) == ("rate_limit", 7, {"n": 1})
    assert str(shaped["emitted_at"]).endswith("Z")
    assert "später" in event.to_json()
    assert event.to_otel_attributes() == {
        "agent.event": "agent.blocked",
        "agent.event.status": "blocked",
        "agent.event.timestamp": event.emitted_at,
        "agent.project_id": 7,
        "agent.failure_class": "rate_limit",
        "agent.detail": "später",
    }


@pytest.mark.parametrize("data", [{}, {"event": "agent.started"}, {"event": "no.such", "status": "running"}])
def test_an_event_without_a_known_name_and_status_is_refused(data: dict[str, Any]) -> None:
    """`ValueError`, as ever."""
    with pytest.raises(ValueError, match=r"event|status"):
        AgentEvent.from_dict(data)


# --- lifecycle


def test_a_worker_goes_only_where_it_may() -> None:
    """A forbidden step raises with both ends and changes nothing; a failure keeps its detail."""
    worker = AgentWorker("w-1", "writer", "draft")
    with pytest.raises(InvalidTransitionError) as refused:
        worker.transition(AgentStatus.RUNNING)
    assert (refused.value.current, refused.value.target) == (AgentStatus.IDLE, AgentStatus.RUNNING)
    worker.transition(AgentStatus.INITIALIZING)
    worker.transition(AgentStatus.RUNNING)
    event = worker.transition(AgentStatus.FAILED, "broken")
    assert isinstance(event, AgentWorkerEvent)
    assert (event.seq, event.to_dict()["status"]) == (3, "failed")
    assert worker.is_terminal
    assert worker.last_error is not None
    assert worker.last_error["message"] == "broken"
    assert set(worker.to_dict()) == {field.name for field in dataclasses.fields(AgentWorker) if field.init}


def test_the_registry_finds_workers() -> None:
    """By id, by role and phase while they work, by project for ever; unknown ids raise `KeyError`."""
    registry = AgentRegistry()
    worker = registry.create("writer", "draft", project_id=3)
    assert worker.worker_id.startswith("writer-draft-")
    assert len(worker.worker_id) == len("writer-draft-") + 8
    assert registry.get(worker.worker_id) is worker
    assert registry.get_by_role_phase("writer", "draft") is worker
    assert registry.list_active() == [worker]
    registry.transition(worker.worker_id, AgentStatus.CANCELLED)
    assert registry.get_by_role_phase("writer", "draft") is None
    assert (registry.list_active(), registry.get_by_project(3)) == ([], [worker])
    with pytest.raises(KeyError):
        registry.transition("nobody", AgentStatus.RUNNING)
    registry.clear()
    assert registry.get(worker.worker_id) is None


# --- breaker


def _fail() -> None:
    raise OSError("down")


def test_the_breaker_opens_probes_and_closes() -> None:
    """Open after the threshold, half-open after the timeout, closed by a probe that succeeds."""
    clock = Clock()
    breaker = CircuitBreaker("api", failure_threshold=2, recovery_timeout_seconds=10.0, clock=clock)
    for _ in range(2):
        with pytest.raises(OSError, match="down"):
            breaker.call(_fail)
    assert (breaker.state(), breaker.is_open()) == (CircuitState.OPEN, True)
    with pytest.raises(CircuitOpenError) as refused:
        breaker.call(lambda: 1)
    assert refused.value.name == "api"
    clock.now = 10.0
    assert breaker.state() is CircuitState.HALF_OPEN
    assert breaker.call(int, "11", base=2) == 3
    assert breaker.state() is CircuitState.CLOSED
    breaker.record_failure()
    breaker.record_success()
    breaker.record_failure()
    assert breaker.state() is CircuitState.CLOSED
    breaker.record_failure()
    breaker.reset()
    assert breaker.state() is CircuitState.CLOSED


@pytest.mark.anyio
async def test_the_async_breaker_has_the_same_contract_with_awaitable_methods() -> None:
    """And gives the permit of a cancelled probe back."""
    clock = Clock()
    breaker = AsyncCircuitBreaker("api", 1, 5.0, 1, clock)

    async def fail() -> None:
        raise OSError("down")

    async def add(one: int, two: int) -> int:
        return one + two

    with pytest.raises(OSError, match="down"):
        await breaker.call(fail)
    assert await breaker.is_open()
    with pytest.raises(CircuitOpenError):
        await breaker.call(add, 1, 2)
    clock.now = 5.0
    assert await breaker.state() is CircuitState.HALF_OPEN
    assert await breaker.call(add, 1, two=2) == 3
    await breaker.record_failure()
    assert await breaker.state() is CircuitState.OPEN
    await breaker.reset()
    await breaker.record_success()
    assert await breaker.state() is CircuitState.CLOSED


# --- guardrails


class NoShell:
    name = "no_shell"

    def check_pre(self, *, role: str, tool: str) -> GuardrailOutcome:
        return GuardrailOutcome(allowed=tool != "shell", reason="no shell here")

    def check_post(self, value: object, *, role: str, tool: str) -> GuardrailOutcome:
        return GuardrailOutcome("secret" not in str(value), "a secret")


def test_the_first_guardrail_that_refuses_is_named() -> None:
    """With outcome, role, tool and stage, before and after the tool."""
    guards: list[Guardrail] = [AllowAllGuardrail(), NoShell()]
    run_pre_checks(guards, role="r", tool="read")
    run_post_checks(guards, "fine", role="r", tool="read")
    with pytest.raises(GuardrailViolatedError) as before:
        run_pre_checks(guards, role="r", tool="shell")
    assert (before.value.guardrail, before.value.stage, before.value.tool) == ("no_shell", "pre", "shell")
    assert (before.value.role, before.value.outcome.reason) == ("r", "no shell here")
    with pytest.raises(GuardrailViolatedError) as after:
        run_post_checks(guards, "a secret", role="r", tool="read")
    assert after.value.stage == "post"
    assert AllowAllGuardrail().check_pre(role="r", tool="t") == GuardrailOutcome(allowed=True)
    assert AllowAllGuardrail().check_post(1, role="r", tool="t").allowed


# --- permissions


def test_permissions_refuse_first() -> None:
    """Denied list, then mode, then allowed list; a role that nobody configured may use everything."""
    policy = PermissionPolicy(
        role_configs={
            "reader": RolePermissionConfig("reader", PermissionMode.READ_ONLY, denied_tools=["Spy"]),
            "writer": RolePermissionConfig("writer", PermissionMode.WORKSPACE_WRITE, ["save", "read"]),
        },
        tool_requirements={"save": PermissionMode.WORKSPACE_WRITE},
    )
    enforcer = PermissionEnforcer(policy)
    assert not enforcer.is_allowed("reader", "spy")
    refused = enforcer.check("reader", "save")
    assert isinstance(refused, PermissionOutcome)
    assert set(refused.to_dict()) == {"allowed", "reason", "active_mode", "required_mode"}
    assert (refused.active_mode, refused.required_mode) == ("read_only", "workspace_write")
    assert enforcer.is_allowed("writer", "SAVE")
    assert not policy.authorize("writer", "other").allowed
    assert policy.authorize("stranger", "anything").allowed

    def read() -> None: ...
    def other() -> None: ...

    assert enforcer.filter_tools("writer", [read, other]) == [read]


# --- policies


def test_every_rule_that_matches_contributes_in_order_of_priority() -> None:
    """Two rules may have one name; a condition of one's own works beside the others."""

    class Always(PolicyCondition):
        def matches(self, ctx: PhaseContext) -> bool:
            return True

    def rule(action: PolicyAction, condition: PolicyCondition, priority: int = 50) -> PolicyRule:
        return PolicyRule("same name", condition, [PolicyActionData(action, {"n": priority})], priority)

    engine = PolicyEngine(
        [
            rule(PolicyAction.NOTIFY, Always(), 90),
            rule(PolicyAction.ABORT_PHASE, CostExceeded(1.0), 10),
            rule(PolicyAction.ESCALATE, And([AgentFailed("writer"), TimedOut(5.0)])),
            rule(PolicyAction.RETRY_PHASE, Or([])),
        ]
    )
    context = PhaseContext(total_cost_usd=2.0, failed_roles={"writer"}, elapsed_seconds=6.0)
    assert [one.to_dict() for one in engine.evaluate(context)] == [
        {"action": "abort_phase", "params": {"n": 10}},
        {"action": "escalate", "params": {"n": 50}},
        {"action": "notify", "params": {"n": 90}},
    ]
    assert [one.priority for one in engine.rules] == [10, 50, 50, 90]
    assert {one.name for one in engine.rules} == {"same name"}


@pytest.mark.parametrize(
    ("condition", "context", "matches"),
    [
        (And([]), PhaseContext(), True),
        (Or([]), PhaseContext(), False),
        (QualityAt(QualityLevel.STRICT), PhaseContext(quality_level=QualityLevel.RELEASE), True),
        (QualityAt(QualityLevel.STRICT), PhaseContext(), False),
        (PhaseCompleted(), PhaseContext(phase_completed=True), True),
        (AgentFailed(), PhaseContext(failed_roles={"a"}), True),
        (AgentFailed("b"), PhaseContext(failed_roles={"a"}), False),
        (GateBelow(0.5), PhaseContext(gate_score=0.5), False),
        (RetryExhausted("llm_error"), PhaseContext(retry_exhausted_scenarios={"llm_error"}), True),
        (TimedOut(5.0), PhaseContext(elapsed_seconds=5.0), False),
        (
            AllAgentsComplete(),
            PhaseContext(completed_roles={"a"}, failed_roles={"b"}, all_roles={"a", "b"}),
            True,
        ),
        (CostExceeded(1.0), PhaseContext(total_cost_usd=1.0), False),
    ],
)
def test_a_condition_holds_where_it_did(
    condition: PolicyCondition, context: PhaseContext, *, matches: bool
) -> None:
    """Strictly greater, strictly less, at least: as documented."""
    assert condition.matches(context) is matches


def test_a_condition_without_matches_says_so() -> None:
    """The base decides nothing."""
    with pytest.raises(NotImplementedError):
        PolicyCondition().matches(PhaseContext())


# --- quality


def test_the_gate_opens_at_its_level_and_above() -> None:
    """Without an observation it never does."""
    gate = QualityGate(QualityLevel.STANDARD)
    assert gate.is_satisfied_by(QualityLevel.STRICT)
    assert gate.evaluate(QualityLevel.STANDARD).is_satisfied()
    outcome = gate.evaluate(None)
    assert outcome == QualityGateOutcome(False, QualityLevel.STANDARD, None)
    assert outcome.to_dict() == {"satisfied": False, "required_level": "standard", "observed_level": None}
    assert QualityLevel.RELEASE.label == "release"


# --- failures and recovery


def test_recovery_keeps_books() -> None:
    """Attempts are counted per scenario; past the cap the answer is to escalate; each leaves an event."""
    books = RecoveryContext()
    outcomes = [attempt_recovery(FailureScenario.LLM_TIMEOUT, books) for _ in range(3)]
    assert [one.outcome for one in outcomes] == ["recovered", "recovered", "escalation_required"]
    assert isinstance(outcomes[0], RecoveryResult)
    assert outcomes[0].to_dict()["recovered_steps"] == ["retry_with_backoff"]
    assert books.attempt_count(FailureScenario.LLM_TIMEOUT) == 2
    assert books.attempt_count(FailureScenario.LLM_ERROR) == 0
    assert [event.event_type for event in books.events] == ["succeeded", "succeeded", "escalated"]
    assert isinstance(books.events[0], RecoveryEvent)
    assert set(books.events[0].to_dict()) == {"event_type", "scenario", "recipe_steps", "result", "timestamp"}
    recipe = recipe_for(FailureScenario.PROVIDER_FAILURE)
    assert isinstance(recipe, RecoveryRecipe)
    assert recipe.steps == [RecoveryStep.SWITCH_PROVIDER, RecoveryStep.RETRY_WITH_BACKOFF]
    assert (recipe.max_attempts, recipe.escalation_policy) == (2, EscalationPolicy.ABORT)


@pytest.mark.anyio
async def test_async_recovery_sleeps_with_what_it_is_given() -> None:
    """The sleeper hears how long; the books are the same."""
    slept: list[float] = []

    async def sleeper(seconds: float) -> None:
        slept.append(seconds)

    books = RecoveryContext()
    assert (await aattempt_recovery(FailureScenario.LLM_ERROR, books, sleeper=sleeper)).outcome == "recovered"
    assert (len(slept), books.attempt_count(FailureScenario.LLM_ERROR)) == (1, 1)


def test_the_arithmetic_of_recovery() -> None:
    """Delays by jitter mode, the next provider, a smaller context."""
    assert backoff_delay(3, jitter=False) == 16.0
    assert backoff_delay(20, jitter=False) == 60.0
    assert 0 <= backoff_delay(3, jitter=True) <= 16.0
    assert 2.0 <= backoff_delay(1, prev_delay=4.0) <= 12.0
    with pytest.raises(ValueError, match="unknown jitter mode"):
        backoff_delay(1, jitter="sideways")  # type: ignore[arg-type]  # that is the point
    assert next_provider(["a", "b"], "a") == "b"
    assert next_provider(["a"], "a") is None
    assert smaller_context_budget(1001) == 750


@pytest.mark.parametrize(
    ("error", "scenario"),
    [
        (TimeoutError("slow"), FailureScenario.LLM_TIMEOUT),
        (ValueError("rate limit reached"), FailureScenario.LLM_ERROR),
        (ValueError("context_length_exceeded"), FailureScenario.CONTEXT_OVERFLOW),
        (json.JSONDecodeError("bad", "{", 0), FailureScenario.MEMORY_CORRUPTION),
        (ConnectionError("refused"), FailureScenario.PROVIDER_FAILURE),
        (RuntimeError("tool search failed"), FailureScenario.TOOL_EXECUTION_ERROR),
        (RuntimeError("a downstream system"), FailureScenario.DEPENDENCY_TIMEOUT),
        (RuntimeError("order 5031 not found"), FailureScenario.LLM_ERROR),
    ],
)
def test_an_exception_has_a_scenario(error: Exception, scenario: FailureScenario) -> None:
    """By type where it tells, by words else; numbers inside other numbers are no status."""
    assert classify_exception(error) is scenario


# --- usage and sinks


@pytest.fixture
def prices() -> Any:
    PRICING_TABLE.clear()
    yield PRICING_TABLE
    PRICING_TABLE.clear()


@pytest.mark.usefixtures("prices")
def test_a_tracker_totals_tokens_and_money() -> None:
    """Prices by longest prefix, in any case; an unknown price is not a number instead of nothing."""
    register_pricing("tiny", ModelPricing(1.0, 2.0))
    assert PRICING_TABLE["Tiny"].output_per_million == 2.0
    tracker = UsageTracker([("TINY-2026", UsageSnapshot(1_000_000, 500_000))])
    tracker.record_turn("tiny", UsageSnapshot(input_tokens=1000))
    assert (tracker.total_input_tokens, tracker.total_output_tokens) == (1_001_000, 500_000)
    assert tracker.total_cost() == pytest.approx(2.001)
    assert tracker.format_cost() == "$2.00"
    assert tracker.budget_remaining(3.0) == pytest.approx(0.999)
    assert (tracker.is_over_budget(2.0), tracker.is_over_budget(3.0)) == (True, False)
    assert tracker.per_model_summary()["tiny"] == pytest.approx(0.001)
    assert isinstance(tracker.summary(), dict)
    assert isnan(tracker.cost_for_turn("nobody-knows-this-model", UsageSnapshot(1)))
    assert tracker.cost_for_turn("tiny", UsageSnapshot(1_000_000)) == 1.0
    error = BudgetExceededError(1.0, 2.0)
    assert (error.budget_usd, error.current_cost_usd) == (1.0, 2.0)


def test_prices_come_from_a_file(prices: Any, tmp_path: Path) -> None:
    """JSON by model; the table is a mapping to look at and to change."""
    path = tmp_path / "prices.json"
    path.write_text('{"house-model": {"input_per_million": 4.0, "output_per_million": 8.0}}')
    load_pricing_from_file(str(path))
    assert has_pricing("HOUSE-MODEL-7")
    assert not has_pricing("nobody-knows-this-model")
    assert prices["house-model"] == ModelPricing(4.0, 8.0)


def test_a_snapshot_writes_the_four_known_counts() -> None:
    """To and from dicts and JSON; reasoning tokens only where there are any."""
    usage = UsageSnapshot(1, 2, cache_read_tokens=4)
    assert usage.to_dict() == {
        "input_tokens": 1,
        "output_tokens": 2,
        "cache_write_tokens": 0,
        "cache_read_tokens": 4,
    }
    assert UsageSnapshot.from_dict(usage.to_dict()) == usage
    assert UsageSnapshot.from_json(usage.to_json()) == usage
    assert UsageSnapshot(1, 2, reasoning_tokens=2).to_dict()["reasoning_tokens"] == 2


def test_sinks_keep_the_latest() -> None:
    """Bounded, the oldest dropped; the silent ones take anything."""
    events, usages = RingBufferEventSink(2), RingBufferUsageSink(capacity=1)
    for phase in "abc":
        events.emit(AgentEvent.phase_started(phase))
        usages.record("m", UsageSnapshot(1), 0.5)
    assert [event.phase for event in events.events] == ["b", "c"]
    assert usages.records == [("m", UsageSnapshot(1), 0.5)]
    events.clear()
    usages.clear()
    assert (events.events, usages.records) == ([], [])
    NoopEventSink().emit(AgentEvent.phase_started("a"))
    NoopUsageSink().record("m", UsageSnapshot(), 0.0)


def test_records_are_dataclasses_to_those_who_ask() -> None:
    """`replace` and `asdict` work on them, with the fields that they always had."""
    usage = UsageSnapshot(1, 2)
    assert dataclasses.asdict(usage) == usage.to_dict()
    assert dataclasses.replace(usage, input_tokens=5) == UsageSnapshot(5, 2)
    handoff = Handoff("a", "b", "draft", "done", {"n": 1}, project_id=2)
    assert set(dataclasses.asdict(handoff)) == set(handoff.to_dict())
    with pytest.raises(AttributeError):
        handoff.reason = "other"  # type: ignore[misc]  # that is the point
