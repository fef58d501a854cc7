"""What spans and events count for in the facets of their runs, and those in the hourly sums of their agents.

As with the totals: by differences, so that facets are sums over the rows whatever the order of arrival and
however often an operation comes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from operator import attrgetter
from typing import Final

from msgspec import Struct
from msgspec.structs import astuple

from holdfast.server.stores.base import WriteTransaction
from holdfast.server.stores.rows import EventRow, InstanceRow, SpanRow
from holdfast.server.stores.rows_facets import FacetRollupRow, FacetRow
from holdfast.server.stores.schema.facets import COUNTED_EVENTS, FACET_COUNTS, LONGEST_CALL, LONGEST_NAME
from holdfast.server.stores.schema.record import SPAN_AGGREGATE
from holdfast.wire.vocabulary import UNNAMED, EventLevel, FacetKind, SpanType

__all__ = ["FacetPlace", "Facets", "counts_as_failed", "facet_place", "model_facet", "take_out_facets"]

_HOUR_NS: Final = 3600 * 1_000_000_000
_ROLLUP_KEY: Final = ("account_id", "kind", "hour", "agent_id", "name")
_LLM: Final = SpanType.LLM.value
_TOOL: Final = SpanType.TOOL.value
_MODEL_KIND: Final = FacetKind.MODEL.value
_TOOL_KIND: Final = FacetKind.TOOL.value
_EVENT_KIND: Final = FacetKind.EVENT.value
_ERROR: Final = EventLevel.ERROR.value


class FacetPlace(Struct, frozen=True, gc=False):
    """Under which agent and hour a run's facets are summed up, and where they stand in lists."""

    agent_id: str
    hour: int
    begun_at: int


def facet_place(run: InstanceRow) -> FacetPlace:
    return FacetPlace(run.agent_id or "", run.begun_at // _HOUR_NS, run.begun_at)


def model_facet(provider: str | None, model: str | None) -> str:
    """The name under which calls of a model are counted."""
    if not model:
        return UNNAMED
    return f"{provider}/{model}" if provider else model


def counts_as_failed(row: SpanRow) -> bool:
    return row.status == "failed" or (row.error_type is not None and row.status == "complete")


class Facets:
    """What one transaction adds to the facets of runs; written at its end."""

    def __init__(self) -> None:
        self._added: dict[tuple[int, str, str], list[int]] = {}
        # of calls, by run, kind, provider, model or tool: names are put together once, not for every span
        self._calls: dict[tuple[int, str, str | None, str | None], list[int]] = {}

    def add_span(self, row: SpanRow, sign: int) -> None:
        """Add (`sign` 1) or take away (-1) what a span counts for."""
        schema = row.schema_name
        if schema == _TOOL:
            self._add_call(row, (row.instance_key, _TOOL_KIND, None, row.tool or row.name), sign)
        if row.flags & SPAN_AGGREGATE:
            return
        if (
            schema == _LLM
            or row.input_tokens is not None
            or row.output_tokens is not None
            or row.cost_nano is not None
        ):
            self._add_call(row, (row.instance_key, _MODEL_KIND, row.provider, row.model), sign)

    def _add_call(self, row: SpanRow, key: tuple[int, str, str | None, str | None], sign: int) -> None:
        sums = self._calls.get(key)
        if sums is None:
            sums = self._calls[key] = [0] * len(FACET_COUNTS)
        sums[0] += sign
        if row.error_type is not None or row.status == "failed":
            sums[1] += sign
        tokens = False
        if row.input_tokens is not None:
            tokens = True
            sums[2] += sign * row.input_tokens
        if row.output_tokens is not None:
            tokens = True
            sums[3] += sign * row.output_tokens
        if row.cost_nano is not None:
            sums[4] += sign * row.cost_nano
        elif tokens or (key[1] == _MODEL_KIND and row.status == "complete"):
            sums[5] += sign
        if row.finished_at is not None and row.started_at is not None:
            took = row.finished_at - row.started_at
            if 0 < took <= LONGEST_CALL:
                sums[6] += sign * took

    def add_event(self, row: EventRow) -> None:
        if row.name in COUNTED_EVENTS:
            self.add(row.instance_key, _EVENT_KIND, row.name, calls=1, errors=int(row.level == _ERROR))

    def add(self, instance_key: int, kind: str, name: str, *, calls: int, errors: int) -> None:
        sums = self._added.setdefault((instance_key, kind, name), [0] * len(FACET_COUNTS))
        sums[0] += calls
        sums[1] += errors

    def _everything(self) -> dict[tuple[int, str, str], list[int]]:
        found = self._added
        for (key, kind, provider, name), sums in self._calls.items():
            called = model_facet(provider, name) if kind == _MODEL_KIND else (name or UNNAMED)[:LONGEST_NAME]
            place = (key, kind, called)
            known = found.get(place)
            found[place] = sums if known is None else [a + b for a, b in zip(known, sums, strict=True)]
        return found

    def write(
        self,
        transaction: WriteTransaction,
        runs: Iterable[InstanceRow],
        before: Mapping[int, FacetPlace | None],
    ) -> None:
        """Write what was added. `runs` are all that were touched, as they are now; `before` says where the
        facets of each stood, None for a run that had none."""
        rollups = _Rollups()
        by_key = {run.key: run for run in runs}
        for key, run in by_key.items():
            was = before[key]
            if was is not None and was != facet_place(run):
                _move(transaction, rollups, run, was)
        rows = [
            FacetRow(key, kind, name, by_key[key].account_id, by_key[key].begun_at, *sums)
            for (key, kind, name), sums in sorted(self._everything().items())
            if any(sums)
        ]
        if rows:
            present = transaction.facets.add(rows)
            for row in rows:
                now = present[row.key]
                runs_added = (now > 0) - (now - row.calls - row.errors > 0)
                rollups.add(row, facet_place(by_key[row.instance_key]), runs_added, 1)
            transaction.facets.drop([row.key for row in rows if present[row.key] <= 0])
        rollups.write(transaction)
        self._added.clear()
        self._calls.clear()


def take_out_facets(transaction: WriteTransaction, runs: Iterable[InstanceRow]) -> None:
    """Take runs, as they are stored, out of all that is counted here. The caller holds them, and deletes what
    is left of them in `failed`."""
    places = {run.key: facet_place(run) for run in runs}
    rollups = _Rollups()
    gone = transaction.facets.of_runs(list(places))
    for row in gone:
        rollups.add(row, places[row.instance_key], -1, -1)
    rollups.write(transaction)
    transaction.facets.drop([row.key for row in gone])


def _move(transaction: WriteTransaction, rollups: _Rollups, run: InstanceRow, was: FacetPlace) -> None:
    """What is stored of a run goes where the run is now."""
    now = facet_place(run)
    if (was.agent_id, was.hour) != (now.agent_id, now.hour):
        for row in transaction.facets.of_runs([run.key]):
            rollups.add(row, was, -1, -1)
            rollups.add(row, now, 1, 1)
    if was.begun_at != now.begun_at:
        transaction.facets.set_begun(run.key, now.begun_at)


class _Rollups:
    """Hourly sums in the making."""

    def __init__(self) -> None:
        self._rows: dict[tuple[str, str, int, str, str], FacetRollupRow] = {}

    def add(self, row: FacetRow, place: FacetPlace, runs: int, sign: int) -> None:
        key = (row.account_id, row.kind, place.hour, place.agent_id, row.name)
        sums = self._rows.get(key)
        if sums is None:
            sums = self._rows[key] = FacetRollupRow(*key)
        sums.runs += runs
        sums.calls += sign * row.calls
        sums.errors += sign * row.errors
        sums.input_tokens += sign * row.input_tokens
        sums.output_tokens += sign * row.output_tokens
        sums.cost_nano += sign * row.cost_nano
        sums.cost_unknown += sign * row.cost_unknown
        sums.duration_ns += sign * row.duration_ns

    def write(self, transaction: WriteTransaction) -> None:
        changes = [row for row in self._rows.values() if any(astuple(row)[len(_ROLLUP_KEY) :])]
        if changes:
            transaction.facets.add_to_rollups(sorted(changes, key=attrgetter(*_ROLLUP_KEY)))
