"""Cost and tokens over time, told apart by model or by agent."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from holdfast.server.services.clean_text import one_line
from holdfast.server.web.format import amount
from holdfast.server.web.overview.material import Material
from holdfast.server.web.overview.pages import Cell, ChartKind, ChartView, Line, Unit
from holdfast.server.web.overview.points import count_cell, point_rows
from holdfast.server.web.overview.query import Split
from holdfast.server.web.overview.tiles import known_cost
from holdfast.server.web.shown import NOTHING
from holdfast.wire.vocabulary import FacetKind

__all__ = ["split_charts"]

_SERIES: Final = 6
_OTHERS: Final = "others"
_NAMED_UNPRICED: Final = 3


@dataclass(frozen=True, slots=True)
class _Used:
    """What was used in one place. Money is nano-dollars."""

    calls: int = 0
    tokens: int = 0
    cost_nano: int = 0
    cost_unknown: int = 0

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
    parts = _by_model(material) if material.query.split is Split.MODEL else _by_agent(material)
    sums = {name: sum(points.values(), _Used()) for name, points in parts.items()}
    shown = _columns(parts, _largest(sums))
    return _cost_chart(material, shown, sums), _token_chart(material, shown, sums)


def _by_model(material: Material) -> _Parts:
    parts: _Parts = {}
    for p in material.facet_points(FacetKind.MODEL):
        used = _Used(p.calls, p.input_tokens + p.output_tokens, p.cost_nano, p.cost_unknown)
        parts.setdefault(p.name, {})[p.hour] = used
    return parts


def _by_agent(material: Material) -> _Parts:
    parts: _Parts = {}
    for p in material.agent_points:
        used = _Used(p.llm_calls, p.input_tokens + p.output_tokens, p.cost_nano, p.cost_unknown)
        parts.setdefault(p.agent_id, {})[p.hour] = used
    return parts


def _cost_chart(material: Material, shown: _Parts, sums: Mapping[str, _Used]) -> ChartView:
    all_used = sum(sums.values(), _Used())
    drawn = _drawn(shown, lambda used: used.cost_nano)

    def cells(hour: int) -> list[Cell]:
        return [_cost(shown[name].get(hour, _Used())) for name in drawn]

    return ChartView(
        id="cost",
        title=f"Cost by {material.query.split}",
        kind=ChartKind.BARS,
        unit=Unit.DOLLARS,
        lines=_lines(material, shown, drawn, lambda used: known_cost(used.cost_nano, used.cost_unknown)),
        rows=point_rows(material, cells),
        note=_unpriced(material, sums, all_used),
        empty="" if drawn else _no_cost(all_used),
    )


def _token_chart(material: Material, shown: _Parts, sums: Mapping[str, _Used]) -> ChartView:
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
        return [count_cell(shown[name].get(hour, _Used()).tokens) for name in drawn]

    return ChartView(
        id="tokens",
        title=f"Tokens by {material.query.split}",
        kind=ChartKind.BARS,
        unit=Unit.COUNT,
        lines=_lines(material, shown, drawn, lambda used: amount(used.tokens)),
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


def _columns(parts: _Parts, names: list[str]) -> _Parts:
    """The named parts, and all others as one."""
    shown: _Parts = {name: parts[name] for name in names}
    others: dict[int, _Used] = {}
    for name, points in parts.items():
        if name not in shown:
            for hour, used in points.items():
                others[hour] = others.get(hour, _Used()) + used
    return shown | {_OTHERS: others} if others else shown


def _drawn(shown: _Parts, value: Callable[[_Used], int]) -> list[str]:
    """The names that have something to draw."""
    return [name for name, points in shown.items() if any(map(value, points.values()))]


def _lines(
    material: Material, shown: _Parts, drawn: list[str], told: Callable[[_Used], str]
) -> tuple[Line, ...]:
    return tuple(
        Line(
            label=_OTHERS if name == _OTHERS else _label(material, name),
            colour="c-other" if name == _OTHERS else f"c-{number}",
            href="" if name == _OTHERS else _href(material, name),
            total=told(sum(points.values(), _Used())),
        )
        for number, (name, points) in enumerate(shown.items(), 1)
        if name in drawn
    )


def _label(material: Material, name: str) -> str:
    if material.query.split is Split.AGENT:
        name = material.agents.get(name, name)
    return one_line(name, 48) or "unknown"


def _href(material: Material, name: str) -> str:
    if material.query.split is Split.AGENT:
        return material.query.of_agent(name).url() if name else ""
    return material.scope.url("/runs", model=name)


def _cost(used: _Used) -> Cell:
    if used.cost_nano == 0:
        return Cell(text=NOTHING if used.calls else "", value="")
    return Cell(text=known_cost(used.cost_nano, used.cost_unknown), value=f"{used.cost_nano / 1e9:.6g}")


def _unpriced(material: Material, sums: Mapping[str, _Used], all_used: _Used) -> str:
    if not all_used.cost_unknown:
        return ""
    names = sorted((name for name in sums if sums[name].cost_unknown), key=lambda n: -sums[n].cost_unknown)
    named = ", ".join(_label(material, name) for name in names[:_NAMED_UNPRICED])
    more = f" and {len(names) - _NAMED_UNPRICED} more" if len(names) > _NAMED_UNPRICED else ""
    return f"{all_used.cost_unknown:,} calls have no price and are not in it: {named}{more}."


def _no_cost(all_used: _Used) -> str:
    if all_used.calls == 0:
        return "No model was called in this range."
    return (
        "No call of this range says what it cost. Costs come from the provider's answer, or from a price table "
        "in a session with prices: name the model as its provider does, or give its price yourself."
    )
