"""The page with the list of runs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlencode

from holdfast.server.services.searching.search import Search
from holdfast.server.services.viewing.queries import Queries
from holdfast.server.stores.reads.run_list import LOOK, RunListSlice, RunPlace
from holdfast.server.stores.reads.run_views import RunFilter, RunRecord, RunSums
from holdfast.server.web.format import amount, duration, money, utc_text
from holdfast.server.web.pages import Fact, Shell
from holdfast.server.web.runs.columns import NAMES, STANDARD, Column
from holdfast.server.web.runs.filter_bar import chips, filter_bar
from holdfast.server.web.runs.pages import (
    ColumnChoice,
    ColumnHead,
    Empty,
    Facet,
    RunListPage,
    SavedList,
    SnippetView,
)
from holdfast.server.web.runs.query import RUNS, ListQuery
from holdfast.server.web.runs.rows import run_row
from holdfast.server.web.shown import NOTHING
from holdfast.wire.vocabulary import InstanceStatus, RunOrder

__all__ = ["PAGE_SIZE", "Reader", "listed_runs", "new_runs", "run_list_page"]

PAGE_SIZE: Final = 50
_MOST_NEWS: Final = 100
_AGENTS: Final = 200
_WORDS: Final = {
    RunOrder.NEWEST: ("Newest", "Newer", "Older"),
    RunOrder.COST: ("Costliest", "Costlier", "Cheaper"),
    RunOrder.DURATION: ("Longest", "Longer", "Shorter"),
    RunOrder.TOKENS: ("", "", ""),
}
_NUMBERS: Final = frozenset(Column) - {Column.AGENT, Column.ENVIRONMENT, Column.PURPOSE}
_SORTED_BY: Final = {
    Column.STARTED: RunOrder.NEWEST,
    Column.DURATION: RunOrder.DURATION,
    Column.COST: RunOrder.COST,
    Column.TOKENS: RunOrder.TOKENS,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """Who looks at the list: what the account saved (queries by name), and the columns that the browser keeps."""

    account_id: str
    saved: Mapping[str, str]
    columns: tuple[Column, ...] = STANDARD


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    """`snippets` are by the run's key. `complete` is false where a search everywhere was stopped, or the index is
    still being made."""

    slice: RunListSlice
    snippets: Mapping[int, tuple[SnippetView, ...]]
    complete: bool = True


def run_list_page(
    queries: Queries, search: Search, shell: Shell, reader: Reader, query: ListQuery, now: int
) -> RunListPage:
    found = _found(queries, search, reader.account_id, query, now)
    runs = found.slice.runs
    agents = {one.id: one.name for one in queries.runs.agents(reader.account_id, _AGENTS)}
    names = queries.choices.names(reader.account_id, query.scope.agent, now)
    summed = not (query.text or query.ranges or set(query.words) - {"status"})
    sums = queries.sums(_scope(reader.account_id, query, now), now) if summed else None
    empty = Empty.NO
    if not runs:
        empty = Empty.NO_MATCH if query.filtered or query.before or query.after else Empty.NOTHING_YET
    top, newer, older = _WORDS[query.order]
    at_top = query.before is None and query.after is None
    news = at_top and query.order is RunOrder.NEWEST and not query.everywhere
    newest = RunPlace(runs[0].begun_at, runs[0].key) if runs else RunPlace(0, 0)
    return RunListPage(
        shell=shell,
        here=query.url(),
        empty=empty,
        filters=filter_bar(query, agents, names),
        chips=chips(query, agents, names, but=() if sums is None else ("status",)),
        saved=_saved(reader.saved, query),
        savable=query.filtered or query.order is not RunOrder.NEWEST,
        address=urlencode(query.at().pairs()),
        facets=() if sums is None else _facets(query, sums),
        sums=() if sums is None else _sums(sums),
        columns=tuple(_head(column, query) for column in reader.columns),
        column_choices=tuple(
            ColumnChoice(value=column.value, label=NAMES[column], chosen=column in reader.columns)
            for column in Column
        ),
        rows=tuple(run_row(run, query, now, found.snippets.get(run.key, ())) for run in runs),
        top_href="" if at_top else query.at().url(),
        newer_href=query.at(after=found.slice.newer).url() if found.slice.newer else "",
        older_href=query.at(before=found.slice.older).url() if found.slice.older else "",
        top_word=top,
        older_word=older,
        newer_word=newer,
        notice=_notice(query, found),
        news_href=query.at(after=newest).url("/list/news") if news else "",
        csv_href=query.at().url("/list/runs.csv"),
        jsonl_href=query.at().url("/list/runs.jsonl"),
    )


def new_runs(queries: Queries, account_id: str, query: ListQuery, now: int) -> int:
    """How many have come above the place of the query, a hundred at most."""
    if query.after is None:
        return 0
    return queries.run_list.count_newer(query.wanted(account_id, now), query.after, _MOST_NEWS)


def listed_runs(
    queries: Queries, search: Search, account_id: str, query: ListQuery, now: int
) -> Iterator[RunRecord]:
    """All runs of the list, a page at a time, as far as anybody reads on."""
    while True:
        found = _found(queries, search, account_id, query, now).slice
        yield from found.runs
        if found.older is None or found.older == query.before:
            return
        query = query.at(before=found.older)


def _scope(account_id: str, query: ListQuery, now: int) -> RunFilter:
    scope = query.scope
    return RunFilter(account_id=account_id, agent_id=scope.agent, since=scope.since(now), until=scope.until())


def _found(queries: Queries, search: Search, account_id: str, query: ListQuery, now: int) -> _Found:
    wanted = query.wanted(account_id, now)
    if query.everywhere:
        below = None if query.before is None else query.before.key
        hits = search.runs(
            account_id,
            query.text or "",
            admit=lambda keys: queries.run_list.of_keys(wanted, keys),
            below=below,
            limit=PAGE_SIZE,
        )
        runs = queries.run_list.of_keys(wanted, hits.snippets)
        older = None if hits.below is None else RunPlace(0, hits.below)
        return _Found(
            slice=RunListSlice(
                runs=[runs[key] for key in hits.snippets if key in runs], newer=None, older=older
            ),
            snippets={
                key: tuple(SnippetView(text=part.text, hit=part.hit) for part in parts)
                for key, parts in hits.snippets.items()
            },
            complete=hits.complete,
        )
    exact = queries.runs.run(account_id, query.text) if query.text else None
    if exact is not None:
        return _Found(slice=RunListSlice(runs=[exact], newer=None, older=None), snippets={})
    page = queries.run_list.page
    found = page(wanted, query.order, PAGE_SIZE, before=query.before, after=query.after)
    if query.after is not None and not found.runs and found.reached is None:
        found = page(wanted, query.order, PAGE_SIZE)  # nothing is above: show the top
    return _Found(slice=found, snippets={})


def _notice(query: ListQuery, found: _Found) -> str:
    reached = found.slice.reached
    if query.everywhere:
        more = "Go on with “older”." if found.slice.older else "The index of texts is still being made."
        return "" if found.complete else f"There may be more than these. {more}"
    if reached is None:
        return ""
    if query.order is RunOrder.TOKENS:
        return f"The most among the newest {LOOK:,} runs, back to {utc_text(reached)}."
    if query.order is RunOrder.COST:
        return f"Looked as far down as {money(reached)}. Go on with “cheaper”."
    if query.order is RunOrder.DURATION:
        return f"Looked as far down as {duration(reached)}. Go on with “shorter”."
    return f"Searched as far as {utc_text(reached)}. Go on with “{'newer' if query.after else 'older'}”."


def _saved(saved: Mapping[str, str], query: ListQuery) -> tuple[SavedList, ...]:
    here = urlencode(query.at().pairs())
    return tuple(
        SavedList(name=name, href=f"{RUNS}?{address}" if address else RUNS, current=address == here)
        for name, address in saved.items()
    )


def _head(column: Column, query: ListQuery) -> ColumnHead:
    order = _SORTED_BY.get(column)
    pairs = query.at().pairs()
    pairs.pop("sort", None)
    if order is not None and order is not RunOrder.NEWEST:
        pairs["sort"] = order.value
    sortable = order is not None and not query.everywhere
    return ColumnHead(
        name=column.value,
        label=NAMES[column],
        number=column in _NUMBERS,
        href=(f"{RUNS}?{urlencode(pairs)}" if pairs else RUNS) if sortable else "",
        sorted=sortable and order is query.order,
    )


def _facets(query: ListQuery, sums: RunSums) -> tuple[Facet, ...]:
    chosen = query.words.get("status")
    counts = {
        InstanceStatus.ACTIVE: sums.active,
        InstanceStatus.PENDING: sums.pending,
        InstanceStatus.COMPLETE: sums.complete,
        InstanceStatus.FAILED: sums.failed,
        InstanceStatus.CANCELLED: sums.cancelled,
        InstanceStatus.TERMINATED: sums.terminated,
    }
    return tuple(
        Facet(
            status=status.value,
            count=amount(count),
            href=query.without("status") if chosen == status else query.having(status=status.value).url(),
            chosen=chosen == status,
        )
        for status, count in counts.items()
        if count or chosen == status
    )


def _sums(sums: RunSums) -> tuple[Fact, ...]:
    tokens = sums.input_tokens + sums.output_tokens
    known = sums.cost_nano > 0
    cost = ("≥ " if sums.cost_unknown else "") + money(sums.cost_nano) if known else NOTHING
    unknown = f"{sums.cost_unknown:,} calls of unknown cost are not in it" if sums.cost_unknown else ""
    return (
        Fact(label="runs", value=amount(sums.runs), title=f"{sums.runs:,}"),
        Fact(label="spans", value=amount(sums.spans), title=f"{sums.spans:,}"),
        Fact(label="errors", value=amount(sums.errors), title=f"{sums.errors:,}", bad=sums.errors > 0),
        Fact(
            label="tokens",
            value=amount(tokens) if tokens else NOTHING,
            title=f"{sums.input_tokens:,} input, {sums.output_tokens:,} output",
        ),
        Fact(
            label="cost",
            value=cost if known or not sums.cost_unknown else f"{NOTHING} unknown",
            title=unknown,
        ),
    )
