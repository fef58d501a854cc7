"""The versions of an agent and of the schemas it declares."""

from __future__ import annotations

from holdfast.server.services.clean_text import one_line
from holdfast.server.services.viewing.overview_sums import Totals, total
from holdfast.server.services.viewing.schema_drift import Change, Drift
from holdfast.server.stores.reads.agents import SchemaVersionRecord, VersionRecord, VersionSum
from holdfast.server.web.agents.build import version_title
from holdfast.server.web.agents.material import AgentMaterial
from holdfast.server.web.agents.numbers import cost_each, is_bad, known, success, success_words
from holdfast.server.web.agents.pages import DriftRow, SchemaRow, VersionRow
from holdfast.server.web.format import amount, duration
from holdfast.server.web.shown import NOTHING, past_time

__all__ = ["schema_rows", "version_rows"]

_VERSIONS = 25
_SCHEMAS = 8
_CHANGES = 40


def version_rows(material: AgentMaterial) -> tuple[tuple[VersionRow, ...], str]:
    """The newest first, and how many are left out."""
    profiles = material.queries.profiles
    found = profiles.reads.versions(material.agent.id, _VERSIONS + 1)
    shown = found[:_VERSIONS]
    sums = profiles.version_sums(material.period, [version.id for version in shown], material.now)
    rows = tuple(_version_row(version, sums.get(version.id), material) for version in shown)
    return rows, f"The newest {_VERSIONS} versions are shown." if len(found) > _VERSIONS else ""


def _version_row(version: VersionRecord, known_sum: VersionSum | None, material: AgentMaterial) -> VersionRow:
    totals = Totals(durations={}) if known_sum is None else total([known_sum.point])
    url = material.query.scope.url
    median, late = totals.quantile(0.5), totals.quantile(0.95)
    return VersionRow(
        name=version_title(version),
        since=past_time(version.inserted_at, material.now),
        runs=amount(totals.runs),
        runs_href=url("/runs", version=version.id),
        success=success(totals),
        success_title=success_words(totals),
        bad=is_bad(totals),
        failed=amount(totals.failed),
        failed_href=url("/runs", version=version.id, status="failed"),
        cost=known(totals.cost_nano, totals.cost_unknown, totals.llm_calls),
        each=cost_each(totals),
        median=NOTHING if median is None else duration(median),
        late=NOTHING if late is None else duration(late),
    )


def schema_rows(material: AgentMaterial) -> tuple[SchemaRow, ...]:
    """The newest first, each with what it changed."""
    profiles = material.queries.profiles
    found = profiles.reads.schema_versions(material.agent.id, _SCHEMAS + 1)
    drifts = profiles.drifts(found, material.now)
    shown = found[:_SCHEMAS]
    sums = profiles.version_sums(material.period, [version.id for version in shown], material.now)
    return tuple(
        _schema_row(version, drifts.get(version.id), sums.get(version.id), material) for version in shown
    )


def _schema_row(
    version: SchemaVersionRecord,
    drift: Drift | None,
    known_sum: VersionSum | None,
    material: AgentMaterial,
) -> SchemaRow:
    runs = 0 if known_sum is None else total([known_sum.point]).runs
    spans, violations = (0, 0) if known_sum is None else (known_sum.spans, known_sum.violations)
    changes = () if drift is None else _changes(drift)
    return SchemaRow(
        name=version_title(version),
        since=past_time(version.inserted_at, material.now),
        runs=amount(runs),
        spans=amount(spans),
        violations=f"{violations * 100 / spans:.1f}" if violations and spans else "0" if spans else NOTHING,
        bad=violations > 0,
        first=drift is None,
        summary="the first" if drift is None else _summary(drift),
        changes=changes[:_CHANGES],
        more=f"and {len(changes) - _CHANGES:,} more" if len(changes) > _CHANGES else "",
    )


def _summary(drift: Drift) -> str:
    parts = [
        f"{len(changes):,} {word}"
        for changes, word in (
            (drift.added, "added"),
            (drift.removed, "removed"),
            (drift.changed, "of another type"),
        )
        if changes
    ]
    return ", ".join(parts) or "no field changed"


def _changes(drift: Drift) -> tuple[DriftRow, ...]:
    return tuple(
        DriftRow(
            sign=sign,
            word=word,
            span_type=one_line(change.span_type, 80),
            path=one_line(change.path, 120),
            told=_told(change),
        )
        for sign, word, changes in (
            ("+", "added", drift.added),
            ("−", "removed", drift.removed),
            ("~", "changed", drift.changed),
        )
        for change in changes
    )


def _told(change: Change) -> str:
    if change.before and change.after:
        return f"{one_line(change.before, 80)} → {one_line(change.after, 80)}"
    return one_line(change.before or change.after, 80)
