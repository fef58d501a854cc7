"""The tools and models that an agent's runs used."""

from __future__ import annotations

from collections.abc import Sequence

from holdfast.server.services.clean_text import one_line
from holdfast.server.stores.reads.facet_views import FacetSum
from holdfast.server.web.agents.numbers import known
from holdfast.server.web.agents.pages import UsedRow
from holdfast.server.web.format import amount, duration
from holdfast.server.web.overview.tiles import percent
from holdfast.server.web.scope import Scope
from holdfast.server.web.shown import NOTHING

__all__ = ["model_rows", "tool_rows"]

_BAD = 0.1
"""A failure rate above this is shown in the colour of failures."""


def tool_rows(sums: Sequence[FacetSum], scope: Scope) -> tuple[UsedRow, ...]:
    return tuple(_row(one, scope.url("/runs", tool=one.name)) for one in sums)


def model_rows(sums: Sequence[FacetSum], scope: Scope) -> tuple[UsedRow, ...]:
    return tuple(_row(one, scope.url("/runs", model=one.name)) for one in sums)


def _row(one: FacetSum, href: str) -> UsedRow:
    share = one.errors / one.calls if one.calls else 0.0
    tokens = one.input_tokens + one.output_tokens
    return UsedRow(
        name=one_line(one.name, 120),
        href=href,
        runs=amount(one.runs),
        calls=amount(one.calls),
        failed=percent(share) if one.errors else "0",
        failed_title=f"{one.errors:,} of {one.calls:,} calls failed",
        bad=share > _BAD,
        mean=duration(one.duration_ns // one.calls) if one.calls and one.duration_ns else NOTHING,
        tokens=amount(tokens) if tokens else NOTHING,
        # a call that failed before it was answered most likely cost nothing, but nobody said so
        cost=known(one.cost_nano, one.cost_unknown, one.calls - one.errors),
    )
