"""Failures as facets of their runs: each counts once, in the span it began in.

An exception that passes through the spans around a call fails all of them, and the run. Only spans without a
failed child of the same error count, and the run's own error where no span of it has the same. What counts can
change with every span that comes, so it is looked up before and after the changes are written; only runs in
which something fails pay for that.
"""

from __future__ import annotations

from typing import Final

from holdfast.core.failures import Group
from holdfast.server.services.recording.facets import Facets
from holdfast.server.stores.base import WriteTransaction
from holdfast.server.stores.reads.failure_rows import OF_THE_RUN, group_row, recorded_group
from holdfast.server.stores.rows import InstanceRow, SpanRow
from holdfast.server.stores.rows_facets import FailedRow, FailureGroupRow
from holdfast.wire.vocabulary import FacetKind, SpanType

__all__ = ["Failing"]

_FAILURE: Final = FacetKind.FAILURE.value
_CATEGORY: Final = FacetKind.CATEGORY.value
_TOOL: Final = SpanType.TOOL.value


class Failing:
    """The failures that one transaction tells of."""

    def __init__(self) -> None:
        self._told: dict[tuple[int, str], FailedRow | None] = {}
        self._groups: dict[tuple[str, str], FailureGroupRow] = {}

    def tell_span(self, run: InstanceRow, row: SpanRow, error: bytes | None) -> None:
        """A span has failed so."""
        tool = (row.tool or row.name or "")[:200] if row.schema_name == _TOOL else None
        group = recorded_group(error, row.error_type, row.provider, tool)
        at = row.finished_at or row.started_at or row.inserted_at
        self._tell(run, row.id, row.parent_span_id, group, at)

    def tell_run(self, run: InstanceRow) -> None:
        """A run has failed so."""
        group = recorded_group(run.error, run.error_type, None, None)
        self._tell(run, OF_THE_RUN, None, group, run.finished_at or run.begun_at)

    def take_back(self, instance_key: int, span_id: str) -> None:
        """A span (or the run) that had failed has not."""
        self._told[instance_key, span_id] = None

    def _tell(self, run: InstanceRow, span_id: str, parent: str | None, group: Group, at: int) -> None:
        self._told[run.key, span_id] = FailedRow(run.key, span_id, parent, group.error, group.fingerprint)
        known = self._groups.get((run.account_id, group.fingerprint))
        if known is not None:
            known.first_seen = min(known.first_seen, at)
            known.last_seen = max(known.last_seen, at)
            return
        self._groups[run.account_id, group.fingerprint] = group_row(run.account_id, group, at)

    def write(self, transaction: WriteTransaction, facets: Facets) -> None:
        """Write what was told, and add to the facets what follows from it."""
        if not self._told:
            return
        store = transaction.facets
        known = store.failed(self._told)
        changed = {at: row for at, row in self._told.items() if known.get(at) != row}
        concerned = set(changed)
        for at, row in changed.items():
            concerned.add((at[0], OF_THE_RUN))
            for one in (row, known.get(at)):
                if one is not None and one.parent_span_id:
                    concerned.add((at[0], one.parent_span_id))
        self._count(facets, store.counted_failures(concerned), -1)
        store.set_failed(
            [row for at in sorted(changed) if (row := changed[at]) is not None],
            [at for at, row in changed.items() if row is None],
        )
        self._count(facets, store.counted_failures(concerned), 1)
        store.add_groups([self._groups[key] for key in sorted(self._groups)])
        self._told.clear()
        self._groups.clear()

    def _count(self, facets: Facets, counted: list[tuple[int, str, str]], sign: int) -> None:
        for instance_key, span_id, fingerprint in counted:
            in_span = sign if span_id else 0
            category = fingerprint.partition("-")[0]
            facets.add(instance_key, _FAILURE, fingerprint, calls=in_span, errors=sign)
            facets.add(instance_key, _CATEGORY, category, calls=in_span, errors=sign)
