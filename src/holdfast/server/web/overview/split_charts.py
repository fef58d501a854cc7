"""Cost and tokens over time, told apart by model or by agent."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from holdfast.server.services.clean_text import one_line
from holdfast.server.services.viewing.overview_sums import Totals
from holdfast.server.stores.reads.facet_views import FacetPoint, FacetSum
from holdfast.server.stores.reads.overview_views import RollupPoint
from holdfast.server.web.format import amount
from holdfast.server.web.overview.material import Material
from holdfast.server.web.overview.pages import Cell, ChartKind, ChartView, Line, Unit
from holdfast.server.web.overview.points import point_rows
from holdfast.server.web.overview.query import Split
from holdfast.server.web.overview.tiles import known_cost
from holdfast.server.web.shown import NOTHING
from holdfast.wire.vocabulary import FacetKind

__all__ = ["split_charts"]

_SERIES: Final = 6
_OTHERS: Final = "\0"
"""In the place of a name: what no model and no agent is called."""
_NAMED_UNPRICED: Final = 3


@dataclass(frozen=True, slots=True)
class _Used:
    """What was used in one place. Money is nano-dollars."""

    calls: int = 0
    tokens: int = 0
    cost_nano: int = 0
    cost_unknown: int = 0

    def without(self, part: _Used) -> _Used:
        """Sums of different moments may not fit: nothing becomes less than nothing."""
        return _Used(
            max(0, self.calls - part.calls),
            max(0, self.tokens - part.tokens),
            max(0, self.cost_nano - part.cost_nano),
            max(0, self.cost_unknown - part.cost_unknown),
        )

    def __add__(self, other: _Used) -> _Used:
        return _Used(
            self.calls + other.calls,
            self.tokens + other.tokens,
            self.cost_nano + other.cost_nano,
            self.cost_unknown + other.cost_unknown,
        )


_Parts = dict[str, dict[int, _Used]]
"""By name, then by the hour at which a point begins."""


def split_charts(material: Material) -> tuple[ChartView, ChartView]:
    by_model = material.query.split is Split.MODEL
    sums = _models(material) if by_model else _agents(material)
    names = tuple(_largest(sums))
    parts = _model_parts(material, names) if by_model else _agent_parts(material, names)
    shown = _with_others(material, {name: parts.get(name, {}) for name in names})
    labels = _labels(material, names)
    return _cost_chart(material, shown, sums, labels), _token_chart(material, shown, sums, labels)


def _models(material: Material) -> dict[str, _Used]:
    return {name: _of_model(model) for name, model in material.facets(FacetKind.MODEL).items()}


def _of_model(model: FacetSum | FacetPoint) -> _Used:
    return _Used(model.calls, model.input_tokens + model.output_tokens, model.cost_nano, model.cost_unknown)


def _agents(material: Material) -> dict[str, _Used]:
    return {agent_id: _of_runs(sums) for agent_id, sums in material.agent_totals.items()}


def _of_runs(runs: Totals | RollupPoint) -> _Used:
    return _Used(runs.llm_calls, runs.input_tokens + runs.output_tokens, runs.cost_nano, runs.cost_unknown)


def _model_parts(material: Material, names: tuple[str, ...]) -> _Parts:
    parts: _Parts = {}
    for point in material.overview.facet_series(material.period, FacetKind.MODEL, names, material.now):
        parts.setdefault(point.name, {})[point.hour] = _of_model(point)
    return parts


def _agent_parts(material: Material, ids: tuple[str, ...]) -> _Parts:
    parts: _Parts = {}
    for point in material.overview.series(material.period, material.now, by_agent=True, of_agents=ids):
        parts.setdefault(point.agent_id, {})[point.hour] = _of_runs(point)
    return parts


def _with_others(material: Material, shown: _Parts) -> _Parts:
    """The named parts, and as one what the others add to the whole."""
    others: dict[int, _Used] = {}
    for point in material.points:
        left = _of_runs(point)
        for points in shown.values():
            left = left.without(points.get(point.hour, _Used()))
        others[point.hour] = left
    return shown | {_OTHERS: others}


def _cost_chart(
    material: Material, shown: _Parts, sums: Mapping[str, _Used], labels: Mapping[str, str]
) -> ChartView:
    all_used = sum(sums.values(), _Used())
    drawn = _drawn(shown, lambda used: used.cost_nano)

    def cells(hour: int) -> list[Cell]:
        return [_cost(shown[name].get(hour, _Used())) for name in drawn]

    return ChartView(
        id="cost",
        title=f"Cost by {material.query.split}",
        kind=ChartKind.BARS,
        unit=Unit.DOLLARS,
        lines=_lines(
            material, shown, drawn, labels, lambda used: known_cost(used.cost_nano, used.cost_unknown)
        ),
        rows=point_rows(material, cells),
        note=_unpriced(material, sums, all_used),
        empty="" if drawn else _no_cost(all_used),
    )


def _token_chart(
    material: Material, shown: _Parts, sums: Mapping[str, _Used], labels: Mapping[str, str]
) -> ChartView:
    drawn = _drawn(shown, lambda used: used.tokens)
    empty = ""
    if not drawn:
        empty = (
            "No model call of this range says how many tokens it took. They are read from the usage that a "
            "call's span carries, as the integrations and the OpenTelemetry names for it write it."
            if any(used.calls for used in sums.values())
            else "No model was called in this range."
        )

    def cells(hour: int) -> list[Cell]:
        return [Cell(text=f"{shown[name].get(hour, _Used()).tokens:,}") for name in drawn]

    return ChartView(
        id="tokens",
        title=f"Tokens by {material.query.split}",
        kind=ChartKind.BARS,
        unit=Unit.COUNT,
        lines=_lines(material, shown, drawn, labels, lambda used: amount(used.tokens)),
        rows=point_rows(material, cells),
        note="",
        empty=empty,
    )


def _largest(sums: Mapping[str, _Used]) -> list[str]:
    """The names that get a colour of their own, in both charts the same: those with the largest part of the
    cost or of the tokens. One that is left over gets the others'."""
    cost = max(1, sum(used.cost_nano for used in sums.values()))
    tokens = max(1, sum(used.tokens for used in sums.values()))
    part = {name: max(used.cost_nano / cost, used.tokens / tokens) for name, used in sums.items()}
    some = sorted((name for name in part if part[name] > 0), key=lambda name: (-part[name], name))
    return some if len(some) == _SERIES + 1 else some[:_SERIES]


def _drawn(shown: _Parts, value: Callable[[_Used], int]) -> list[str]:
    """The names that have something to draw."""
    return [name for name, points in shown.items() if any(map(value, points.values()))]


def _lines(
    material: Material,
    shown: _Parts,
    drawn: list[str],
    labels: Mapping[str, str],
    told: Callable[[_Used], str],
) -> tuple[Line, ...]:
    return tuple(
        Line(
            label=labels[name],
            colour="c-other" if name == _OTHERS else f"c-{number}",
            href="" if name == _OTHERS else _href(material, name),
            total=told(sum(points.values(), _Used())),
        )
        for number, (name, points) in enumerate(shown.items(), 1)
        if name in drawn
    )


def _labels(material: Material, names: tuple[str, ...]) -> dict[str, str]:
    known: Mapping[str, str] = {}
    if material.query.split is Split.AGENT:
        known = material.agent_names(names)
    labels = {name: one_line(known.get(name, name), 48) or "unknown" for name in names}
    return labels | {_OTHERS: "others"}


def _href(material: Material, name: str) -> str:
    if material.query.split is Split.AGENT:
        return material.query.of_agent(name).url() if name else ""
    return material.scope.url("/runs", model=name)


def _cost(used: _Used) -> Cell:
    if used.cost_nano == 0:
        return Cell(text=NOTHING if used.calls else "")
    return Cell(text=known_cost(used.cost_nano, used.cost_unknown))


def _unpriced(material: Material, sums: Mapping[str, _Used], all_used: _Used) -> str:
    if not all_used.cost_unknown:
        return ""
    names = sorted((name for name in sums if sums[name].cost_unknown), key=lambda n: -sums[n].cost_unknown)
    some = tuple(names[:_NAMED_UNPRICED])
    named = ", ".join(_labels(material, some)[name] for name in some)
    more = f" and {len(names) - len(some)} more" if len(names) > len(some) else ""
    return f"{all_used.cost_unknown:,} calls have no price and are not in it: {named}{more}."


def _no_cost(all_used: _Used) -> str:
    if all_used.calls == 0:
        return "No model was called in this range."
    return (
        "No call of this range says what it cost. Costs come from the provider's answer, or from a price table "
        "in a session with prices: name the model as its provider does, or give its price yourself."
    )
