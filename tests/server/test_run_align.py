"""Which spans of two runs are the same step."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from holdfast.server.services.viewing.run_align import Alignment, Outline, align

LABELS = st.sampled_from("abc")


@st.composite
def outlines(draw: st.DrawFn) -> Outline:
    """Trees of up to 14 spans in reading order: each lies in an open one, or at the top."""
    around: list[int] = []
    path: list[int] = []
    for at in range(draw(st.integers(0, 14))):
        path = path[: draw(st.integers(0, len(path)))]
        around.append(path[-1] if path else -1)
        path.append(at)
    return Outline(around=around, labels=[draw(LABELS) for _ in around])


def flat(labels: Sequence[str]) -> Outline:
    return Outline(around=[-1] * len(labels), labels=labels)


def matched(found: Alignment) -> dict[int, int]:
    return {pair.a: pair.b for pair in found.pairs if pair.a is not None and pair.b is not None}


@given(outlines(), outlines())
def test_every_span_is_in_one_row_in_reading_order(a: Outline, b: Outline) -> None:
    """Nothing is left out, nothing is shown twice, neither side is out of its order."""
    found = align(a, b)
    assert [pair.a for pair in found.pairs if pair.a is not None] == list(range(len(a.labels)))
    assert [pair.b for pair in found.pairs if pair.b is not None] == list(range(len(b.labels)))


@given(outlines(), outlines())
def test_spans_are_matched_with_their_like_inside_matched_spans(a: Outline, b: Outline) -> None:
    """A step never belongs to one that happened elsewhere."""
    pairs = matched(align(a, b))
    for at_a, at_b in pairs.items():
        assert a.labels[at_a] == b.labels[at_b]
        outer_a, outer_b = a.around[at_a], b.around[at_b]
        assert (outer_a == outer_b == -1) or pairs.get(outer_a) == outer_b


@given(outlines())
def test_a_run_is_like_itself(run: Outline) -> None:
    """Each span is matched with itself."""
    found = align(run, run)
    assert found.exact
    assert matched(found) == {at: at for at in range(len(run.labels))}


@given(st.text("abc", max_size=12), st.text("abc", max_size=12))
def test_of_brothers_as_many_as_possible_are_matched(a: str, b: str) -> None:
    """As the textbook's table counts them."""
    table = [[0] * (len(b) + 1) for _ in range(len(a) + 1)]
    for x, one in enumerate(a):
        for y, other in enumerate(b):
            table[x + 1][y + 1] = table[x][y] + 1 if one == other else max(table[x][y + 1], table[x + 1][y])
    assert len(matched(align(flat(a), flat(b)))) == table[-1][-1]


def test_two_long_runs_with_nothing_in_common_are_cut_short_and_say_so() -> None:
    """What the bound leaves is matched in passing; every span still has its row."""
    a = [f"{at * 7919 % 1009}" for at in range(10_000)]
    b = [f"{at * 104_729 % 997}" for at in range(10_000)]
    found = align(flat(a), flat(b))
    assert not found.exact
    pairs = matched(found)
    assert pairs
    assert all(a[x] == b[y] for x, y in pairs.items())
    assert len(found.pairs) == 20_000 - len(pairs)


def test_a_chain_of_spans_is_no_deep_recursion() -> None:
    """Ten thousand spans, each inside the one before it."""
    chain = Outline(around=range(-1, 9_999), labels=["a"] * 10_000)
    assert len(matched(align(chain, chain))) == 10_000
