"""The order of spans, whatever their parents say."""

from __future__ import annotations

import uuid

from hypothesis import given
from hypothesis import strategies as st

from holdfast.server.services.viewing.run_tree import SpanTree, TreeView, short_id
from holdfast.server.services.viewing.tree_growing import grow_tree as grow
from holdfast.server.services.viewing.tree_growth import grown
from holdfast.server.stores.reads.spans import LightSpans

Span = tuple[str, str | None, int, str]
"""(id, parent, start, status)"""

_ids = st.sampled_from([f"s{number}" for number in range(12)])
_spans = st.lists(
    st.tuples(
        _ids,
        st.none() | _ids | st.just("nobody"),
        st.integers(0, 20),
        st.sampled_from(["complete", "failed", "active"]),
    ),
    unique_by=lambda span: span[0],
    max_size=12,
)


def _span(span_id: str, parent: str | None = None, at: int = 0, status: str = "complete") -> Span:
    return span_id, parent, at, status


def _light(spans: list[Span]) -> LightSpans:
    return LightSpans(
        ids=[span[0] for span in spans],
        parents=[span[1] for span in spans],
        starts=[span[2] for span in spans],
        failed=[int(span[3] == "failed") for span in spans],
    )


def grow_tree(spans: list[Span]) -> SpanTree:
    return grow(_light(spans))


def _depths(tree: SpanTree) -> list[int]:
    return [tree.depth(place) for place in range(len(tree.ids))]


def _shown(tree: SpanTree, view: TreeView) -> list[str]:
    return [tree.ids[place] for place in view.visible(tree)]


@given(_spans)
def test_every_span_stands_in_the_tree_once(spans: list[Span]) -> None:
    """Unknown parents, rings and selves included."""
    tree = grow_tree(spans)
    assert sorted(tree.ids) == sorted(span[0] for span in spans)
    for place in range(len(tree.ids)):
        depth, end = tree.depth(place), tree.end(place)
        assert all(tree.depth(at) > depth for at in range(place + 1, end))
        assert end == len(tree.ids) or tree.depth(end) <= depth
        if depth == 0:
            assert tree.ancestors(place) == []
        else:
            assert len(tree.ancestors(place)) == depth


@given(_spans)
def test_a_span_with_a_known_parent_stands_below_it_unless_they_form_a_ring(spans: list[Span]) -> None:
    """What stands at the top with a parent is marked as lost."""
    tree = grow_tree(spans)
    parents = {span[0]: span[1] for span in spans}
    for place, span_id in enumerate(tree.ids):
        around = tree.ancestors(place)
        if around:
            assert tree.ids[around[-1]] == parents[span_id]
        elif parents[span_id] is not None:
            assert place in tree.lost


@given(_spans)
def test_the_view_of_failures_shows_each_of_them_and_what_is_around_it(spans: list[Span]) -> None:
    """And nothing else."""
    tree = grow_tree(spans)
    wanted = {at for place in tree.failed for at in [place, *tree.ancestors(place)]}
    assert {tree.ids[place] for place in tree.failed} == {span[0] for span in spans if span[3] == "failed"}
    assert set(TreeView(failed_only=True).visible(tree)) == wanted


def test_brothers_stand_in_the_order_of_their_starts() -> None:
    """And each before those inside it."""
    tree = grow_tree([_span("b", None, 5), _span("a", None, 9), _span("c", "a", 1), _span("d", "b", 30)])
    assert list(tree.ids) == ["b", "d", "a", "c"]
    assert _depths(tree) == [0, 1, 0, 1]


def test_a_remote_parent_is_found_by_the_end_of_its_id() -> None:
    """W3C trace context carries 16 hex digits of a UUID."""
    parent = str(uuid.uuid4())
    tree = grow_tree([_span(parent), _span("child", short_id(parent), 1)])
    assert _depths(tree) == [0, 1]
    assert not tree.lost


def test_a_folded_span_hides_what_is_inside_it() -> None:
    """And no more than that."""
    tree = grow_tree([_span("a"), _span("b", "a", 1), _span("c", "b", 2), _span("d", None, 3)])
    assert _shown(tree, TreeView(folded=frozenset({short_id("a")}))) == ["a", "d"]
    assert _shown(tree, TreeView(max_depth=1)) == ["a", "b", "d"]


def test_the_innermost_failures_are_where_things_went_wrong() -> None:
    """A parent that failed because of its child is not told again."""
    spans = [
        _span("a", None, 0, "failed"),
        _span("b", "a", 1, "failed"),
        _span("c", "a", 2),
        _span("d", None, 3, "failed"),
    ]
    tree = grow_tree(spans)
    assert [tree.ids[place] for place in tree.failures()] == ["b", "d"]
    assert grow_tree([_span("a")]).failures() == []


def test_many_rings_do_not_take_long() -> None:
    """Twenty thousand pairs of spans that are each other's parents are put in order within the time limit."""
    spans = [_span(f"{number}", f"{number ^ 1}", number) for number in range(40_000)]
    tree = grow_tree(spans)
    assert len(tree.ids) == 40_000
    assert len(tree.lost) == 20_000


def test_what_hangs_on_a_ring_stays_there() -> None:
    """The ring is cut once, whatever the ids; a hundred thousand spans that hang on it are no trouble."""
    spans = [_span(f"a{number:06}", "z1", number) for number in range(100_000)]
    tree = grow_tree([*spans, _span("z1", "z2"), _span("z2", "z1")])
    assert [tree.ids[place] for place in tree.lost] == ["z1"]
    assert _depths(tree).count(0) == 1


def _told(tree: SpanTree) -> object:
    return tree.ids, tree.around, tree.starts, tree.failed, tree.lost, tree.first_start, tree.last_start


_run = st.lists(
    st.tuples(st.integers(-1, 60), st.integers(0, 40), st.sampled_from(["complete", "failed"])), max_size=60
)


def _branching(run: list[tuple[int, int, str]], first_parent: str | None) -> list[Span]:
    """Spans whose parents come before them, by their ids, as a database gives them."""
    spans: list[Span] = []
    for number, (parent, at, status) in enumerate(run):
        inside = f"s{parent % number:02}" if number else first_parent
        spans.append((f"s{number:02}", None if parent < 0 else inside, at, status))
    return spans


@given(_run, st.data(), st.sampled_from([None, "x"]))
def test_a_tree_grown_by_what_changed_is_the_tree_of_all(
    run: list[tuple[int, int, str]], data: st.DataObject, first_parent: str | None
) -> None:
    """Whatever was there before, and whatever of it is told again."""
    spans = _branching(run, first_parent)
    known: list[Span] = []
    fresh: list[Span] = []
    for span in spans:  # a child never comes before its parent here
        parent_known = span[1] in {None, "x", *(before[0] for before in known)}
        old = parent_known and (span[1] == "x" or data.draw(st.booleans()))
        (known if old else fresh).append(span)
    again = data.draw(st.lists(st.sampled_from(known), unique=True)) if known else []
    before = [
        (name, parent, at, "active" if (name, parent, at, status) in again else status)
        for name, parent, at, status in known
    ]
    grown_tree = grown(grow_tree(before), _light(sorted([*fresh, *again])))
    assert grown_tree is not None
    assert _told(grown_tree) == _told(grow_tree(spans))


def test_a_tree_whose_spans_move_is_grown_anew() -> None:
    """Another start, another parent, the parent of a lost span: it is said that the old tree is of no use."""
    tree = grow_tree([_span("a"), _span("b", "a", 1), _span("c", "later", 2)])
    assert grown(tree, _light([_span("b", "a", 5)])) is None
    assert grown(tree, _light([_span("b", None, 1)])) is None
    assert grown(tree, _light([_span("later", None, 0)])) is None
    assert grown(tree, _light([_span("d", "nobody", 3)])) is None
    assert grown(tree, _light([_span("d", "b", 3)])) is not None
