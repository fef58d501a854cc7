"""The rows that one transaction works on: read in few statements, changed in memory, written once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from itertools import count

from msgspec import Struct

from holdfast.server.services.asking.asking import told_of_question
from holdfast.server.services.reading import usable_id
from holdfast.server.services.recording.facets import FacetPlace, Facets, counts_as_failed, facet_place
from holdfast.server.services.recording.failing import Failing
from holdfast.server.services.recording.registration import Registrar
from holdfast.server.services.recording.totals import RunSums, add_span, rollup_deltas, run_sums
from holdfast.server.services.searching.changes import SearchChanges, has_text
from holdfast.server.stores.base import WriteTransaction
from holdfast.server.stores.forgetting.tombstones import count_dropped, erased_among
from holdfast.server.stores.questions import tell
from holdfast.server.stores.reads.failure_rows import OF_THE_RUN
from holdfast.server.stores.rows import (
    BodyRow,
    CheckRow,
    EventRow,
    InstanceRow,
    QualityRow,
    RollupDelta,
    SpanRow,
)
from holdfast.server.stores.schema.record import BODY_KEY_BITS
from holdfast.server.stores.search.queue import add_to_queue
from holdfast.wire.vocabulary import InstanceStatus, Purpose

__all__ = ["SpanWork", "WorkingSet"]

_PENDING = InstanceStatus.PENDING.value
_FAILED = InstanceStatus.FAILED.value
_LIVE = Purpose.LIVE.value


class SpanWork(Struct, gc=False):
    """A span in work. `known`: the store has it already, and `body` holds changes unless `whole`."""

    row: SpanRow
    body: BodyRow
    known: bool
    whole: bool
    counted: bool
    """It is in the run's totals; it is taken out of them before it is changed."""
    dirty: bool
    """It is to be written."""
    failed: bool = False
    """The store has it as a failure."""


def _stored(row: SpanRow) -> SpanWork:
    body, failed = BodyRow(row.body_key), counts_as_failed(row)
    return SpanWork(row, body, known=True, whole=False, counted=True, dirty=False, failed=failed)


class WorkingSet:
    """Used by one transaction, from one thread. `now` is the receipt time that new rows get."""

    def __init__(self, transaction: WriteTransaction, now: int) -> None:
        self.transaction = transaction
        self.now = now
        self.registrar = Registrar(transaction, now)
        self.runs: dict[tuple[str, str], InstanceRow] = {}
        self._runs_by_key: dict[int, InstanceRow] = {}
        self._sums: dict[int, RunSums | None] = {}
        self._places: dict[int, FacetPlace | None] = {}
        self._failed_before: set[int] = set()
        self._facets = Facets()
        self._failing = Failing()
        self._touched: set[int] = set()
        self.spans: dict[tuple[int, str], SpanWork] = {}
        self._new_span_runs: dict[tuple[str, str], InstanceRow] = {}
        self._indexed = 0  # so many of `_dirty` are in it
        self._uncounted: list[SpanWork] = []
        self._dirty: list[SpanWork] = []
        self.events: dict[tuple[int, str], EventRow] = {}
        self._quality: dict[int, dict[str, QualityRow]] = {}
        self._quality_changed: set[tuple[int, str]] = set()
        self.checks: dict[tuple[int, str], CheckRow] = {}
        self.check_all: set[int] = set()
        self._to_search = SearchChanges()
        self._tickets = count(now)
        self.responses: dict[tuple[str, str, str], tuple[bytes, int]] = {}
        """Answers to keep, each with the key of the run that it tells of."""
        self._erased: set[tuple[str, str]] = set()
        self._dropped: Counter[tuple[str, str]] = Counter()

    # --- reading --------------------------------------------------------------------------------

    def load(self, account_id: str, wanted: Mapping[str, Collection[str]]) -> None:
        """Read the runs (the keys) and of each the spans named, as far as they exist."""
        missing = [run_id for run_id in wanted if (account_id, run_id) not in self.runs]
        for run in self.transaction.instances(account_id, missing).values():
            self.adopt(run)
        unknown = [run_id for run_id in missing if (account_id, run_id) not in self.runs]
        if unknown:
            for run_id in erased_among(self.transaction.connection, account_id, unknown):
                self._erased.add((account_id, run_id))
        keys: list[tuple[int, str]] = []
        for run_id, span_ids in wanted.items():
            found = self.runs.get((account_id, run_id))
            if found is not None and found.spans_total and span_ids:
                key = found.key
                keys += [(key, span_id) for span_id in span_ids if (key, span_id) not in self.spans]
        for at, row in self.transaction.spans(keys).items():
            self.spans[at] = _stored(row)

    def _enter(self, run: InstanceRow, *, known: bool) -> None:
        self._runs_by_key[run.key] = run
        self._sums[run.key] = run_sums(run) if known else None
        self._places[run.key] = facet_place(run) if known else None
        if run.status == _FAILED:
            self._failed_before.add(run.key)
        self._to_search.enter(run, known=known)

    def adopt(self, run: InstanceRow) -> None:
        """Take in a run that the transaction has read already."""
        self._enter(run, known=True)
        self.runs[run.account_id, run.id] = run

    def run_of_span(self, account_id: str, span_id: str) -> InstanceRow | None:
        """The run of the account's span with that id, with the span loaded."""
        for work in self._dirty[self._indexed :]:
            own = self._runs_by_key[work.row.instance_key]
            self._new_span_runs[own.account_id, work.row.id] = own
        self._indexed = len(self._dirty)
        made_here = self._new_span_runs.get((account_id, span_id))
        if made_here is not None:
            return made_here
        key_found = self.transaction.find_span(account_id, span_id)
        if key_found is None:
            return None
        run_found = self._runs_by_key.get(key_found)
        if run_found is None:
            run_found = self.transaction.instances_by_key([key_found])[key_found]
            self.adopt(run_found)
        self.load(account_id, {run_found.id: [span_id]})
        return run_found

    # --- changing -------------------------------------------------------------------------------

    def run(self, account_id: str, run_id: str) -> InstanceRow | None:
        return self.runs.get((account_id, run_id))

    def is_erased(self, account_id: str, run_id: str) -> bool:
        """Whether the run was erased, so that what arrives for it late must not bring it back."""
        return (account_id, run_id) in self._erased

    def drop(self, account_id: str, run_id: str) -> None:
        """Count an operation that came too late for an erased run."""
        self._dropped[account_id, run_id] += 1

    def ticket(self) -> int:
        """A number above every ticket given before."""
        return next(self._tickets)

    def new_run(self, account_id: str, run_id: str) -> InstanceRow:
        """A row for a run that was not known: pending, its agent unknown.

        Raises `ApiError` 422 for what cannot be an id.
        """
        usable_id(run_id, "agent_instance_id")
        row = InstanceRow(
            key=0,
            account_id=account_id,
            id=run_id,
            status=_PENDING,
            purpose=_LIVE,
            begun_at=self.now,
            inserted_at=self.now,
            updated_at=self.now,
        )
        row.key = self.transaction.add_instance(row)
        self.runs[account_id, run_id] = row
        self._enter(row, known=False)
        self._touched.add(row.key)
        return row

    def touch(self, run: InstanceRow) -> None:
        """The run has changed: it is written at the end."""
        if run.updated_at < self.now:
            run.updated_at = self.now
        self._touched.add(run.key)

    def new_span(self, run: InstanceRow, row: SpanRow) -> SpanWork:
        """Take in a span that was not known; the run counts it, and its body gets its key."""
        run.spans_total += 1
        row.body_key = run.key << BODY_KEY_BITS | run.spans_total
        self.touch(run)
        work = SpanWork(row, BodyRow(row.body_key), known=False, whole=True, counted=False, dirty=True)
        self.spans[run.key, row.id] = work
        self._uncounted.append(work)
        self._dirty.append(work)
        return work

    def change_span(self, run: InstanceRow, work: SpanWork) -> None:
        """To be called before a span's row is changed."""
        if work.counted:
            add_span(run, work.row, -1)
            self._facets.add_span(work.row, -1)
            work.counted = False
            self._uncounted.append(work)
        if not work.dirty:
            work.dirty = True
            self._dirty.append(work)
        work.row.updated_at = self.now
        self.touch(run)

    def whole_body(self, work: SpanWork) -> BodyRow:
        """The span's body with what the store has of it filled in."""
        if not work.whole:
            stored, changed = self.transaction.body(work.row.body_key), work.body
            work.body = BodyRow(
                stored.key,
                stored.payload if changed.payload is None else changed.payload,
                stored.result_payload if changed.result_payload is None else changed.result_payload,
                stored.attributes if changed.attributes is None else changed.attributes,
                stored.finish_attributes if changed.finish_attributes is None else changed.finish_attributes,
                stored.error if changed.error is None else changed.error,
            )
            work.whole = True
        return work.body

    def open_spans(self, run: InstanceRow) -> list[SpanWork]:
        """Every pending and active span of the run, those of this transaction among them."""
        for row in self.transaction.open_spans(run.key):
            if (run.key, row.id) not in self.spans:
                self.spans[run.key, row.id] = _stored(row)
        return [
            work
            for (key, _), work in self.spans.items()
            if key == run.key and work.row.status in ("pending", "active")
        ]

    def quality_of(self, run: InstanceRow) -> dict[str, QualityRow]:
        """The quality records of the run by name, those of this transaction among them."""
        records = self._quality.get(run.key)
        if records is None:
            records = self._quality[run.key] = {row.name: row for row in self.transaction.quality(run.key)}
        return records

    def set_quality(self, run: InstanceRow, row: QualityRow) -> None:
        self.quality_of(run)[row.name] = row
        self._quality_changed.add((run.key, row.name))
        self.touch(run)

    def settle_totals(self) -> None:
        """Bring the runs' totals up to what was applied so far; more may follow."""
        for work in self._uncounted:
            add_span(self._runs_by_key[work.row.instance_key], work.row, 1)
            self._facets.add_span(work.row, 1)
            work.counted = True
        self._uncounted.clear()

    # --- writing --------------------------------------------------------------------------------

    def write(self) -> None:
        """Write every row that changed, and the totals that follow from it."""
        self.settle_totals()
        new = [work for work in self._dirty if not work.known]
        changed = [work for work in self._dirty if work.known]
        for work in self._dirty:
            key = work.row.instance_key
            if not work.known or work.whole or has_text(work.body):
                self._to_search.span(key, work.row.id)
            if self._runs_by_key[key].schema_version_id is not None:
                subject = f"span/{work.row.id}"
                self.checks[key, subject] = CheckRow(key, subject, self.ticket())
            if work.row.error_type is not None or work.row.status == _FAILED or work.failed:
                self._tell_failure(work)
        transaction = self.transaction
        transaction.add_spans([work.row for work in new], [work.body for work in new])
        transaction.update_spans([work.row for work in changed])
        transaction.change_bodies([work.body for work in changed])
        for key, event_id in transaction.add_events(list(self.events.values())):
            self._runs_by_key[key].events += 1
            self._to_search.event(self._runs_by_key[key], event_id)
            self._facets.add_event(self.events[key, event_id])
            asked = told_of_question(self.events[key, event_id])
            if asked is not None:
                tell(transaction.connection, [asked])
            self.touch(self._runs_by_key[key])
        transaction.set_quality([self._quality[key][name] for key, name in self._quality_changed])
        self._write_runs()
        transaction.queue_checks(self.checks.values())
        for key in self.check_all:
            transaction.queue_all_checks(key, self.ticket())
        for (account_id, action, idempotency_key), (response, run_key) in self.responses.items():
            transaction.store_response(account_id, action, idempotency_key, response, self.now, run_key)
        if self._dropped:
            count_dropped(transaction.connection, self._dropped)

    def _tell_failure(self, work: SpanWork) -> None:
        row = work.row
        if counts_as_failed(row):
            error = work.body.error
            if error is None and not work.whole:
                error = self.whole_body(work).error
            self._failing.tell_span(self._runs_by_key[row.instance_key], row, error)
        elif work.failed:
            self._failing.take_back(row.instance_key, row.id)

    def _write_runs(self) -> None:
        runs = [self._runs_by_key[key] for key in self._touched]
        for run in runs:
            if run.status == _FAILED:
                self._failing.tell_run(run)
            elif run.key in self._failed_before:
                self._failing.take_back(run.key, OF_THE_RUN)
            if run.finished_at is not None and run.started_at is not None:
                run.duration = max(0, run.finished_at - run.started_at)
        self.transaction.update_instances(runs)
        deltas: list[RollupDelta] = []
        for run in runs:
            deltas += rollup_deltas(run.account_id, self._sums[run.key], run_sums(run))
        self.transaction.add_to_rollups(deltas)
        self._failing.write(self.transaction, self._facets)
        self._facets.write(self.transaction, runs, self._places)
        judged = {key for key, _ in self._quality_changed}
        add_to_queue(self.transaction, self._to_search.result(runs, judged), self.now)
