"""Which spans a run waited for."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from holdfast.server.services.viewing.critical_path import critical_path
from holdfast.server.services.viewing.tree_growing import grow_tree
from holdfast.server.stores.reads.light_spans import LightSpans

Span = tuple[str, str | None, int, int]
"""(id, parent, start, end)"""


def _path(spans: list[Span]) -> list[str]:
    tree = grow_tree(
        LightSpans(
            ids=[span[0] for span in spans],
            parents=[span[1] for span in spans],
            starts=[span[2] for span in spans],
            failed=[0] * len(spans),
        )
    )
    ends = {span[0]: span[3] for span in spans}
    found = critical_path(tree, [ends[span_id] for span_id in tree.ids])
    return [tree.ids[place] for place in sorted(found)]


def test_of_parallel_calls_the_longest_is_waited_for() -> None:
    """What ran beside it is not on the path; what came before and after is."""
    spans: list[Span] = [
        ("run", None, 0, 100),
        ("plan", "run", 0, 10),
        ("short", "run", 10, 30),
        ("long", "run", 10, 60),
        ("inside long", "long", 20, 60),
        ("answer", "run", 60, 95),
    ]
    assert _path(spans) == ["run", "plan", "long", "inside long", "answer"]


def test_a_child_that_outlives_its_parent_ends_with_it() -> None:
    """It is on the path as far as its parent is; one that begins after the moment is not."""
    spans: list[Span] = [("a", None, 0, 10), ("late", "a", 12, 15), ("in time", "a", 2, 9)]
    assert _path(spans) == ["a", "in time"]


def test_time_that_nobody_was_at_work_is_the_spans_own() -> None:
    """The path goes on with what ended before the gap."""
    spans: list[Span] = [
        ("a", None, 0, 100),
        ("first", "a", 0, 20),
        ("last", "a", 70, 90),
        ("beside", "a", 75, 80),
    ]
    assert _path(spans) == ["a", "first", "last"]


@given(
    st.lists(st.tuples(st.integers(-1, 20), st.integers(0, 50), st.integers(0, 30)), min_size=1, max_size=25)
)
def test_brothers_on_the_path_never_overlap(made: list[tuple[int, int, int]]) -> None:
    """Whatever the times, the path is a chain: each begins after the one before it has ended, or with it; and what
    is around a span on the path is on it too."""
    spans: list[Span] = [
        (f"s{n:02}", None if parent < 0 or not n else f"s{parent % n:02}", start, start + length)
        for n, (parent, start, length) in enumerate(made)
    ]
    by_id = {span[0]: span for span in spans}
    path = _path(spans)
    assert path
    for span_id in path:
        parent = by_id[span_id][1]
        assert parent is None or parent in path
    last = max(span[3] for span in spans)

    def until(span_id: str | None) -> int:
        """A span on the path ends with what is around it."""
        return last if span_id is None else min(by_id[span_id][3], until(by_id[span_id][1]))

    for around in {by_id[span_id][1] for span_id in path}:
        brothers = [by_id[span_id] for span_id in path if by_id[span_id][1] == around]
        brothers.sort(key=lambda span: (span[2], span[3]))
        for one, other in pairwise(brothers):
            assert until(one[0]) <= other[2] or one[2] == other[2]
