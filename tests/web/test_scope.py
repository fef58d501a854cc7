"""What a page is about, as its address says it."""

from __future__ import annotations

import pytest

from holdfast._clock import parse_utc
from holdfast.server.web.scope import HOUR, Scope

NOW = parse_utc("2026-11-21T10:30:00Z")


def test_a_named_range_begins_at_a_whole_hour() -> None:
    """So that lists and hourly sums speak of the same runs."""
    assert Scope.read({"within": "24h"}).since(NOW) == parse_utc("2026-11-20T10:00:00Z")


@pytest.mark.parametrize(
    ("query", "begin", "end"),
    [
        ({"from": "2026-11-01", "to": "2026-11-02"}, "2026-11-01T00:00", "2026-11-02T00:00"),
        ({"from": "2026-11-01T10:20", "to": "2026-11-01T11:10"}, "2026-11-01T10:00", "2026-11-01T12:00"),
        ({"from": "2026-11-01T10:00:00+02:00"}, "2026-11-01T08:00", None),
        ({"to": "2026-11-01"}, None, "2026-11-01T00:00"),
    ],
)
def test_a_range_of_ones_own(query: dict[str, str], begin: str | None, end: str | None) -> None:
    """Widened to whole hours; the address that it makes says the same again."""
    scope = Scope.read(query, within="7d")
    assert scope.within is None
    assert (scope.begin, scope.end) == tuple(t and parse_utc(t) for t in (begin, end))
    assert Scope.read(scope.pairs()) == scope


@pytest.mark.parametrize(
    "query",
    [{"within": "9y"}, {"from": "yesterday"}, {"from": "2026-11-02", "to": "2026-11-01"}, {"from": "9" * 99}],
)
def test_an_unusable_range_counts_as_not_given(query: dict[str, str]) -> None:
    """The page shows its usual one."""
    assert Scope.read(query, within="7d") == Scope(within="7d")
    assert Scope.read(query) == Scope()


def test_the_period_before_is_as_long_and_ends_where_this_one_begins() -> None:
    """The hour that is going on counts in full; all time has no period before."""
    before = Scope(within="24h", agent="a").before(NOW)
    assert before is not None
    assert before.agent == "a"
    assert before.end == parse_utc("2026-11-20T10:00:00Z")
    assert before.begin is not None
    assert before.end - before.begin == 25 * HOUR
    assert Scope().before(NOW) is None


def test_all_time_can_be_asked_for() -> None:
    """`within=all` wins over the usual range."""
    assert Scope.read({"within": "all"}, within="7d").since(NOW) is None
