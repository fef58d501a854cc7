"""A transaction of the catalogue that knows what lies in the span store.

What comes late for a span that has been moved brings it back: its row and its body are written to the catalogue
as they are there, changed, and noted as recalled. Its totals never left the catalogue.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from sqlalchemy import Connection, insert, select

from holdfast.server.stores.base import FacetWriter, WriteTransaction
from holdfast.server.stores.clickhouse.lists import MovedSpans
from holdfast.server.stores.clickhouse.reads import MovedPart
from holdfast.server.stores.rows import (
    BodyChange,
    BodyRow,
    CheckRow,
    EventRow,
    InstanceRow,
    QualityRow,
    RollupDelta,
    SpanRow,
)
from holdfast.server.stores.schema.columnar import moved_runs, recalled_spans
from holdfast.server.stores.schema.record import instances
from holdfast.server.stores.tiered.moving_state import anything_moved

__all__ = ["TieredTransaction"]


class TieredTransaction:
    """A `WriteTransaction` around that of the catalogue. What needs the span store raises
    `SpanStoreUnavailableError` while that is away; the transaction is to be rolled back then."""

    def __init__(self, catalogue: WriteTransaction, moved: MovedSpans) -> None:
        self._catalogue = catalogue
        self._moved = moved
        self._parts: dict[int, MovedPart | None] = {}
        # moved spans that were read and not brought back yet, and their bodies by key
        self._read: dict[tuple[int, str], BodyRow] = {}
        self._bodies: dict[int, BodyRow] = {}
        self._owners: dict[int, tuple[str | None, str | None]] = {}

    @property
    def connection(self) -> Connection:
        return self._catalogue.connection

    @property
    def facets(self) -> FacetWriter:
        return self._catalogue.facets

    # --- runs -----------------------------------------------------------------------------------

    def instances(self, account_id: str, ids: Collection[str]) -> dict[str, InstanceRow]:
        found = self._catalogue.instances(account_id, ids)
        self._note_owners(found.values())
        return found

    def instances_by_key(self, keys: Collection[int]) -> dict[int, InstanceRow]:
        found = self._catalogue.instances_by_key(keys)
        self._note_owners(found.values())
        return found

    def silent_instances(self, before: int, limit: int) -> list[InstanceRow]:
        return self._catalogue.silent_instances(before, limit)

    def add_instance(self, row: InstanceRow) -> int:
        return self._catalogue.add_instance(row)

    def update_instances(self, rows: Iterable[InstanceRow]) -> None:
        rows = list(rows)
        self._catalogue.update_instances(rows)
        for row in rows:
            if self._owners.get(row.key, _owner(row)) != _owner(row):
                self._bring_all_back(row.key)  # in the span store they are found by whose they are

    def _note_owners(self, rows: Iterable[InstanceRow]) -> None:
        for row in rows:
            self._owners.setdefault(row.key, _owner(row))

    # --- spans ----------------------------------------------------------------------------------

    def spans(self, keys: Collection[tuple[int, str]]) -> dict[tuple[int, str], SpanRow]:
        found = self._catalogue.spans(keys)
        missing: dict[int, list[str]] = {}
        for key, span_id in keys:
            if (key, span_id) not in found:
                missing.setdefault(key, []).append(span_id)
        for key, part in self._parts_of(missing).items():
            for span_id, (span, body) in part.whole(missing[key]).items():
                self._read[key, span_id] = self._bodies[body.key] = body
                found[key, span_id] = span
        return found

    def body(self, key: int) -> BodyRow:
        return self._bodies.get(key) or self._catalogue.body(key)

    def open_spans(self, instance_key: int) -> list[SpanRow]:
        return self._catalogue.open_spans(instance_key)  # only what has ended is moved

    def find_span(self, account_id: str, span_id: str) -> int | None:
        """One in the catalogue goes before one in the span store."""
        key = self._catalogue.find_span(account_id, span_id)
        if key is not None or not anything_moved(self.connection):
            return key
        key = self._moved.find_span(account_id, span_id)
        i = instances.c
        wanted = select(i.key).where(i.key == key, i.account_id == account_id)
        return self.connection.execute(wanted).scalar()  # it may be just being erased

    def add_spans(self, rows: Sequence[SpanRow], bodies: Sequence[BodyRow]) -> None:
        self._catalogue.add_spans(rows, bodies)

    def update_spans(self, rows: Sequence[SpanRow]) -> None:
        again = [row for row in rows if (row.instance_key, row.id) in self._read]
        self._bring_back([(row, self._read.pop((row.instance_key, row.id))) for row in again])
        back = {(row.instance_key, row.id) for row in again}
        self._catalogue.update_spans([row for row in rows if (row.instance_key, row.id) not in back])

    def change_bodies(self, changes: Sequence[BodyChange]) -> None:
        """Those of moved spans after `update_spans` has had their rows."""
        self._catalogue.change_bodies(changes)

    def _bring_back(self, pairs: Sequence[tuple[SpanRow, BodyRow]]) -> None:
        if not pairs:
            return
        for row, _ in pairs:
            self._bodies.pop(row.body_key, None)
        self._catalogue.add_spans([row for row, _ in pairs], [body for _, body in pairs])
        self.connection.execute(
            insert(recalled_spans),
            [{"instance_key": row.instance_key, "span_id": row.id} for row, _ in pairs],
        )

    def _bring_all_back(self, key: int) -> None:
        for part in self._parts_of([key]).values():
            for pairs in part.every_whole():
                known = self._catalogue.spans([(key, row.id) for row, _ in pairs])
                self._bring_back([pair for pair in pairs if (key, pair[0].id) not in known])

    # --- the rest -------------------------------------------------------------------------------

    def add_events(self, rows: Sequence[EventRow]) -> list[tuple[int, str]]:
        wanted: dict[int, list[str]] = {}
        for row in rows:
            wanted.setdefault(row.instance_key, []).append(row.id)
        known = {
            (key, event_id)
            for key, part in self._parts_of(wanted).items()
            for event_id in part.event_ids(wanted[key])
        }
        return self._catalogue.add_events([row for row in rows if (row.instance_key, row.id) not in known])

    def quality(self, instance_key: int) -> list[QualityRow]:
        return self._catalogue.quality(instance_key)

    def set_quality(self, rows: Sequence[QualityRow]) -> None:
        self._catalogue.set_quality(rows)

    def queue_checks(self, rows: Iterable[CheckRow]) -> None:
        self._catalogue.queue_checks(rows)

    def queue_all_checks(self, instance_key: int, ticket: int) -> None:
        self._bring_all_back(instance_key)  # what is to be checked lies in the catalogue
        self._catalogue.queue_all_checks(instance_key, ticket)

    def add_to_rollups(self, deltas: Sequence[RollupDelta]) -> None:
        self._catalogue.add_to_rollups(deltas)

    def stored_response(self, account_id: str, action: str, key: str) -> bytes | None:
        return self._catalogue.stored_response(account_id, action, key)

    def store_response(
        self, account_id: str, action: str, key: str, response: bytes, now: int, run: int | None = None
    ) -> None:
        self._catalogue.store_response(account_id, action, key, response, now, run)

    def drop_responses(self, before: int) -> None:
        self._catalogue.drop_responses(before)

    def _parts_of(self, keys: Iterable[int]) -> dict[int, MovedPart]:
        """Those of the runs of which something lies in the span store."""
        wanted = set(keys)
        unknown = wanted - self._parts.keys()
        if unknown:
            m = moved_runs.c
            rows = self.connection.execute(
                select(m.instance_key, m.account_id).where(m.instance_key.in_(unknown))
            )
            self._parts |= dict.fromkeys(unknown)
            self._parts |= {key: self._moved.part(account_id, key) for key, account_id in rows}
        return {key: part for key in wanted if (part := self._parts[key]) is not None}


def _owner(row: InstanceRow) -> tuple[str | None, str | None]:
    return row.agent_id, row.environment_id
