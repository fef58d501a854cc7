"""What is different from the period before, in words, the weightiest first."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final
from urllib.parse import quote

from holdfast.server.services.clean_text import one_line
from holdfast.server.services.viewing.overview_sums import Totals
from holdfast.server.web.overview.deltas import moved
from holdfast.server.web.overview.material import Material
from holdfast.server.web.overview.pages import Change, Tone
from holdfast.server.web.overview.tiles import percent
from holdfast.server.web.scope import HOUR
from holdfast.wire.vocabulary import FacetKind

__all__ = ["what_changed"]

_MOST: Final = 10
_NEW_FAILURES: Final = 4
_FEW: Final = 2
_ENOUGH: Final = 10
"""So many runs, or failures, must have been on one side before a difference is told."""
_GREW: Final = 2.0
_FELL: Final = 0.05
"""A fall of the success rate by five points is told."""


def what_changed(material: Material) -> tuple[Change, ...]:
    """Nothing where there is no earlier period."""
    if not material.has_earlier:
        return ()
    found = [*_new_failures(material), *_agents(material), *_categories(material), *_models(material)]
    found.sort(key=lambda change: change.tone is not Tone.BAD)
    return tuple(found[:_MOST])


def _new_failures(material: Material) -> Iterator[Change]:
    """Kinds of failure that were never seen before the range."""
    sums = material.facets(FacetKind.FAILURE)
    often = sorted(sums, key=lambda name: -sums[name].errors)[:200]
    groups = material.overview.facet_reads.failure_groups(material.account_id, often)
    since = material.period.first * HOUR
    new = [name for name in often if name in groups and groups[name].first_seen >= since]
    for name in new[:_NEW_FAILURES]:
        group = groups[name]
        times = sums[name].errors
        kind = f"{group.error_type}: " if group.error_type else ""
        yield Change(
            text=f"new failure, {times:,} {'time' if times == 1 else 'times'}: "
            + one_line(f"{kind}{group.message}", 100),
            title=f"{group.category.replace('_', ' ')}; never seen before this range",
            tone=Tone.BAD,
            href=material.failures_url(f"/failures/{quote(name, safe='')}"),
        )
    if len(new) > _NEW_FAILURES:
        yield Change(
            text=f"{len(new) - _NEW_FAILURES} more kinds of failure are new",
            tone=Tone.BAD,
            href=material.failures_url(),
        )


def _agents(material: Material) -> Iterator[Change]:
    now, before = material.agent_totals, material.earlier_agents
    known = material.agent_names([*now, *before])
    names = {
        agent_id: one_line(known.get(agent_id, agent_id), 60) or "unknown agent"
        for agent_id in sorted({*now, *before})
    }
    hrefs = {
        names[agent_id]: material.query.of_agent(agent_id).scope.url("/runs")
        for agent_id in names
        if agent_id
    }
    ran = [name for agent_id, name in names.items() if _runs(now, agent_id) and not _runs(before, agent_id)]
    yield from _listed(ran, "ran; before, it did not", "agents ran that did not before", hrefs)
    gone = [
        name
        for agent_id, name in names.items()
        if not _runs(now, agent_id) and _runs(before, agent_id) >= _ENOUGH
    ]
    yield from _listed(gone, "has not run", "agents have not run", hrefs)
    for agent_id, name in names.items():
        if min(_runs(now, agent_id), _runs(before, agent_id)) < _ENOUGH:
            continue
        rates = before[agent_id].success, now[agent_id].success
        if rates[0] is not None and rates[1] is not None and rates[0] - rates[1] >= _FELL:
            yield Change(
                text=f"{name} succeeds less often: {percent(rates[0])} to {percent(rates[1])}",
                tone=Tone.BAD,
                href=hrefs.get(name, ""),
            )


def _runs(totals: Mapping[str, Totals], agent_id: str) -> int:
    return totals[agent_id].runs if agent_id in totals else 0


def _listed(names: Sequence[str], one: str, many: str, hrefs: Mapping[str, str]) -> Iterator[Change]:
    """A line a name while they are few, else one for all of them."""
    if len(names) <= _FEW:
        for name in names:
            yield Change(text=f"{name} {one}", href=hrefs.get(name, ""))
    else:
        some = ", ".join(names[:_FEW])
        yield Change(
            text=f"{len(names):,} {many}: {some} and {len(names) - _FEW:,} more", title=", ".join(names[:50])
        )


def _categories(material: Material) -> Iterator[Change]:
    now, before = material.facets(FacetKind.CATEGORY), material.earlier_facets(FacetKind.CATEGORY)
    for name, facet in now.items():
        earlier = before[name].errors if name in before else 0
        expected = earlier * material.elapsed
        if facet.errors < _ENOUGH or facet.errors < expected * _GREW:
            continue
        told = f"{moved(facet.errors / expected - 1)}" if expected else "none before"
        yield Change(
            text=f"more {name.replace('_', ' ')}: {facet.errors:,} ({told})",
            title=f"{earlier:,} in the period before",
            tone=Tone.BAD,
            href=material.failures_url(category=name),
        )


def _models(material: Material) -> Iterator[Change]:
    now, before = material.facets(FacetKind.MODEL), material.earlier_facets(FacetKind.MODEL)
    hrefs = {one_line(name, 60): material.scope.url("/runs", model=name) for name in now}
    new = sorted((name for name in now if name not in before), key=lambda name: -now[name].calls)
    yield from _listed(
        [one_line(name, 60) for name in new],
        "is called; before, it was not",
        "models are called that were not before",
        hrefs,
    )
    gone = [one_line(name, 60) for name in before if name not in now and before[name].calls >= _ENOUGH]
    yield from _listed(gone, "is not called any more", "models are not called any more", {})
