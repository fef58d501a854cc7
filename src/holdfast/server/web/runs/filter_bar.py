"""The filters above the run list: what can be chosen, what is chosen, and how to be rid of it."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from holdfast.server.services.clean_text import clip, one_line
from holdfast.server.services.viewing.run_choices import RunNames
from holdfast.server.web.filters import agent_choices, choices
from holdfast.server.web.pages import Choice
from holdfast.server.web.runs.pages import Chip, FilterBar, MoreFilters, RangeField
from holdfast.server.web.runs.query import ListQuery
from holdfast.server.web.scope import RANGES, Scope
from holdfast.wire.vocabulary import FailureCategory, InstanceStatus, Purpose, RunOrder

__all__ = ["chips", "filter_bar"]

_LABEL: Final = 60
_ORDERS: Final = {
    RunOrder.NEWEST: "newest first",
    RunOrder.COST: "costliest first",
    RunOrder.DURATION: "longest first",
    RunOrder.TOKENS: "most tokens first",
}
_SEARCHES: Final = {"": "in names and ids", "all": "in all that was recorded"}
_RANGES: Final = (
    ("cost", "Cost", "$", "0.01"),
    ("took", "Duration", "seconds", "1"),
    ("tokens", "Tokens", "", "1"),
)
_WORDS: Final = {
    "version": "version",
    "env": "environment",
    "purpose": "purpose",
    "status": "status",
    "category": "failure",
    "failure": "failure group",
    "model": "model",
    "tool": "tool",
    "event": "event",
}


def filter_bar(query: ListQuery, agents: dict[str, str], names: RunNames) -> FilterBar:
    status = query.words.get("status")
    orders = {("" if order is RunOrder.NEWEST else order.value): label for order, label in _ORDERS.items()}
    return FilterBar(
        text=query.text or "",
        searches=choices(_SEARCHES, "all" if query.everywhere else None),
        agents=agent_choices(agents, query.scope.agent),
        statuses=choices({"": "any status", **{one.value: one.value for one in InstanceStatus}}, status),
        periods=_periods(query.scope),
        orders=choices(orders, None if query.order is RunOrder.NEWEST else query.order.value),
        more=_more(query, names),
        filtered=query.filtered,
    )


def _periods(scope: Scope) -> tuple[Choice, ...]:
    ranges = {key: label for key, (label, _) in RANGES.items()}
    if scope.begin is not None or scope.end is not None:
        return choices({"": "own range", **ranges, "all": "any time"}, None)
    return choices({"": "any time", **ranges}, scope.within)


def _more(query: ListQuery, names: RunNames) -> MoreFilters:
    word, pairs = query.words.get, query.pairs()
    purposes = {one.value: one.value.replace("_", " ") for one in Purpose}
    categories = {one.value: one.value.replace("_", " ") for one in FailureCategory}
    return MoreFilters(
        unfolded=query.detailed,
        versions=_named("any version", names.versions, word("version")),
        environments=_named("any environment", names.environments, word("env")),
        purposes=choices({"": "any purpose", **purposes}, word("purpose")),
        categories=choices({"": "failed or not", **categories}, word("category")),
        model=word("model", ""),
        models=tuple(names.models),
        tool=word("tool", ""),
        tools=tuple(names.tools),
        ranges=tuple(
            RangeField(
                name=name,
                label=label,
                unit=unit,
                least=pairs.get(f"{name}_min", ""),
                most=pairs.get(f"{name}_max", ""),
                step=step,
            )
            for name, label, unit, step in _RANGES
        ),
        begin=pairs.get("from", ""),
        end=pairs.get("to", ""),
        kept=tuple((name, pairs[name]) for name in ("failure", "event") if name in pairs),
    )


def _named(none: str, names: dict[str, str], chosen: str | None) -> tuple[Choice, ...]:
    shown = {key: one_line(name, _LABEL) or key for key, name in names.items()}
    if chosen is not None and chosen not in shown:
        shown = {chosen: clip(chosen, _LABEL), **shown}
    return choices({"": none, **shown}, chosen)


def chips(
    query: ListQuery, agents: dict[str, str], names: RunNames, *, but: Collection[str] = ()
) -> tuple[Chip, ...]:
    """Every filter in force but the text, which stands in its field, and the words left out."""
    pairs = query.pairs()
    found: list[Chip] = []
    if query.scope.agent is not None:
        found.append(_chip(query, "agent", agents.get(query.scope.agent, query.scope.agent), "agent"))
    if query.scope.within is not None:
        found.append(_chip(query, "time", RANGES[query.scope.within][0], "within"))
    elif query.scope.begin is not None or query.scope.end is not None:
        span = f"{pairs.get('from', '…')} to {pairs.get('to', '…')} UTC"
        found.append(_chip(query, "time", span.replace("T", " "), "from", "to"))
    known = names.versions | names.environments
    for name, label in _WORDS.items():
        if name in query.words and name not in but:
            word = query.words[name]
            found.append(_chip(query, label, known.get(word, word).replace("_", " "), name))
    for name, label, unit, _ in _RANGES:
        if name in query.ranges:
            value = _between(pairs.get(f"{name}_min"), pairs.get(f"{name}_max"), unit)
            found.append(_chip(query, label.lower(), value, f"{name}_min", f"{name}_max"))
    return tuple(found)


def _between(least: str | None, most: str | None, unit: str) -> str:
    words = f"{least} to {most}" if least and most else f"≥ {least}" if least else f"≤ {most}"
    return f"{words} {unit}".strip()


def _chip(query: ListQuery, label: str, value: str, *names: str) -> Chip:
    return Chip(label=label, value=one_line(value, _LABEL), href=query.without(*names))
