"""What has not ended: how much is running, what is stuck, who waits for a person."""

from __future__ import annotations

from typing import Final

from holdfast.server.services.clean_text import one_line
from holdfast.server.stores.reads.overview import MOST_OPEN
from holdfast.server.stores.reads.overview_views import OpenRunRecord
from holdfast.server.web.format import amount, duration
from holdfast.server.web.links import run_path
from holdfast.server.web.overview.material import Material
from holdfast.server.web.overview.pages import Now, OpenRow, Tile, Tone
from holdfast.server.web.scope import Scope
from holdfast.wire.vocabulary import InstanceStatus

__all__ = ["running_now"]

_SILENT: Final = 10 * 60 * 1_000_000_000
"""A run that has said nothing for so long, and waits for nobody, counts as stuck."""
_ROWS: Final = 6


def running_now(material: Material) -> Now:
    """Whatever the range of the page is; of its agent, if one is chosen."""
    now = material.now
    runs = material.overview.open_runs(material.account_id, material.scope.agent, now)
    waiting = [run for run in runs if run.asked]
    stuck = sorted(
        (run for run in runs if not run.asked and now - run.updated_at > _SILENT),
        key=lambda run: run.updated_at,
    )
    href = Scope(agent=material.scope.agent).url("/runs", status=InstanceStatus.ACTIVE.value)
    longest = f"longest {duration(now - runs[0].begun_at)}" if runs else ""
    shown = [*waiting, *stuck][:_ROWS]
    hidden = len(waiting) + len(stuck) - len(shown)
    over = len(runs) == MOST_OPEN
    return Now(
        tiles=(
            Tile(
                label="running now",
                value=f"{amount(len(runs))}+" if over else amount(len(runs)),
                title="runs that have not ended",
                href=href,
                note=longest,
            ),
            Tile(
                label="stuck",
                value=amount(len(stuck)),
                title="nothing was heard of them for ten minutes, and they wait for nobody",
                href="#open" if stuck else "",
                note=f"silent for up to {duration(now - stuck[0].updated_at)}" if stuck else "",
                tone=Tone.BAD if stuck else Tone.PLAIN,
            ),
            Tile(
                label="waiting for a person",
                value=amount(len(waiting)),
                title="they asked a question that nobody has answered",
                href="#open" if waiting else "",
            ),
        ),
        rows=tuple(_row(run, now) for run in shown),
        more=f"and {hidden:,} more" if hidden else "",
    )


def _row(run: OpenRunRecord, now: int) -> OpenRow:
    silent = duration(now - run.updated_at)
    return OpenRow(
        href=run_path(run.id),
        title=one_line(run.name or run.root_name or "", 120) or f"run {one_line(run.id, 40)}",
        agent=one_line(run.agent_name or run.agent_id or "", 80) or "unknown agent",
        why=f"waits for an answer for {silent}" if run.asked else f"silent for {silent}",
        tone=Tone.PLAIN if run.asked else Tone.BAD,
        ticks_from=run.begun_at // 1_000_000,
        duration=duration(now - run.begun_at),
    )
