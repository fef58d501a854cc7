"""What every read that touches spans or events says of some runs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from msgspec import to_builtins

from holdfast.server.services.setup import DEFAULT_ACCOUNT
from holdfast.server.stores.base import Store
from holdfast.server.stores.reach import Reach
from holdfast.server.stores.reads.api import ApiReads, Window
from holdfast.server.stores.reads.forward import ForwardReads
from holdfast.server.stores.reads.results import ResultReads
from holdfast.server.stores.reads.runs import RunReads
from holdfast.server.stores.reads.spans import SpanReads
from holdfast.server.stores.reads.tree import TreeReads
from holdfast.server.stores.search.source import SearchSource
from server.records import NOW

REACH = Reach(account_id=DEFAULT_ACCOUNT)
_ORDERS = ("inserted_at", "id", "updated_at", "started_at", "name", "unknown")


def everything(store: Store, run_ids: Sequence[str]) -> dict[str, Any]:
    """Comparable: equal where all reads say the same."""
    said: dict[str, Any] = {"lists": _lists(store)}
    for run_id in run_ids:
        said[run_id] = _run(store, run_id)
    return said


def span_page(store: Store, **wanted: Any) -> tuple[list[str], int]:
    """The ids of one page of spans, and how many there are."""
    window = Window(
        offset=wanted.pop("offset", 0),
        size=wanted.pop("size", 100),
        field=wanted.pop("field", "inserted_at"),
        descending=wanted.pop("descending", False),
    )
    asked = {"agent_id": None, "run_id": None, "since": None, "until": None} | wanted
    found, total = ApiReads(store).spans(asked.pop("reach", REACH), window=window, **asked)
    return [span.id for _, span, _ in found], total


def _lists(store: Store) -> list[Any]:
    said: list[Any] = []
    for field in _ORDERS:
        said += [
            span_page(store, field=field, descending=descending, offset=5, size=9)
            for descending in (False, True)
        ]
    said += [
        span_page(store, offset=30, size=9),
        span_page(store, offset=1_000_000),
        span_page(store, since=NOW - 5_000, until=NOW - 2_000),
        span_page(store, agent_id="tester"),
        span_page(store, agent_id="nobody"),
        span_page(store, run_id="nothing"),
        span_page(store, reach=Reach(account_id="somebody else")),
        span_page(store, reach=Reach(account_id=DEFAULT_ACCOUNT, agent_id="nobody")),
        span_page(store, reach=Reach(account_id=DEFAULT_ACCOUNT, environment_id="nowhere")),
    ]
    return said


def _run(store: Store, run_id: str) -> dict[str, Any]:
    api, runs, spans = ApiReads(store), RunReads(store), SpanReads(store)
    record = runs.run(DEFAULT_ACCOUNT, run_id)
    assert record is not None
    key = record.key
    light = spans.light(key)
    records = spans.records(key, [*light.ids, "none"])
    bodies = [one.body_key for one in records.values()]
    whole = Window(offset=0, size=100, field="", descending=False)
    found, total = api.spans(REACH, agent_id=None, run_id=run_id, since=None, until=None, window=whole)
    events = [
        api.events(REACH, run_id, Window(offset=offset, size=2, field="", descending=descending))
        for offset in (0, 1, 9)
        for descending in (False, True)
    ]
    tree = TreeReads(store)
    forward, search = ForwardReads(store, content=True), SearchSource(store)
    return {
        "run": record,
        "light": (list(light.ids), list(light.parents), list(light.starts), [int(n) for n in light.failed]),
        "records": [records[span_id] for span_id in sorted(records)],
        "bodies": {body: spans.body(body) for body in bodies},
        "errors": spans.errors(bodies),
        "bodies at once": spans.bodies(bodies),
        "results": ResultReads(store).marks(bodies),
        "ends": tree.ends(key),
        "found": sorted(tree.found(key, "Agent:Tool")),
        "first": to_builtins(api.first_spans(key, 5)),
        "whole": to_builtins([(span, body) for _, span, body in found]),
        "total": total,
        "events": to_builtins(events),
        "run events": (runs.events(key, 2), runs.events(key, 100, span_id=f"{run_id}-00000")),
        "payloads": [runs.event_payload(key, f"{run_id}-e{n}") for n in range(4)],
        "search": to_builtins(
            (
                sorted(search.spans(key, [*light.ids, "none"]), key=lambda span: span.id),
                sorted(search.every_span(key), key=lambda span: span.id),
                sorted(search.events(key, [f"{run_id}-e0", "none"]), key=lambda event: event.id),
                list(search.every_event(key)),
            )
        ),
        "forward": to_builtins(
            (
                forward.spans([key]),
                forward.spans_after(key, f"{run_id}-00003", 4),
                forward.events([key]),
                forward.events_of(key, [f"{run_id}-00000"]),
                forward.own_events(key, 5),
            )
        ),
    }
