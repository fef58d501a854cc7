"""Searching the texts of runs, spans and events: what was recorded last comes first."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Final

from msgspec import Struct

from holdfast._clock import iso_utc
from holdfast.server.services.searching.cursor import SearchCursors
from holdfast.server.services.searching.query import parse_search
from holdfast.server.services.searching.snippets import snippet
from holdfast.server.stores.base import Store
from holdfast.server.stores.reach import Reach
from holdfast.server.stores.reads.search import SearchedRun, SearchFilter, SearchReads
from holdfast.server.stores.reads.spans import SpanReads, SpanRecord
from holdfast.server.stores.schema.record import BODY_KEY_BITS
from holdfast.server.stores.search.index import EVENT_BIT, Found, SearchIndex, first_document
from holdfast.server.stores.search.record import record_id
from holdfast.server.stores.search.words import Match
from holdfast.wire.details import UNKNOWN_ID
from holdfast.wire.search import SearchAnswer, SearchHit, SnippetPart
from holdfast.wire.vocabulary import SearchKind

__all__ = ["FoundRuns", "Search", "SearchFilter"]

_SECONDS: Final = 1.0
"""A search that has found less than a page by then says how far it got."""
_BATCH: Final = 200
_PER_RUN: Final = 3
_NEWEST: Final = 1 << 62


class FoundRuns(Struct, frozen=True, kw_only=True):
    """A piece of text of each run, by key, in order; from which run's key to go on, None: there are no more."""

    snippets: dict[int, list[SnippetPart]]
    below: int | None
    complete: bool


class _Walk(Struct, kw_only=True):
    """What has been found so far, and below which key to go on; 0: nowhere."""

    keys: list[int]
    below: int
    runs: dict[int, SearchedRun]


class Search:
    """Blocking calls; keep them off the event loop. What lies beyond the reach is not there."""

    def __init__(self, store: Store, index: SearchIndex) -> None:
        self._store = store
        self._index = index
        self._reads = SearchReads(store)
        self._spans = SpanReads(store)
        self._cursors = SearchCursors(record_id(store))

    def find(
        self,
        reach: Reach,
        query: str,
        *,
        within: SearchFilter,
        run_id: str | None = None,
        cursor: str | None = None,
        limit: int = 20,
    ) -> SearchAnswer:
        """Of one run at most three hits on a page, unless `run_id` asks for that run alone. A query without a
        word to be found finds nothing; a cursor that is none begins anew."""
        match = parse_search(query)
        below, floor = (self._cursors.open(cursor) if cursor else None) or _NEWEST, 0
        if run_id is not None:
            key = self._reads.key_of(reach, run_id)
            match = match if key is not None else None
            below = min(below, first_document((key or 0) + 1))
            floor = first_document(key or 0)
        if match is None:
            return SearchAnswer(summaries=[], next=None, complete=True)
        most = limit if run_id is not None else _PER_RUN
        walk = self._walk(reach, match, within, below=below, floor=floor, limit=limit, per_run=most)
        return SearchAnswer(
            summaries=self._hits(walk, match),
            next=self._cursors.seal(walk.below) if walk.below else None,
            complete=(not walk.below or len(walk.keys) == limit) and not self._index.missing_below(),
        )

    def runs(
        self,
        account_id: str,
        query: str,
        admit: Callable[[Collection[int]], Collection[int]],
        *,
        below: int | None,
        limit: int,
    ) -> FoundRuns:
        """Runs in which the text is found, each once, those recorded last first, and of them only those whose keys
        `admit` lets through. From `below` a run's key."""
        match = parse_search(query)
        found = FoundRuns(snippets={}, below=None, complete=True)
        if match is None:
            return found
        deadline = time.monotonic() + _SECONDS
        place, first = _NEWEST if below is None else first_document(below), dict[int, int]()
        while place > 0 and len(first) < limit:
            left = max(0.0, deadline - time.monotonic())
            looked = self._index.look(account_id, match, below=place, limit=_BATCH, seconds=left)
            newest: dict[int, int] = {}
            for key in looked.keys:
                newest.setdefault(key >> BODY_KEY_BITS, key)
            admitted = set(admit(newest)) if newest else set[int]()
            first |= {run: key for run, key in newest.items() if run in admitted}
            # what else there is of the last run says nothing new
            last = looked.reached >> BODY_KEY_BITS
            place = first_document(last) if looked.keys else looked.reached
            if time.monotonic() > deadline:
                break
        chosen = dict(list(first.items())[:limit])
        texts = self._index.texts(chosen.values())
        more = place > 0 or len(first) > limit
        below_all = (min(chosen) if len(first) >= limit else place >> BODY_KEY_BITS) if more else None
        return FoundRuns(
            snippets={run: snippet(texts[key].text, match) for run, key in chosen.items() if key in texts},
            below=below_all,
            complete=(not more or len(chosen) == limit) and not self._index.missing_below(),
        )

    def _walk(
        self,
        reach: Reach,
        match: Match,
        within: SearchFilter,
        *,
        below: int,
        floor: int,
        limit: int,
        per_run: int,
    ) -> _Walk:
        deadline = time.monotonic() + _SECONDS
        walk = _Walk(keys=[], below=below, runs={})
        taken = Counter[int]()
        while walk.below > floor:
            left = deadline - time.monotonic()
            looked = self._index.look(
                reach.account_id, match, below=walk.below, limit=_BATCH, seconds=max(left, 0.0)
            )
            keys = [key for key in looked.keys if key >= floor]
            walk.runs |= self._reads.runs(reach, within, {key >> BODY_KEY_BITS for key in keys})
            for key in keys:
                run = key >> BODY_KEY_BITS
                if run in walk.runs and taken[run] < per_run:
                    taken[run] += 1
                    walk.keys.append(key)
                    if len(walk.keys) == limit:
                        walk.below = key
                        return walk
            walk.below = looked.reached
            last = walk.below >> BODY_KEY_BITS
            if last not in walk.runs or taken[last] >= per_run:
                walk.below = min(walk.below, first_document(last))  # nothing more of that run is wanted
            if time.monotonic() > deadline:
                break
        if walk.below <= floor:
            walk.below = 0
        return walk

    def _hits(self, walk: _Walk, match: Match) -> list[SearchHit]:
        texts = self._index.texts(walk.keys)
        spans = self._spans_of(walk.keys, texts)
        hits: list[SearchHit] = []
        told = set[tuple[int, str]]()
        for key in walk.keys:
            run, found = walk.runs[key >> BODY_KEY_BITS], texts.get(key)
            if found is None or (run.key, found.subject) in told:
                continue  # it was forgotten meanwhile; or an event that has got two places
            told.add((run.key, found.subject))
            hit = _hit(run, key, found, spans.get((run.key, found.subject)), match)
            if hit is not None:
                hits.append(hit)
        return hits

    def _spans_of(self, keys: Sequence[int], texts: Mapping[int, Found]) -> dict[tuple[int, str], SpanRecord]:
        wanted: dict[int, list[str]] = {}
        for key in keys:
            if key in texts and _kind(key) is SearchKind.SPAN:
                wanted.setdefault(key >> BODY_KEY_BITS, []).append(texts[key].subject)
        return {
            (run, span_id): record
            for run, ids in wanted.items()
            for span_id, record in self._spans.records(run, ids).items()
        }


def _kind(key: int) -> SearchKind:
    place = key & ((1 << BODY_KEY_BITS) - 1)
    if not place:
        return SearchKind.RUN
    return SearchKind.EVENT if place & EVENT_BIT else SearchKind.SPAN


def _hit(run: SearchedRun, key: int, found: Found, span: SpanRecord | None, match: Match) -> SearchHit | None:
    """None for a span that the record does not have: the index is of another state of it."""
    kind = _kind(key)
    name, status, started = run.name, run.status, run.begun_at
    if kind is SearchKind.SPAN:
        if span is None:
            return None
        name, status = span.name or span.schema_name, span.status
        started = span.inserted_at if span.started_at is None else span.started_at
    is_event = kind is SearchKind.EVENT
    return SearchHit(
        kind=kind,
        agent_instance_id=run.id,
        agent_id=run.agent_id or UNKNOWN_ID,
        run_name=run.name,
        run_status=run.status,
        run_started_at=iso_utc(run.begun_at),
        agent_span_id=found.subject if kind is SearchKind.SPAN else None,
        agent_event_id=found.subject if is_event else None,
        name=found.text.partition("\n")[0] if is_event else name,
        status=None if is_event else status,
        started_at=None if is_event else iso_utc(started),
        snippet=snippet(found.text, match),
    )
