"""What every store can do. These docstrings are the contract; one test suite runs over all stores."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from sqlalchemy import Connection, Engine

from holdfast.server.stores.clickhouse.lists import MovedList
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
from holdfast.server.stores.rows_facets import FacetRollupRow, FacetRow, FailedRow, FailureGroupRow
from holdfast.server.stores.run_news import RunsChanged

__all__ = ["FacetWriter", "Store", "WriteTransaction"]


class FacetWriter(Protocol):
    """The facet tables of one transaction. The caller holds the runs it names, and names each row once."""

    def of_runs(self, instance_keys: Collection[int]) -> list[FacetRow]:
        """Every facet of the runs."""
        ...

    def add(self, rows: Sequence[FacetRow]) -> dict[tuple[int, str, str], int]:
        """Add to the facets' counts, making the rows that do not exist. By key, what `calls` and `errors` of
        each then come to together."""
        ...

    def drop(self, keys: Collection[tuple[int, str, str]]) -> None:
        """Take facets away."""
        ...

    def set_begun(self, instance_key: int, begun_at: int) -> None:
        """Set the time under which lists have the run's facets."""
        ...

    def add_to_rollups(self, rows: Sequence[FacetRollupRow]) -> None:
        """Add to the hourly sums, making the rows that do not exist and taking away those that no run belongs
        to any more. The rows come in the order of their keys."""
        ...

    def failed(self, keys: Collection[tuple[int, str]]) -> dict[tuple[int, str], FailedRow]:
        """What is known of the failures of these spans, by (instance key, span id)."""
        ...

    def counted_failures(self, keys: Collection[tuple[int, str]]) -> list[tuple[int, str, str]]:
        """(instance key, span id, fingerprint) of those that count: see `schema_facets.failed`."""
        ...

    def set_failed(self, rows: Sequence[FailedRow], gone: Collection[tuple[int, str]]) -> None:
        """Insert or replace rows; take away those that are gone."""
        ...

    def add_groups(self, rows: Sequence[FailureGroupRow]) -> None:
        """Insert groups, or widen their times. The rows come in the order of their keys."""
        ...


class WriteTransaction(Protocol):
    """One transaction. Nothing of it is seen by others before its commit; all of it is kept after.

    Times, ids and keys are the caller's: a store makes none up but `instances.key`.
    """

    @property
    def connection(self) -> Connection:
        """The same transaction for SQLAlchemy Core statements; only code in `stores/` may use it."""
        ...

    @property
    def facets(self) -> FacetWriter:
        """What is counted per run and name."""
        ...

    def instances(self, account_id: str, ids: Collection[str]) -> dict[str, InstanceRow]:
        """The rows of the runs that exist, by id, locked against other writers until the end."""
        ...

    def instances_by_key(self, keys: Collection[int]) -> dict[int, InstanceRow]:
        """As `instances`, by key."""
        ...

    def silent_instances(self, before: int, limit: int) -> list[InstanceRow]:
        """Runs that are not ended, or have open spans, and last changed before that time; longest first."""
        ...

    def add_instance(self, row: InstanceRow) -> int:
        """Insert and give the new key (the row's own `key` is not looked at)."""
        ...

    def update_instances(self, rows: Iterable[InstanceRow]) -> None:
        """Write whole rows back."""
        ...

    def spans(self, keys: Collection[tuple[int, str]]) -> dict[tuple[int, str], SpanRow]:
        """The rows of the spans that exist, by (instance key, span id)."""
        ...

    def body(self, key: int) -> BodyRow:
        """The body with that key, which exists."""
        ...

    def open_spans(self, instance_key: int) -> list[SpanRow]:
        """The pending and active spans of a run."""
        ...

    def find_span(self, account_id: str, span_id: str) -> int | None:
        """The instance key of the account's span with that id, the newest run's where several have it."""
        ...

    def add_spans(self, rows: Sequence[SpanRow], bodies: Sequence[BodyRow]) -> None:
        """Insert spans that do not exist, with their bodies."""
        ...

    def update_spans(self, rows: Sequence[SpanRow]) -> None:
        """Write whole rows back, except `violations` and `summary`, which the check stage owns."""
        ...

    def change_bodies(self, changes: Sequence[BodyChange]) -> None:
        """Set the fields of bodies that are not None; leave the others."""
        ...

    def add_events(self, rows: Sequence[EventRow]) -> list[tuple[int, str]]:
        """Insert the events that do not exist yet; the (instance key, event id) of those inserted."""
        ...

    def quality(self, instance_key: int) -> list[QualityRow]:
        """The quality records of a run, those taken away among them."""
        ...

    def set_quality(self, rows: Sequence[QualityRow]) -> None:
        """Insert or replace."""
        ...

    def queue_checks(self, rows: Iterable[CheckRow]) -> None:
        """Insert or replace by (instance key, subject)."""
        ...

    def queue_all_checks(self, instance_key: int, ticket: int) -> None:
        """Queue every span of a run: its schemas have only now become known."""
        ...

    def add_to_rollups(self, deltas: Sequence[RollupDelta]) -> None:
        """Add to the hourly sums, making the rows that do not exist."""
        ...

    def stored_response(self, account_id: str, action: str, key: str) -> bytes | None:
        """The answer that was stored for an idempotency key, or None."""
        ...

    def store_response(
        self, account_id: str, action: str, key: str, response: bytes, now: int, run: int | None = None
    ) -> None:
        """Keep an answer for replays; the first one stays. `run` is the key of the run that it tells of: it
        is erased with that."""
        ...

    def drop_responses(self, before: int) -> None:
        """Forget the answers stored before that time."""
        ...


class Store(Protocol):
    """A database with the current schema. Thread-safe; `close` once, after the last use."""

    @property
    def reader(self) -> Engine:
        """For the read queries in `stores/`: connections that cannot write, seeing every commit made
        before they begin. Reads never wait for writers."""
        ...

    def write(self) -> AbstractContextManager[WriteTransaction]:
        """A transaction that commits, durably, when the block ends, and rolls back when it raises.

        One at a time in a process: others wait their turn.
        """
        ...

    def watch(self, told: RunsChanged) -> None:
        """From now on, soon after every commit that made or changed runs, by whatever server on this record,
        `told` is called with their keys; with None where any run may have changed. From any thread: it must
        return at once. Word may be lost for good where a server is killed: look by yourself now and then.
        """
        ...

    def scrub(self) -> str | None:
        """Rewrite what lies on the disk so that nothing of deleted rows can be read there. Writers wait
        meanwhile. What is left to do by others, in a sentence; None: nothing."""
        ...

    def moved_parts(self, connection: Connection, keys: Collection[int]) -> dict[int, MovedPart]:
        """What of the runs with these keys lies in the span store, by key; runs of which nothing does are left out.

        To be asked after the runs' spans or events have been read from the same connection of `reader`: then
        the two together have every one of them. What is in both is newer in the catalogue.
        """
        ...

    def moved_list(self, connection: Connection) -> MovedList | None:
        """What of all runs lies in the span store, as of the connection's state of the catalogue, which must be
        one for the whole of its transaction (`span_list.one_state`); None where there is no span store."""
        ...

    def close(self) -> None: ...
