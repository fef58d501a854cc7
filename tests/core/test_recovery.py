"""Scenarios, recipes, waits and the books of recovery."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.core.recovery import (
    REMEDIES,
    EscalationPolicy,
    FailureScenario,
    JitterMode,
    RecoveryStep,
    backoff_delay,
    classify_exception,
    next_provider,
    recipe_for,
    smaller_context_budget,
)
from holdfast.core.recovery_books import RecoveryContext, RecoveryResult, aattempt_recovery, attempt_recovery
from holdfast.runtime import backoff
from holdfast.wire.vocabulary import FailureCategory


class AuthenticationError(Exception):
    status_code = 401


@pytest.mark.parametrize(
    ("error", "scenario"),
    [
        (TimeoutError(), FailureScenario.LLM_TIMEOUT),
        (Exception("the request timed out after 30 s"), FailureScenario.LLM_TIMEOUT),
        (Exception("Rate limit exceeded"), FailureScenario.LLM_ERROR),
        (Exception("429 Too Many Requests"), FailureScenario.LLM_ERROR),
        (Exception("maximum context length is 8192 tokens"), FailureScenario.CONTEXT_OVERFLOW),
        (Exception("too many tokens in the prompt"), FailureScenario.CONTEXT_OVERFLOW),
        (ConnectionError("refused"), FailureScenario.PROVIDER_FAILURE),
        (Exception("502 Bad Gateway"), FailureScenario.PROVIDER_FAILURE),
        (Exception("503 Service Unavailable"), FailureScenario.PROVIDER_FAILURE),
        (AuthenticationError("unauthorized"), FailureScenario.PROVIDER_FAILURE),
        (Exception("tool 'search' failed"), FailureScenario.TOOL_EXECUTION_ERROR),
        (Exception("tool execution error"), FailureScenario.TOOL_EXECUTION_ERROR),
        (Exception("the memory file is corrupt"), FailureScenario.MEMORY_CORRUPTION),
        (json.JSONDecodeError("Expecting value", "", 0), FailureScenario.MEMORY_CORRUPTION),
        (Exception("upstream dependency did not answer"), FailureScenario.DEPENDENCY_TIMEOUT),
        (Exception("external service is gone"), FailureScenario.DEPENDENCY_TIMEOUT),
        (Exception("anything else"), FailureScenario.LLM_ERROR),
        (Exception("order 5031 not found"), FailureScenario.LLM_ERROR),
    ],
)
def test_the_scenario_of_an_exception(error: Exception, scenario: FailureScenario) -> None:
    """Type, status and words lead to the scenario; a number that reads like a status does not."""
    assert classify_exception(error) is scenario


def test_recipes() -> None:
    """Every scenario has its recipe, every category its remedy."""
    assert [recipe_for(one).scenario for one in FailureScenario] == list(FailureScenario)
    overflow = recipe_for(FailureScenario.CONTEXT_OVERFLOW)
    assert overflow.steps == [RecoveryStep.RETRY_WITH_SMALLER_CONTEXT, RecoveryStep.REDUCE_TOOL_SET]
    assert (overflow.max_attempts, overflow.escalation_policy) == (1, EscalationPolicy.ALERT_HUMAN)
    assert set(REMEDIES) == set(FailureCategory)


def test_the_books() -> None:
    """Attempts are counted per scenario, and past the cap a human is needed."""
    ctx = RecoveryContext()
    outcomes = [attempt_recovery(FailureScenario.LLM_ERROR, ctx).outcome for _ in range(3)]
    assert outcomes == ["recovered", "recovered", "escalation_required"]
    assert ctx.attempt_count(FailureScenario.LLM_ERROR) == 2
    assert ctx.attempt_count(FailureScenario.LLM_TIMEOUT) == 0
    assert [one.event_type for one in ctx.events] == ["succeeded", "succeeded", "escalated"]
    first = ctx.events[0].to_dict()
    assert first["recipe_steps"] == ["retry_with_backoff", "switch_provider"]
    assert json.loads(json.dumps(first))["result"]["steps_taken"] == 2


def test_steps_that_are_really_run() -> None:
    """With `run_step` the outcome says how far it came."""
    ctx = RecoveryContext()
    result = attempt_recovery(
        FailureScenario.LLM_ERROR,
        ctx,
        run_step=lambda step: step is RecoveryStep.RETRY_WITH_BACKOFF,
        now=lambda: "T",
    )
    assert result == RecoveryResult(
        "partial_recovery",
        steps_taken=1,
        recovered_steps=["retry_with_backoff"],
        remaining_steps=["switch_provider"],
        reason="switch_provider could not be done",
    )
    assert (ctx.events[0].event_type, ctx.events[0].timestamp) == ("failed", "T")


async def _slept(scenario: FailureScenario, times: int) -> list[float]:
    waits: list[float] = []

    async def sleeper(seconds: float) -> None:
        waits.append(seconds)

    ctx = RecoveryContext()
    for _ in range(times):
        await aattempt_recovery(scenario, ctx, sleeper=sleeper)
    return waits


def test_the_sleeper_is_awaited() -> None:
    """A recipe that backs off awaits the sleeper before each attempt and not past the cap."""

    def finished(scenario: FailureScenario, times: int) -> list[float]:
        coroutine = _slept(scenario, times)
        with pytest.raises(StopIteration) as stop:
            coroutine.send(None)
        waits: list[float] = stop.value.value
        return waits

    assert finished(FailureScenario.LLM_TIMEOUT, 3) == [2.0, 4.0]
    assert finished(FailureScenario.CONTEXT_OVERFLOW, 1) == []


# --- waits --------------------------------------------------------------------------------------------

DRAWS = st.floats(0.0, 1.0).map(lambda share: lambda low, high: low + share * (high - low))


@given(
    attempt=st.integers(-3, 5_000),
    base=st.floats(0.001, 100.0),
    jitter=st.sampled_from([*JitterMode, True, False]),
    cap=st.floats(0.0, 1_000.0),
    previous=st.floats(0.0, 1_000.0),
    draw=DRAWS,
)
def test_a_wait_is_never_negative_nor_over_the_cap(attempt, base, jitter, cap, previous, draw) -> None:
    """Every mode stays between 0 and the cap, whatever the attempt."""
    assert 0.0 <= backoff_delay(attempt, base, jitter, cap, previous, draw=draw) <= max(cap, 0.0)


def test_the_modes() -> None:
    """The bounds of each mode are those of its formula."""

    def bounds(jitter: bool | JitterMode, **given: float) -> tuple[float, float]:
        low = backoff_delay(3, jitter=jitter, draw=lambda low, high: low, **given)
        return low, backoff_delay(3, jitter=jitter, draw=lambda low, high: high, **given)

    assert bounds(JitterMode.NONE) == bounds(False) == (16.0, 16.0)
    assert bounds(JitterMode.FULL) == bounds(True) == (0.0, 16.0)
    assert bounds(JitterMode.EQUAL) == (8.0, 16.0)
    assert bounds(JitterMode.DECORRELATED, prev_delay=5.0) == (2.0, 15.0)
    assert bounds(JitterMode.DECORRELATED, prev_delay=50.0) == (2.0, 60.0)


def test_an_unknown_mode() -> None:
    """A mode that does not exist is a ValueError that names it."""
    with pytest.raises(ValueError, match="unknown jitter mode"):
        backoff.backoff_delay(1, jitter="sometimes")  # type: ignore[arg-type]  # what is tested


def test_the_default_draw_is_random() -> None:
    """The public function spreads its waits within the bounds."""
    waits = {backoff.backoff_delay(2, prev_delay=10.0) for _ in range(20)}
    assert len(waits) > 1
    assert all(2.0 <= wait <= 30.0 for wait in waits)


def test_choosing() -> None:
    """The next provider is the first other one; three quarters of a context stay."""
    assert next_provider(["a", "b", "c"], "a") == "b"
    assert next_provider(["a"], "a") is None
    assert smaller_context_budget(1001) == 750
    assert smaller_context_budget(1000, 0.5) == 500
