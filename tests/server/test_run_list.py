"""The list of runs against the same runs filtered and sorted by hand, over both stores."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from holdfast.server.services.setup import prepare
from holdfast.server.stores.base import Store
from holdfast.server.stores.opening import open_database
from holdfast.server.stores.reads.run_list import Range, RunList, RunListFilter, RunPlace
from holdfast.server.stores.rows import InstanceRow
from holdfast.server.stores.rows_facets import FacetRow
from holdfast.wire.vocabulary import FacetKind, RunOrder
from server.records import NOW

_SECOND = 1_000_000_000
_ALL = RunListFilter(account_id="default")
_Runs = list[tuple[InstanceRow, set[tuple[FacetKind, str]]]]


@pytest.fixture(params=["sqlite", "postgres"])
def stored(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[tuple[Store, _Runs]]:
    """Two hundred runs, many of them alike in what they are sorted by, and some of another account."""
    address = None if request.param == "sqlite" else request.getfixturevalue("postgres")
    store = open_database(tmp_path / "record.db", address)
    prepare(store, NOW)
    dice = random.Random(7)
    runs: _Runs = []
    with store.write() as transaction:
        for number in range(220):
            begun = NOW + dice.randrange(40) * _SECOND
            took = dice.choice([None, *(n * _SECOND for n in range(9))])
            row = InstanceRow(
                key=0,
                account_id="other" if number % 11 == 0 else "default",
                id=f"run-{number}",
                status=dice.choice(["complete", "failed", "active"]),
                purpose=dice.choice(["live", "eval"]),
                name=dice.choice(["Apple pie", "banana", None]),
                begun_at=begun,
                inserted_at=begun,
                updated_at=begun,
                duration=took,
                cost_nano=dice.randrange(6),
                cost_reported=dice.randrange(2),
                input_tokens=dice.randrange(50),
                output_tokens=dice.randrange(50),
            )
            row.key = transaction.add_instance(row)
            facets = {
                (kind, f"{kind}{dice.randrange(3)}")
                for kind in (FacetKind.MODEL, FacetKind.TOOL, FacetKind.CATEGORY)
                if dice.random() < 0.7
            }
            transaction.facets.add(
                [
                    FacetRow(row.key, kind.value, name, row.account_id, begun, 1)
                    for kind, name in sorted(facets)
                ]
            )
            runs.append((row, facets))
    yield store, runs
    store.close()


def _within(value: int | None, wanted: Range) -> bool:
    if not wanted:
        return True
    return (
        value is not None and (wanted.least or 0) <= value and (wanted.most is None or value <= wanted.most)
    )


def _by_hand(runs: _Runs, wanted: RunListFilter, order: RunOrder) -> list[str]:
    value: Callable[[InstanceRow], int | None] = {
        RunOrder.NEWEST: lambda row: row.begun_at,
        RunOrder.COST: lambda row: row.cost_nano,
        RunOrder.DURATION: lambda row: row.duration,
        RunOrder.TOKENS: lambda row: row.input_tokens + row.output_tokens,
    }[order]
    fitting = [
        row
        for row, facets in runs
        if row.account_id == "default"
        and (wanted.status is None or row.status == wanted.status)
        and (wanted.purpose is None or row.purpose == wanted.purpose)
        and (wanted.since is None or row.begun_at >= wanted.since)
        and (wanted.until is None or row.begun_at < wanted.until)
        and set(wanted.facets) <= facets
        and _within(row.cost_nano if row.cost_reported else None, wanted.cost)
        and _within(row.duration, wanted.duration)
        and _within(row.input_tokens + row.output_tokens, wanted.tokens)
        and (not wanted.text or wanted.text.lower() in (row.name or "").lower())
        and value(row) is not None
    ]
    return [row.id for row in sorted(fitting, key=lambda row: (value(row), row.key), reverse=True)]


_MODEL = (FacetKind.MODEL, "model1")
_TOOL = (FacetKind.TOOL, "tool2")
_CASES: list[dict[str, Any]] = [
    {},
    {"status": "failed"},
    {"purpose": "eval", "text": "apple"},
    {"facets": (_MODEL,)},
    {"facets": (_MODEL, _TOOL), "status": "complete"},
    {
        "facets": ((FacetKind.CATEGORY, "category0"),),
        "since": NOW + 10 * _SECOND,
        "until": NOW + 30 * _SECOND,
    },
    {"cost": Range(2, 4)},
    {"cost": Range(None, 3), "duration": Range(2 * _SECOND, None), "facets": (_TOOL,)},
    {"duration": Range(0, 3 * _SECOND), "status": "failed"},
    {"tokens": Range(40, 60), "since": NOW + 5 * _SECOND},
    {"text": "nowhere"},
]


@pytest.mark.parametrize("look", [3, 10_000])
def test_every_filter_in_every_order(stored: tuple[Store, _Runs], look: int) -> None:
    """Page after page down, and up again, each run is there once and in its place; however often a list stops
    before its page is full."""
    store, runs = stored
    reads = RunList(store, look=look, seconds=0.0)
    for case in _CASES:
        wanted = replace(_ALL, **case)
        for order in (RunOrder.NEWEST, RunOrder.COST, RunOrder.DURATION):
            right = _by_hand(runs, wanted, order)
            down: list[str] = []
            place: RunPlace | None = None
            while True:
                page = reads.page(wanted, order, 7, before=place)
                assert len(page.runs) <= 7
                down += [run.id for run in page.runs]
                if page.older is None:
                    break
                place = page.older
            assert down == right, (case, order)
            up: list[str] = []
            place = RunPlace(-1, 0)
            while place is not None:
                page = reads.page(wanted, order, 7, after=place)
                up = [run.id for run in page.runs] + up
                place = page.newer
            assert up == right, (case, order)


def test_most_tokens(stored: tuple[Store, _Runs]) -> None:
    """By tokens there is one page, of all runs where they are few, and of the newest where they are many."""
    store, runs = stored
    for case in _CASES:
        wanted = replace(_ALL, **case)
        page = RunList(store).page(wanted, RunOrder.TOKENS, 1000)
        assert [run.id for run in page.runs] == _by_hand(runs, wanted, RunOrder.TOKENS)
        assert (page.older, page.newer, page.reached) == (None, None, None)
    few = RunList(store, look=10).page(_ALL, RunOrder.TOKENS, 1000)
    assert {run.id for run in few.runs} == set(_by_hand(runs, _ALL, RunOrder.NEWEST)[:10])
    assert few.reached == min(run.begun_at for run in few.runs)


def test_news_and_keys(stored: tuple[Store, _Runs]) -> None:
    """How many runs are above a place, up to a number; and which of some runs are wanted."""
    store, runs = stored
    reads, wanted = RunList(store), replace(_ALL, facets=(_MODEL,))
    right = _by_hand(runs, wanted, RunOrder.NEWEST)
    page = reads.page(wanted, RunOrder.NEWEST, 100).runs
    fifth = page[5]
    assert reads.count_newer(wanted, RunPlace(fifth.begun_at, fifth.key), 100) == 5
    assert reads.count_newer(wanted, RunPlace(0, 0), 3) == 3
    found = reads.of_keys(wanted, [row.key for row, _ in runs])
    assert {run.id for run in found.values()} == set(right)
