"""What is different from the period before, in words, the weightiest first."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final
from urllib.parse import quote

from holdfast.server.services.clean_text import one_line
from holdfast.server.web.overview.deltas import moved
from holdfast.server.web.overview.material import Material
from holdfast.server.web.overview.pages import Change, Tone
from holdfast.server.web.overview.tiles import percent
from holdfast.server.web.scope import HOUR
from holdfast.wire.vocabulary import FacetKind

__all__ = ["what_changed"]

_MOST: Final = 10
_NEW_FAILURES: Final = 4
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
        yield Change(
            text=f"new failure, {times:,} {'time' if times == 1 else 'times'}: {one_line(group.message, 90)}",
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
    for agent_id in sorted({*now, *before}):
        name = one_line(material.agents.get(agent_id, agent_id), 60) or "unknown agent"
        here, earlier = now.get(agent_id), before.get(agent_id)
        href = material.query.of_agent(agent_id).scope.url("/runs") if agent_id else ""
        if here is None or here.runs == 0:
            if earlier is not None and earlier.runs >= _ENOUGH:
                yield Change(text=f"{name} has not run", title=f"{earlier.runs:,} runs before", href=href)
        elif earlier is None or earlier.runs == 0:
            yield Change(text=f"{name} ran; before, it did not", title=f"{here.runs:,} runs", href=href)
        elif here.success is not None and earlier.success is not None:
            fell = earlier.success - here.success
            if fell >= _FELL and here.runs >= _ENOUGH and earlier.runs >= _ENOUGH:
                rates = f"{percent(earlier.success)} to {percent(here.success)}"
                yield Change(text=f"{name} succeeds less often: {rates}", tone=Tone.BAD, href=href)


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
    for name, facet in now.items():
        if name not in before and facet.calls:
            yield Change(
                text=f"{one_line(name, 60)} is called; before, it was not",
                title=f"{facet.calls:,} calls",
                href=material.scope.url("/runs", model=name),
            )
    for name, facet in before.items():
        if name not in now and facet.calls >= _ENOUGH:
            yield Change(
                text=f"{one_line(name, 60)} is not called any more", title=f"{facet.calls:,} calls before"
            )
