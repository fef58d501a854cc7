"""The parts of the settings page about how recording goes, and about prices."""

from __future__ import annotations

from importlib.metadata import version
from typing import Final
from urllib.parse import urlencode

from holdfast.server.services.clean_text import one_line
from holdfast.server.services.context import Services
from holdfast.server.services.recording.health import HEALTH_MINUTES, HealthView
from holdfast.server.stores.reads.facet_views import FacetSpan
from holdfast.server.stores.reads.storage import QueueLength, queue_lengths
from holdfast.server.web.format import ago, amount, bytes_text, duration
from holdfast.server.web.pages import Fact
from holdfast.server.web.settings.pages import Health, Prices, UnpricedModel
from holdfast.server.web.sparkline import sparkline
from holdfast.wire.vocabulary import FacetKind

__all__ = ["health_part", "prices_part"]

_MODELS: Final = 20
_DAYS_NS: Final = 30 * 86_400_000_000_000
_MINUTE_NS: Final = 60_000_000_000
_SLOW_NS: Final = 60_000_000_000
_LONG_BEHIND: Final = 300.0


def health_part(services: Services, account_id: str, now: int) -> Health:
    view = services.ingest.health(account_id)
    checks, search = queue_lengths(services.store, account_id)
    facts = (
        Fact(label="Operations a second", value=_rate(view, now), title="in this minute and the last"),
        Fact(
            label="Last hour", value=f"{amount(sum(view.minutes))} operations", title=f"{sum(view.minutes):,}"
        ),
        Fact(label="Since this server started", value=amount(view.kept), title=_since(view, now)),
        Fact(
            label="Refused",
            value=amount(sum(view.refused.values())),
            title="Operations that cannot be kept. Their senders set them aside, with the reason.",
            bad=bool(view.refused),
        ),
        Fact(label="For erased runs, dropped", value=amount(view.dropped)),
        *_clients(view),
        _queue("Waiting for schema checks", checks, now),
        _queue("Waiting for the search index", search, now),
    )
    peak = max(view.minutes)
    label = f"Operations a minute in the last {HEALTH_MINUTES} minutes: at most {peak:,}"
    return Health(
        facts=facts,
        trend=sparkline(view.minutes, label, least=0.0),
        refused=tuple(
            Fact(label=code, value=f"{count:,}") for code, count in sorted(view.refused.items(), key=_most)
        ),
    )


def prices_part(services: Services, account_id: str, now: int) -> Prices:
    """Models of the last thirty days with calls whose cost nobody knows, most such calls first."""
    wanted = FacetSpan(account_id=account_id, kind=FacetKind.MODEL, since=max(0, now - _DAYS_NS))
    models = services.queries.facets.sums(wanted, order="cost_unknown", limit=_MODELS)
    return Prices(
        table=f"genai-prices {version('genai-prices')}",
        unpriced=tuple(
            UnpricedModel(
                name=one_line(model.name, 120),
                href=f"/runs?{urlencode({'model': model.name})}",
                calls=f"{model.cost_unknown:,}",
                share=f"{model.cost_unknown / max(1, model.calls):.0%}",
            )
            for model in models
            if model.cost_unknown > 0
        ),
    )


def _clients(view: HealthView) -> tuple[Fact, ...]:
    """What the recording processes of the last hour said last of their spools."""
    if not view.clients:
        return ()
    lost = sum(state.lost for state in view.clients)
    last = max(view.clients, key=lambda state: state.behind)
    waiting = sum(state.waiting for state in view.clients)
    is_behind = last.behind >= 1  # what is younger is on its way
    losers = ", ".join(one_line(state.client, 80) for state in view.clients if state.lost)
    return (
        Fact(
            label="Clients",
            value=amount(len(view.clients)),
            title="processes that sent something in the last hour",
        ),
        Fact(label="Lost by clients", value=amount(lost), title=losers[:400], bad=lost > 0),
        Fact(
            label="Oldest in a spool",
            value=f"{duration(int(last.behind * 1e9))}, {bytes_text(waiting)} in all"
            if is_behind
            else "nothing",
            title=one_line(last.client, 80) if is_behind else "",
            bad=last.behind > _LONG_BEHIND,
        ),
    )


def _rate(view: HealthView, now: int) -> str:
    seconds = 60 + now % _MINUTE_NS / 1e9
    rate = sum(view.minutes[-2:]) / seconds
    return f"{rate:.1f}" if rate < 100 else amount(round(rate))


def _queue(label: str, queue: QueueLength, now: int) -> Fact:
    if queue.since is None:
        return Fact(label=label, value="nothing")
    waits = max(0, now - queue.since)
    return Fact(
        label=label,
        value=f"{amount(queue.waiting)}, for {duration(waits)}",
        title="the entry that waits longest",
        bad=waits > _SLOW_NS,
    )


def _since(view: HealthView, now: int) -> str:
    return f"{view.kept:,} operations; it started {ago(view.since, now)}"


def _most(counted: tuple[str, int]) -> tuple[int, str]:
    return -counted[1], counted[0]
