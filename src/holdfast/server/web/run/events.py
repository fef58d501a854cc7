"""The events of a run on a page of their own, by their times."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final
from urllib.parse import urlencode

from holdfast._ids import MAX_ID_LENGTH
from holdfast.server.services.viewing.queries import Queries
from holdfast.server.stores.reads.events import EventPlace
from holdfast.server.stores.reads.run_views import RunRecord
from holdfast.server.web.links import number_in, run_path
from holdfast.server.web.pages import Choice, Shell
from holdfast.server.web.run.decisions import KINDS
from holdfast.server.web.run.event_views import event_views
from holdfast.server.web.run.pages import RunHead
from holdfast.server.web.run.story_pages import EventsPage

__all__ = ["events_page"]

_AT_ONCE: Final = 100


def events_page(
    queries: Queries, run: RunRecord, head: RunHead, shell: Shell, query: Mapping[str, str]
) -> EventsPage:
    """A hundred events, of one kind of decision if `about` names one, behind the place that `after` and `id` say."""
    kind = next((kind for kind in KINDS if kind.key == query.get("about")), None)
    time = number_in(query.get("after"))
    after: EventPlace | None = None if time is None else (time, query.get("id", "")[:MAX_ID_LENGTH])
    names = None if kind is None else kind.events
    found = queries.events.page(run.key, _AT_ONCE + 1, names=names, after=after)
    path = f"{run_path(run.id)}/events"
    about = {} if kind is None else {"about": kind.key}
    last = found[_AT_ONCE - 1] if len(found) > _AT_ONCE else None
    choices = [Choice(value=path, label="all", chosen=kind is None)]
    choices += [Choice(value=f"{path}?about={one.key}", label=one.label, chosen=one is kind) for one in KINDS]
    return EventsPage(
        shell=shell,
        run=head,
        kinds=tuple(choices),
        events=event_views(run, run_path(run.id), found[:_AT_ONCE]),
        earliest_href=_address(path, about) if after is not None else "",
        later_href=_address(path, about | {"after": str(last.timestamp), "id": last.id}) if last else "",
    )


def _address(path: str, pairs: Mapping[str, str]) -> str:
    return f"{path}?{urlencode(pairs)}" if pairs else path
