"""What is thought of a run, on its page."""

from __future__ import annotations

from holdfast.server.services.clean_text import clean
from holdfast.server.services.viewing.queries import Queries
from holdfast.server.stores.reads.run_views import RunRecord
from holdfast.server.web.links import run_path
from holdfast.server.web.opinions import Opinion, show_opinion
from holdfast.server.web.run.pages import Feedback

__all__ = ["run_feedback", "run_scores"]

_SCORES = 50


def run_feedback(queries: Queries, run: RunRecord) -> Feedback:
    thumb = queries.scores.thumb(run.key)
    return Feedback(
        href=f"{run_path(run.id)}/thumb",
        thumb="" if thumb is None else "up" if thumb.value else "down",
        comment="" if thumb is None else clean(thumb.comment or ""),
    )


def run_scores(queries: Queries, run: RunRecord, now: int) -> tuple[Opinion, ...]:
    """The newest."""
    return tuple(show_opinion(row, now) for row in queries.scores.of_run(run.key, _SCORES))
