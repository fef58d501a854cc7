"""The large numbers of the range, each with the runs behind it and what it was before."""

from __future__ import annotations

from collections.abc import Callable

from holdfast.server.services.viewing.overview_sums import Totals
from holdfast.server.web.format import amount, duration, money
from holdfast.server.web.overview.deltas import against, rate_change
from holdfast.server.web.overview.material import Material
from holdfast.server.web.overview.pages import Change, Tile, Tone
from holdfast.server.web.shown import NOTHING
from holdfast.wire.vocabulary import InstanceStatus

__all__ = ["known_cost", "percent", "range_tiles"]


def known_cost(nano: int, unknown: int) -> str:
    """The sum of what is known; `≥` where the cost of some calls is not."""
    if nano == 0:
        return NOTHING if unknown else money(0)
    return ("≥ " if unknown else "") + money(nano)


def percent(share: float) -> str:
    """One decimal, and 100 % only where it is all."""
    return "100 %" if share == 1 else f"{min(share, 0.999) * 100:.1f} %"


def range_tiles(material: Material) -> tuple[Tile, ...]:
    totals, earlier = material.totals, material.earlier
    return (
        *_run_tiles(material, totals, earlier),
        _cost_tile(material, totals),
        Tile(
            label="tokens",
            value=amount(totals.tokens) if totals.tokens else NOTHING,
            title=f"{totals.input_tokens:,} input, {totals.output_tokens:,} output "
            f"in {totals.llm_calls:,} model calls",
            href=material.scope.url("/runs", sort="tokens"),
            change=_change(material, lambda sums: sums.tokens, lambda before: f"{before:,}"),
        ),
        _duration_tile(material, totals, earlier),
    )


def _change(
    material: Material,
    of: Callable[[Totals], int],
    told: Callable[[int], str],
    *,
    more_is: Tone = Tone.PLAIN,
) -> Change | None:
    if material.earlier is None:
        return None
    before = of(material.earlier)
    return against(of(material.totals), before, material.elapsed, told(before), more_is=more_is)


def _run_tiles(material: Material, totals: Totals, earlier: Totals | None) -> tuple[Tile, ...]:
    url = material.scope.url
    judged = totals.complete + totals.failed + totals.terminated
    return (
        Tile(
            label="runs",
            value=amount(totals.runs),
            title=f"{totals.runs:,} runs began",
            href=url("/runs"),
            change=_change(material, lambda sums: sums.runs, lambda before: f"{before:,}"),
        ),
        Tile(
            label="success rate",
            value=NOTHING if totals.success is None else percent(totals.success),
            title=f"{totals.complete:,} of the {judged:,} runs that completed, failed or were terminated; "
            f"{totals.cancelled:,} cancelled ones are left out",
            href=url("/runs", status=InstanceStatus.COMPLETE.value),
            change=rate_change(totals.success, None if earlier is None else earlier.success),
        ),
        Tile(
            label="failed",
            value=amount(totals.failed),
            title=f"{totals.failed:,} runs failed; {totals.terminated:,} more were terminated",
            href=url("/runs", status=InstanceStatus.FAILED.value),
            tone=Tone.BAD if totals.failed else Tone.PLAIN,
            change=_change(
                material, lambda sums: sums.failed, lambda before: f"{before:,}", more_is=Tone.BAD
            ),
        ),
    )


def _cost_tile(material: Material, totals: Totals) -> Tile:
    unknown = totals.cost_unknown
    return Tile(
        label="cost",
        value=known_cost(totals.cost_nano, unknown) if totals.cost_nano or totals.llm_calls else NOTHING,
        title="what is known" if totals.cost_nano else "no call says what it cost",
        href=material.scope.url("/runs", sort="cost"),
        note=f"{amount(unknown)} calls of unknown cost" if unknown else "",
        change=_change(material, lambda sums: sums.cost_nano, money),
    )


def _duration_tile(material: Material, totals: Totals, earlier: Totals | None) -> Tile:
    median, slow = totals.quantile(0.5), totals.quantile(0.9)
    before = None if earlier is None else earlier.quantile(0.5)
    change: Change | None = None
    if median is not None and before is not None:
        change = against(median, before, 1.0, duration(before), more_is=Tone.BAD)
    return Tile(
        label="median duration",
        value=NOTHING if median is None else duration(median),
        title="half of the runs that ended took no longer; read from a sketch, at most 5 % off",
        href=material.scope.url("/runs", sort="duration"),
        note="" if slow is None else f"9 of 10 within {duration(slow)}",
        change=change,
    )
