"""Rate limits."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.core.ratelimit import RateLimit, RateLimiter, Slot
from holdfast.errors import InvalidInputError


def slot(limiter: RateLimiter, now: float, key: str = "k", tokens: int = 0) -> Slot:
    found = limiter.reserve(key, now, tokens=tokens)
    assert isinstance(found, Slot)
    return found


def test_a_burst_goes_at_once_and_the_rest_in_time() -> None:
    """Sixty a minute with a burst of two seconds: two now, then one a second."""
    limiter = RateLimiter(RateLimit(requests_per_minute=60, burst=2))
    assert [slot(limiter, 0.0).wait for _ in range(5)] == [0.0, 0.0, 1.0, 2.0, 3.0]
    assert slot(limiter, 10.0).wait == 0.0


def test_tokens_are_waited_for() -> None:
    """A call waits until its tokens are there; one larger than the burst until the burst is full."""
    limiter = RateLimiter(RateLimit(tokens_per_minute=600, burst=10))
    assert slot(limiter, 0.0, tokens=100).wait == 0.0
    assert slot(limiter, 0.0, tokens=50).wait == 5.0
    assert slot(limiter, 0.0, tokens=500).wait == 15.0
    assert slot(limiter, 0.0, tokens=0).wait == pytest.approx(55.0)


def test_keys_do_not_wait_for_each_other() -> None:
    """Each key has its own buckets."""
    limiter = RateLimiter(RateLimit(requests_per_minute=1, burst=1))
    assert [slot(limiter, 0.0, key).wait for key in "aab"] == [0.0, 60.0, 0.0]


def test_what_was_estimated_is_settled() -> None:
    """Tokens not used are given back, those used beyond the estimate are taken; once."""
    limiter = RateLimiter(RateLimit(tokens_per_minute=60, burst=100))
    first = slot(limiter, 0.0, tokens=100)
    limiter.settle(first, 40, 0.0)
    limiter.settle(first, 0, 0.0)
    second = slot(limiter, 0.0, tokens=60)
    assert second.wait == 0.0
    limiter.settle(second, 90, 0.0)
    assert slot(limiter, 0.0, tokens=1).wait == pytest.approx(31.0)


def test_a_call_that_does_not_go_gives_its_place_back() -> None:
    """Released, the next one does not wait for it."""
    limiter = RateLimiter(RateLimit(requests_per_minute=60, tokens_per_minute=60, burst=1))
    limiter.release(slot(limiter, 0.0, tokens=1), 0.0)
    assert slot(limiter, 0.0, tokens=1).wait == 0.0


def test_too_long_a_wait_takes_nothing() -> None:
    """Beyond `max_wait` the answer is the wait, and the place stays free."""
    limiter = RateLimiter(RateLimit(requests_per_minute=6, burst=10))
    slot(limiter, 0.0)
    assert limiter.reserve("k", 0.0, max_wait=5.0) == 10.0
    assert limiter.reserve("k", 0.0, max_wait=5.0) == 10.0
    assert slot(limiter, 0.0).wait == 10.0


def test_without_limits_nobody_waits() -> None:
    """None is no limit."""
    limiter = RateLimiter(RateLimit())
    assert all(slot(limiter, 0.0, tokens=10**9).wait == 0.0 for _ in range(100))


def test_idle_keys_are_forgotten() -> None:
    """A key that has paid everything back costs nothing to keep, and a busy one keeps its debt."""
    limiter = RateLimiter(RateLimit(requests_per_minute=60, burst=1))
    for _ in range(5):
        slot(limiter, 0.0, "busy")
    for number in range(5000):
        slot(limiter, number / 1e6, f"k{number}")
    assert slot(limiter, 2.0, "busy").wait == pytest.approx(3.0)
    for number in range(5000):
        slot(limiter, 100.0 + number, f"later{number}")
    assert limiter.keys < 1100


steps = st.lists(st.tuples(st.floats(0, 3), st.integers(0, 40)), min_size=1, max_size=40)


@given(steps, st.floats(10, 600), st.floats(60, 6000), st.floats(0.5, 10))
def test_nobody_is_overtaken_and_the_rate_holds(
    calls: list[tuple[float, int]], requests: float, tokens: float, burst: float
) -> None:
    """Calls go in the order in which they asked, and over any stretch no more go than rate and burst allow."""
    limiter = RateLimiter(RateLimit(requests_per_minute=requests, tokens_per_minute=tokens, burst=burst))
    now, gone = 0.0, []
    for pause, size in calls:
        now += pause
        gone.append((now + slot(limiter, now, tokens=size).wait, size))
    times = [time for time, _ in gone]
    assert all(later >= earlier - 1e-6 for earlier, later in pairwise(times))
    largest = max(size for _, size in calls)
    for first in range(len(gone)):
        for last in range(first, len(gone)):
            stretch = times[last] - times[first]
            assert last - first + 1 <= max(1.0, requests / 60 * burst) + requests / 60 * stretch + 1 + 1e-6
            used = sum(size for _, size in gone[first : last + 1])
            assert used <= max(tokens / 60 * burst, largest) + tokens / 60 * stretch + largest + 1e-6


@pytest.mark.parametrize(
    "bad", [{"requests_per_minute": 0}, {"tokens_per_minute": -1.0}, {"burst": 0.0}, {"burst": math.nan}]
)
def test_rates_that_are_none_are_refused(bad: dict[str, float]) -> None:
    """Zero, negative and not-a-number rates name their field; so do negative tokens."""
    with pytest.raises(InvalidInputError, match=next(iter(bad))):
        RateLimit(**bad)
    with pytest.raises(InvalidInputError, match="tokens"):
        RateLimiter(RateLimit()).reserve("k", 0.0, tokens=-1)
