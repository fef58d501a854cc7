"""The recovery that acts, driven by a fake clock."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flow_driver import FakeDriver, targets
from holdfast.core.flow import Emit, Escalate, Prepare, Target
from holdfast.core.recovery import (
    EscalationPolicy,
    FailureScenario,
    JitterMode,
    RecoveryRecipe,
    RecoveryStep,
    Remedy,
)
from holdfast.core.recovery_flow import GaveUp, Recovered, RecoveryPlan, attempts_of, recover_flow
from holdfast.errors import FlowProtocolError
from holdfast.wire.agent_events import AgentEventName as Name
from holdfast.wire.vocabulary import FailureCategory

FIRST = Target(name="first", context_window=8_000)
STEADY = RecoveryPlan(jitter=JitterMode.NONE)


class RateLimitError(Exception):
    status_code = 429

    def __init__(self, text: str = "", retry_after: str | None = None) -> None:
        super().__init__(text)
        headers = {} if retry_after is None else {"retry-after": retry_after}
        self.response = SimpleNamespace(status_code=429, headers=headers)


class AuthenticationError(Exception):
    status_code = 401


class BadRequestError(Exception):
    status_code = 400


class ContextWindowExceededError(Exception):
    status_code = 400


def low(lowest: float, highest: float) -> float:
    return lowest


def run(
    driver: FakeDriver,
    plan: RecoveryPlan = STEADY,
    *,
    first: Target = FIRST,
    deadline: float | None = None,
    closed: frozenset[str] = frozenset(),
) -> Recovered | GaveUp:
    return driver.drive(
        recover_flow(
            first, plan, draw=low, deadline=deadline, available=lambda target: target.name not in closed
        )
    )


def plan_with(**fields: object) -> RecoveryPlan:
    return RecoveryPlan(jitter=JitterMode.NONE, **fields)  # type: ignore[arg-type]  # checked by msgspec's users: the tests


# --- waiting and calling again ------------------------------------------------------------------------


def test_a_call_that_succeeds_is_one_command() -> None:
    """Where nothing fails the flow calls once and says nothing."""
    driver = FakeDriver(["fine"])
    result = run(driver)
    assert isinstance(result, Recovered)
    assert (result.value, len(result.attempts), len(driver.commands)) == ("fine", 1, 1)


def test_it_waits_longer_each_time_and_calls_again() -> None:
    """A rate limit is waited out with a delay that doubles, and the attempts say what was done."""
    driver = FakeDriver([RateLimitError(), RateLimitError(), 42])
    result = run(driver)
    assert isinstance(result, Recovered)
    assert (result.value, driver.slept) == (42, [2.0, 4.0])
    assert [(one.number, one.waited, one.step) for one in result.attempts] == [
        (1, 0.0, None),
        (2, 2.0, RecoveryStep.RETRY_WITH_BACKOFF),
        (3, 4.0, RecoveryStep.RETRY_WITH_BACKOFF),
    ]
    assert [one.failure is None for one in result.attempts] == [False, False, True]
    assert (result.attempts[1].started, result.attempts[1].ended) == (3.0, 4.0)


@pytest.mark.parametrize(
    ("retry_after", "seconds"),
    [("7", 7.0), ("0.5", 0.5), ("Fri, 15 Jan 2027 08:00:31 GMT", 30.0), ("600", 60.0)],
)
def test_the_wish_of_the_other_side_wins(retry_after: str, seconds: float) -> None:
    """A Retry-After, in seconds or as a date, replaces the backoff, up to its cap."""
    driver = FakeDriver([RateLimitError("", retry_after), 1])
    run(driver)
    assert driver.slept == [seconds]


def test_no_sleep_for_a_wait_of_nothing() -> None:
    """A Retry-After of 0 is called again at once."""
    driver = FakeDriver([RateLimitError("", "0"), 1])
    assert isinstance(run(driver), Recovered)
    assert driver.slept == []


def test_a_wait_past_the_deadline_is_not_begun() -> None:
    """Where the wait would outlast the turn the flow gives up at once, without sleeping."""
    driver = FakeDriver([RateLimitError("", "30"), "never"])
    result = run(driver, deadline=20.0)
    assert isinstance(result, GaveUp)
    assert (driver.now, driver.slept) == (1.0, [])


def test_a_wait_past_the_deadline_still_leaves_a_fallback() -> None:
    """A fallback needs no wait, so it is taken where the wait would be too long."""
    driver = FakeDriver([RateLimitError("", "30"), "other"])
    result = run(driver, plan_with(fallbacks=targets("second")), deadline=20.0)
    assert isinstance(result, Recovered)
    assert driver.called == ["first", "second"]


def test_a_wait_past_its_cap_prefers_a_fallback() -> None:
    """Asked to wait an hour, the flow goes elsewhere at once."""
    driver = FakeDriver([RateLimitError("", "3600"), "other"])
    assert isinstance(run(driver, plan_with(fallbacks=targets("second"))), Recovered)
    assert driver.slept == []


# --- giving up ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("error", [AuthenticationError(), BadRequestError("no"), KeyboardInterrupt()])
def test_what_cannot_succeed_is_not_tried_again(error: BaseException) -> None:
    """A wrong key, a bad request and a cancellation end the flow after one call."""
    driver = FakeDriver([error])
    result = run(driver)
    assert isinstance(result, GaveUp)
    assert (result.error is error, driver.called, driver.slept) == (True, ["first"], [])


def test_a_bad_request_is_not_taken_elsewhere() -> None:
    """A bad request stays bad with another provider."""
    driver = FakeDriver([BadRequestError("no")])
    run(driver, plan_with(fallbacks=targets("second")))
    assert driver.called == ["first"]


def test_the_last_error_carries_the_attempts() -> None:
    """The flow gives back what the last call raised, with all attempts on it, and tells a human."""
    errors = [RateLimitError(str(index)) for index in range(3)]
    driver = FakeDriver(errors)
    result = run(driver)
    assert isinstance(result, GaveUp)
    assert result.error is errors[2]
    assert attempts_of(result.error) == result.attempts
    assert [one.failure.category for one in result.attempts if one.failure] == [
        FailureCategory.RATE_LIMIT
    ] * 3
    assert [one.attempts for one in driver.commands if isinstance(one, Escalate)] == [3]
    assert attempts_of(ValueError()) == ()


def test_events_tell_the_story() -> None:
    """Each step is announced before it is taken, and the end is told."""
    driver = FakeDriver([RateLimitError(), RateLimitError(), RateLimitError(), "ok"])
    run(driver, plan_with(fallbacks=targets("second")))
    events = [one for one in driver.commands if isinstance(one, Emit)]
    assert [one.event for one in events] == [
        Name.RECOVERY_ATTEMPTED,
        Name.RECOVERY_ATTEMPTED,
        Name.RECOVERY_PROVIDER_SWITCHED,
        Name.RECOVERY_SUCCEEDED,
    ]
    assert events[0].data == {
        "attempt": 1,
        "target": "first",
        "step": "retry_with_backoff",
        "wait_seconds": 2.0,
        "category": "rate_limit",
    }
    assert events[2].data is not None
    assert events[2].data["to"] == "second"


# --- elsewhere ----------------------------------------------------------------------------------------


def test_the_next_fallback_gets_its_own_retries() -> None:
    """When the retries on one target are used up the next one is called, with retries of its own."""
    driver = FakeDriver([RateLimitError()] * 5 + ["ok"])
    assert isinstance(run(driver, plan_with(fallbacks=targets("second"))), Recovered)
    assert driver.called == ["first"] * 3 + ["second"] * 3
    assert driver.slept == [2.0, 4.0, 2.0, 4.0]


def test_a_wrong_key_goes_straight_to_the_fallback() -> None:
    """A key that is refused is not waited for."""
    driver = FakeDriver([AuthenticationError(), "ok"])
    assert isinstance(run(driver, plan_with(fallbacks=targets("second"))), Recovered)
    assert (driver.called, driver.slept) == (["first", "second"], [])


def test_a_fallback_whose_circuit_is_open_is_passed_over() -> None:
    """Only fallbacks that may be called are, and the target itself is no fallback."""
    driver = FakeDriver([AuthenticationError(), "ok"])
    plan = plan_with(fallbacks=targets("first", "second", "third"))
    assert isinstance(run(driver, plan, closed=frozenset({"second"})), Recovered)
    assert driver.called == ["first", "third"]


def test_the_calls_of_a_flow_are_bounded() -> None:
    """However many fallbacks there are, `max_attempts` calls are made and no more."""
    driver = FakeDriver([RateLimitError()] * 50)
    result = run(driver, plan_with(fallbacks=targets(*"abcdefgh"), max_attempts=5))
    assert isinstance(result, GaveUp)
    assert len(driver.called) == len(result.attempts) == 5


# --- less context -------------------------------------------------------------------------------------

SMALLER = frozenset({RecoveryStep.RETRY_WITH_SMALLER_CONTEXT})


def test_the_context_is_made_smaller_through_the_hook() -> None:
    """On an overflow the hook is asked, with how often it was, and the call is made again at once."""
    driver = FakeDriver([ContextWindowExceededError(), ContextWindowExceededError(), "ok"])
    result = run(driver, plan_with(hooks=SMALLER))
    assert isinstance(result, Recovered)
    asked = [one for one in driver.commands if isinstance(one, Prepare)]
    assert [(one.step, one.times, one.target) for one in asked] == [
        (RecoveryStep.RETRY_WITH_SMALLER_CONTEXT, 1, FIRST),
        (RecoveryStep.RETRY_WITH_SMALLER_CONTEXT, 2, FIRST),
    ]
    assert driver.slept == []


def test_a_hook_that_says_no_is_not_asked_again() -> None:
    """Where the application cannot shrink anything the flow gives up instead of calling in vain."""
    driver = FakeDriver([ContextWindowExceededError()], hook=lambda command: False)
    assert isinstance(run(driver, plan_with(hooks=SMALLER)), GaveUp)
    assert driver.called == ["first"]


def test_only_a_larger_window_helps() -> None:
    """Without a hook an overflow goes to a fallback whose window is known to be larger, or nowhere."""
    larger = Target(name="large", context_window=200_000)
    fallbacks = (Target(name="same", context_window=8_000), Target(name="unknown"), larger)
    driver = FakeDriver([ContextWindowExceededError(), "ok"])
    assert isinstance(run(driver, plan_with(fallbacks=fallbacks)), Recovered)
    assert driver.called == ["first", "large"]
    driver = FakeDriver([ContextWindowExceededError()])
    assert isinstance(run(driver, plan_with(fallbacks=fallbacks[:2])), GaveUp)


# --- recipes of one's own -----------------------------------------------------------------------------


def test_a_remedy_can_be_replaced() -> None:
    """A remedy that is given for a category replaces that one and leaves the others."""
    remedy = Remedy(steps=(RecoveryStep.RETRY_WITH_BACKOFF,), retries=1, escalation=EscalationPolicy.ABORT)
    plan = plan_with(remedies={FailureCategory.RATE_LIMIT: remedy}, fallbacks=targets("second"))
    driver = FakeDriver([RateLimitError(), RateLimitError()])
    assert isinstance(run(driver, plan), GaveUp)
    assert driver.called == ["first", "first"]
    assert not [one for one in driver.commands if isinstance(one, Escalate)]
    driver = FakeDriver([AuthenticationError(), "ok"])
    assert isinstance(run(driver, plan), Recovered)


def test_a_recipe_replaces_the_remedies_of_its_scenario() -> None:
    """A recipe given for a scenario holds for all of its categories, and a remedy for one of them wins."""
    recipe = RecoveryRecipe(
        FailureScenario.PROVIDER_FAILURE, [RecoveryStep.RETRY_WITH_BACKOFF], 1, EscalationPolicy.ABORT
    )
    remedies = {FailureCategory.AUTH: Remedy()}
    plan = plan_with(
        recipes={FailureScenario.PROVIDER_FAILURE: recipe}, remedies=remedies, fallbacks=targets("x")
    )
    driver = FakeDriver([ConnectionError(), ConnectionError()])
    assert isinstance(run(driver, plan), GaveUp)
    assert driver.called == ["first", "first"]
    driver = FakeDriver([AuthenticationError()])
    assert isinstance(run(driver, plan), GaveUp)
    assert driver.called == ["first"]


def test_an_error_that_takes_no_attributes_is_let_through() -> None:
    """Where an exception cannot carry the attempts it is the result all the same."""

    class Stubborn(BadRequestError):
        def __setattr__(self, name: str, value: object) -> None:
            raise RuntimeError(name)

    error = Stubborn("no")
    result = run(FakeDriver([error]))
    assert isinstance(result, GaveUp)
    assert result.error is error
    assert attempts_of(error) == ()


def test_a_human_can_be_the_first_step() -> None:
    """A remedy that begins with a human tells one and gives up."""
    remedy = Remedy(steps=(RecoveryStep.ESCALATE_TO_HUMAN, RecoveryStep.SWITCH_PROVIDER))
    plan = plan_with(remedies={FailureCategory.AUTH: remedy}, fallbacks=targets("second"))
    driver = FakeDriver([AuthenticationError()])
    assert isinstance(run(driver, plan), GaveUp)
    assert [type(one) for one in driver.commands].count(Escalate) == 1


def test_a_cancellation_while_waiting_passes_through() -> None:
    """What strikes the driver while it sleeps leaves the flow as it came."""
    flow = recover_flow(FIRST, STEADY, draw=low)
    driver = FakeDriver([RateLimitError()])
    reply = None
    while not driver.slept:
        command = flow.send(reply)
        driver.commands.append(command)
        reply = driver._carry_out(command)  # noqa: SLF001  # the driver's own half step
    with pytest.raises(KeyboardInterrupt):
        flow.throw(KeyboardInterrupt())


def test_a_driver_that_answers_wrongly_is_told() -> None:
    """A driver that forgets the outcome of a call hears of it at once."""
    flow = recover_flow(FIRST, STEADY, draw=low)
    next(flow)
    with pytest.raises(FlowProtocolError) as caught:
        flow.send(None)
    assert caught.value.command == "Call"


# --- always -------------------------------------------------------------------------------------------

ERRORS = st.sampled_from(
    [
        RateLimitError("", "5"),
        RateLimitError("", "900"),
        RateLimitError(),
        AuthenticationError(),
        BadRequestError(),
        ContextWindowExceededError(),
        TimeoutError(),
        ConnectionError(),
        RuntimeError("?"),
        KeyboardInterrupt(),
    ]
)


@given(
    script=st.lists(ERRORS | st.just("ok"), max_size=12),
    fallbacks=st.lists(st.sampled_from("abcd"), unique=True, max_size=4),
    closed=st.frozensets(st.sampled_from("abcd")),
    deadline=st.none() | st.floats(1.0, 200.0),
    jitter=st.sampled_from(JitterMode),
    share=st.floats(0.0, 1.0),
    hooks=st.frozensets(st.sampled_from(RecoveryStep)),
    done=st.booleans(),
)
def test_every_flow_ends_within_its_bounds(
    script: list[object],
    fallbacks: list[str],
    closed: frozenset[str],
    deadline: float | None,
    jitter: JitterMode,
    share: float,
    hooks: frozenset[RecoveryStep],
    done: bool,
) -> None:
    """Whatever fails, the flow ends: calls are bounded, no sleep crosses the deadline, no closed target is
    called, the last attempt is the result, and what cannot be retried is never called again where it failed."""
    plan = RecoveryPlan(fallbacks=targets(*fallbacks), jitter=jitter, hooks=hooks, max_attempts=6)
    driver = FakeDriver([*script, *["ok"] * 12], hook=lambda command: done)
    flow = recover_flow(
        FIRST,
        plan,
        draw=lambda lowest, highest: lowest + share * (highest - lowest),
        deadline=deadline,
        available=lambda target: target.name not in closed,
    )
    result = driver.drive(flow)
    assert len(driver.called) == len(result.attempts) <= 6
    assert [one.target.name for one in result.attempts] == driver.called
    assert not set(driver.called) & closed
    assert all(0 < seconds <= 60.0 for seconds in driver.slept)
    if deadline is not None and driver.slept:
        assert all(one.started < deadline for one in result.attempts)
    assert (result.attempts[-1].failure is None) is isinstance(result, Recovered)
    for before, after in zip(result.attempts, result.attempts[1:], strict=False):
        assert before.failure is not None
        if after.target == before.target and not before.failure.retryable:
            assert after.step in plan.hooks
