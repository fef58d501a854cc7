"""The loop guard."""

from __future__ import annotations

import math
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.core.canonical import same_key
from holdfast.core.loopguard import LoopDetectedError, LoopGuard, LoopLimits, LoopVerdict
from holdfast.errors import InvalidInputError
from holdfast.wire.runtime_vocabulary import LoopAction, LoopPattern


def play(guard: LoopGuard, calls: Iterable[tuple[str, object, object]]) -> list[tuple[int, LoopVerdict]]:
    """The verdicts of calls made one after the other, each with the place of its call, from 1."""
    found: list[tuple[int, LoopVerdict]] = []
    for place, (tool, arguments, result) in enumerate(calls, 1):
        number, verdict = guard.call(tool, arguments)
        answers = (verdict, guard.result(number, result))
        found.extend((place, answer) for answer in answers if answer is not None)
    return found


def told(found: list[tuple[int, LoopVerdict]]) -> list[tuple[int, str, str]]:
    return [(place, verdict.pattern.value, verdict.action.value) for place, verdict in found]


def test_the_same_call_steers_then_stops() -> None:
    """At the third in a row something is said, again at the sixth and the ninth, and the tenth is stopped."""
    found = play(LoopGuard(), [("look_up", {"id": "L1"}, "same")] * 11)
    assert told(found) == [
        (3, "same_call", "steer"),
        (6, "same_call", "steer"),
        (9, "same_call", "steer"),
        (10, "same_call", "stop"),
        (11, "same_call", "stop"),
    ]
    first, last = found[0][1], found[-1][1]
    assert "look_up" in first.message
    assert "3 times" in first.message
    error = last.error()
    assert isinstance(error, LoopDetectedError)
    assert (error.pattern, error.count, error.tool) == ("same_call", 11, "look_up")


def test_a_test_run_again_after_an_edit_passes() -> None:
    """The same call with another between is no loop, however often and whatever it answers."""
    calls: list[tuple[str, object, object]] = []
    for n in range(100):
        calls += [("edit", {"line": n}, "ok"), ("run", {"cmd": "pytest"}, "1 failed")]
    assert play(LoopGuard(), calls) == []


def test_waiting_for_something_is_given_three_times_as_long() -> None:
    """A call whose results change steers at the ninth and stops at the thirtieth."""
    found = told(play(LoopGuard(), [("status", {}, f"{n} %") for n in range(30)]))
    assert found[0] == (9, "same_call", "steer")
    assert found[-1] == (30, "same_call", "stop")
    assert [kind for _, _, kind in found].count("stop") == 1


def test_ping_pong_and_rounds_of_three_are_seen() -> None:
    """Two or three calls in turn, with equal results, steer at the third round and stop at the sixth."""
    for names in ("ab", "abc"):
        calls: list[tuple[str, object, object]] = [(name, {}, "same") for _ in range(6) for name in names]
        rounds = len(names)
        found = told(play(LoopGuard(LoopLimits(same_result_steer=1000, same_result_stop=1000)), calls))
        assert found == [(3 * rounds, "cycle", "steer"), (6 * rounds, "cycle", "stop")]


def test_changing_rounds_go_on() -> None:
    """Read and write in turn with other results each time is work."""
    calls: list[tuple[str, object, object]] = []
    for n in range(8):
        calls += [("next", {}, n), ("store", {}, n)]
    assert play(LoopGuard(), calls) == []


def test_one_result_to_every_question_is_seen() -> None:
    """A tool that answers the same whatever it is asked."""
    found = told(play(LoopGuard(), [("search", {"q": n}, []) for n in range(30)]))
    assert found == [(15, "same_result", "steer"), (30, "same_result", "stop")]


def test_calls_side_by_side_count_and_their_results_come_late() -> None:
    """Ten equal calls begun before any result is there are ten in a row; late results find their call."""
    guard = LoopGuard()
    begun = [guard.call("x", {}) for _ in range(10)]
    assert begun[-1][1] is not None
    assert begun[-1][1].action is LoopAction.STOP
    other = LoopGuard()
    numbers = [other.call("x", {})[0] for _ in range(5)]
    for number in reversed(numbers):
        assert other.result(number, number) is None
    for place in range(6, 9):
        number, verdict = other.call("x", {})
        assert verdict is None, place
        other.result(number, place)


def test_spending_too_fast_steers_then_stops() -> None:
    """Once above the rate within a minute, stop above twice; older spend does not count."""
    guard = LoopGuard(LoopLimits(usd_per_minute=1.0))
    assert guard.spent(0.9, 0.0) is None
    steer = guard.spent(0.2, 1.0)
    assert steer is not None
    assert (steer.action, steer.pattern) == (LoopAction.STEER, LoopPattern.SPEND_VELOCITY)
    assert guard.spent(0.2, 2.0) is None  # said already
    stop = guard.spent(1.0, 3.0)
    assert stop is not None
    assert stop.action is LoopAction.STOP
    assert guard.spent(0.5, 64.0) is None
    assert LoopGuard().spent(1e6, 0.0) is None


def test_reset_starts_anew() -> None:
    """After a reset repetitions count from one, and results of before find nothing."""
    guard = LoopGuard()
    play(guard, [("x", {}, 1)] * 9)
    number, _ = guard.call("y", {})
    guard.reset()
    assert guard.result(number, 1) is None
    assert play(guard, [("x", {}, 1)] * 2) == []


values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**60), 2**60)
    | st.text()
    | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=10,
)


def shuffled(value: object) -> object:
    if isinstance(value, dict):
        return {key: shuffled(inner) for key, inner in reversed(value.items())}
    if isinstance(value, list):
        return tuple(shuffled(inner) for inner in value)
    return float(value) if type(value) is int and abs(value) < 2**50 else value


@given(values)
def test_what_means_the_same_has_one_key(value: object) -> None:
    """Order of keys, lists and tuples, 1 and 1.0 make no difference."""
    assert same_key(value) is not None
    assert same_key(shuffled(value)) == same_key(value)


@pytest.mark.parametrize(
    ("one", "other"),
    [({"a": 1}, {"a": "1"}), ({"a": 1}, {"a": True}), ([1, 2], [2, 1]), ({}, None), ("x", ["x"])],
)
def test_what_means_something_else_has_another_key(one: object, other: object) -> None:
    """Types, order of items and emptiness do."""
    assert same_key(one) != same_key(other)


def test_json_text_is_what_it_says() -> None:
    """Arguments as a model sends them equal the same arguments decoded."""
    assert same_key('{"b": [1.0], "a": "ü"}') == same_key({"a": "ü", "b": [1]})


def test_what_has_no_key_never_repeats() -> None:
    """Endless values and opaque objects are not taken for equal, and do no harm."""
    loop: list[object] = []
    loop.append(loop)
    assert same_key(loop) is None
    assert same_key(object()) is None
    assert same_key("\ud800") is not None
    assert play(LoopGuard(), [("x", loop, object())] * 20) == []


@given(st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 1), st.integers(0, 1)), max_size=60))
def test_a_stop_is_never_the_first_word(calls: list[tuple[str, int, int]]) -> None:
    """Whatever the calls, the guard steers before it stops."""
    seen: set[LoopPattern] = set()
    for _, verdict in play(LoopGuard(), calls):
        assert verdict.action is LoopAction.STEER or verdict.pattern in seen
        seen.add(verdict.pattern)


@pytest.mark.parametrize(
    "bad",
    [
        {"same_call_steer": 0},
        {"cycle_steer": 1},
        {"same_result_stop": 3},
        {"usd_per_minute": 0.0},
        {"usd_per_minute": math.nan},
    ],
)
def test_limits_that_cannot_work_are_refused(bad: dict[str, float]) -> None:
    """Thresholds of nothing, stops before steers, rates that are none."""
    with pytest.raises(InvalidInputError) as caught:
        LoopLimits(**bad)  # type: ignore[arg-type]
    assert caught.value.field == next(iter(bad))
