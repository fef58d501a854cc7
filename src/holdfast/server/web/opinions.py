"""How a score with what was said about it looks."""

from __future__ import annotations

from dataclasses import dataclass

from holdfast.server.services.clean_text import clean, one_line
from holdfast.server.stores.scores import ScoreRow
from holdfast.server.web.links import run_path
from holdfast.server.web.pages import TimeView
from holdfast.server.web.shown import past_time
from holdfast.wire.scores import THUMB

__all__ = ["Opinion", "score_number", "show_opinion"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Opinion:
    """One score. `tone` is `up` or `down` for thumbs, else empty."""

    href: str
    run: str
    name: str
    value: str
    tone: str
    comment: str
    author: str
    time: TimeView


def show_opinion(row: ScoreRow, now: int) -> Opinion:
    tone = ""
    if row.name == THUMB and row.value in (0.0, 1.0):
        tone = "up" if row.value else "down"
    return Opinion(
        href=run_path(row.run_id),
        run=one_line(row.run_name or row.run_id, 80),
        name=one_line(row.name, 80),
        value=tone or score_number(row.value),
        tone=tone,
        comment=clean((row.comment or "")[:1000]),
        author=one_line(row.author or "", 80) or row.source,
        time=past_time(row.updated_at, now),
    )


def score_number(value: float) -> str:
    """Whole numbers whole, others with three digits."""
    return f"{value:,.0f}" if value == int(value) and abs(value) < 1e12 else f"{value:.3g}"
