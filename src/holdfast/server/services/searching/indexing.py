"""Taking the record's texts into the search index: what changed, then what was there before the index was."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice
from typing import Final

from holdfast.server.services.searching.documents import event_text, run_text, span_text
from holdfast.server.stores.base import Store
from holdfast.server.stores.retrying import in_transaction
from holdfast.server.stores.search.index import (
    EVENT_BIT,
    Document,
    SearchIndex,
    SearchWriter,
    first_document,
)
from holdfast.server.stores.search.queue import Queued, Subjects, oldest_queued, take_off
from holdfast.server.stores.search.record import newest_run
from holdfast.server.stores.search.source import EventTexts, RunTexts, SearchSource

__all__ = ["Indexing", "rebuild"]

_STEP: Final = 500
"""Documents in one step, roughly."""
_ENTRIES: Final = 200

Judgements = dict[int, list[tuple[str, bytes | None, str | None]]]


class Indexing:
    """Used by one thread at a time. However often a step is repeated, and wherever a process dies in one, the
    index ends the same: what is taken in replaces what was, and is read while nobody else may write."""

    def __init__(self, store: Store, index: SearchIndex) -> None:
        self._store = store
        self._source = SearchSource(store)
        self._index = index

    def step(self) -> int | None:
        """How many documents were taken in; None where nothing is to be done, or somebody else is at it."""
        entries = _some(oldest_queued(self._store, _ENTRIES))
        if not entries:
            return self._fill()
        with self._index.write(wait=False) as writer:
            if writer is None:
                return None
            taken = self._take_in(writer, _merged(entries))
        in_transaction(self._store, lambda transaction: take_off(transaction, [one.key for one in entries]))
        return taken

    def _take_in(self, writer: SearchWriter, changed: dict[int, Subjects]) -> int:
        runs = self._source.runs(changed)
        judgements = self._source.quality([key for key, what in changed.items() if what.run or what.forget])
        writer.forget([key for key, what in changed.items() if what.forget or key not in runs])
        documents = chain.from_iterable(
            self._changed(runs[key], what, judgements) for key, what in changed.items() if key in runs
        )
        return _put(writer, documents)

    def _fill(self) -> int | None:
        """Take in some runs that were recorded before the index was made, newest first."""
        with self._index.write(wait=False) as writer:
            if writer is None or not writer.missing_below:
                return None
            runs = self._source.runs_below(writer.missing_below, _ENTRIES)
            judgements = self._source.quality([run.key for run in runs])
            taken = 0
            for run in runs:
                taken += _put(writer, self._whole(run, judgements))
                writer.set_missing_below(run.key)
                if taken >= _STEP:
                    break
            else:
                if len(runs) < _ENTRIES:
                    writer.set_missing_below(0)
            return taken

    def _changed(self, run: RunTexts, what: Subjects, judgements: Judgements) -> Iterator[Document]:
        if what.forget:
            yield from self._whole(run, judgements)
            return
        if what.run:
            yield _of_run(run, judgements)
        for span in self._source.spans(run.key, what.spans):
            yield Document(key=span.key, account_id=run.account_id, subject=span.id, text=span_text(span))
        places = {event_id: place for place, event_id in what.events}
        for event in self._source.events(run.key, list(places)):
            yield _of_event(run, event, places[event.id])

    def _whole(self, run: RunTexts, judgements: Judgements) -> Iterator[Document]:
        yield _of_run(run, judgements)
        for span in self._source.every_span(run.key):
            yield Document(key=span.key, account_id=run.account_id, subject=span.id, text=span_text(span))
        # counted from the other end than the places that new events get
        for place, event in enumerate(self._source.every_event(run.key), 1):
            yield _of_event(run, event, EVENT_BIT - place)


def rebuild(store: Store, index: SearchIndex, *, pause: float = 0.2) -> int:
    """Empty the index and take the whole record in, here or where a running server is quicker at it; how many
    texts it then has."""
    with index.write() as writer:
        assert writer is not None  # it has waited
        writer.clear()
        writer.set_missing_below(newest_run(store) + 1)
    work, waiting = Indexing(store, index), threading.Event()
    while True:
        while work.step() is not None:
            pass
        with index.write() as writer:
            assert writer is not None
            if not writer.missing_below:
                return index.size().documents
        waiting.wait(pause)  # somebody else is at it


def _some(entries: Sequence[Queued]) -> list[Queued]:
    """The first of them, with about as many subjects as make up a step."""
    chosen: list[Queued] = []
    subjects = 0
    for entry in entries:
        chosen.append(entry)
        subjects += len(entry.subjects.spans) + len(entry.subjects.events) + entry.subjects.run
        if subjects >= _STEP:
            break
    return chosen


def _merged(entries: Iterable[Queued]) -> dict[int, Subjects]:
    """By run, each subject once."""
    merged: dict[int, Subjects] = {}
    for entry in entries:
        known, new = merged.get(entry.instance_key), entry.subjects
        if known is not None:
            new = Subjects(
                known.run or new.run,
                list(dict.fromkeys([*known.spans, *new.spans])),
                list(dict.fromkeys([*known.events, *new.events])),
                forget=known.forget or new.forget,
            )
        merged[entry.instance_key] = new
    return merged


def _put(writer: SearchWriter, documents: Iterable[Document]) -> int:
    taken, waiting = 0, iter(documents)
    while part := list(islice(waiting, _STEP)):
        writer.put(part)
        taken += len(part)
    return taken


def _of_run(run: RunTexts, judgements: Judgements) -> Document:
    text = run_text(run, judgements.get(run.key, ()))
    return Document(key=first_document(run.key), account_id=run.account_id, subject="", text=text)


def _of_event(run: RunTexts, event: EventTexts, place: int) -> Document:
    key = first_document(run.key) | EVENT_BIT | place
    return Document(key=key, account_id=run.account_id, subject=event.id, text=event_text(event))
