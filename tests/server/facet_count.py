"""Counting facets anew from the rows, to compare with what is kept."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

from holdfast.server.services.recording.facets import model_facet
from holdfast.server.stores.base import Store
from holdfast.server.stores.schema import record as schema
from holdfast.server.stores.schema.facets import FACET_COUNTS, facet_rollups, failed, run_facets
from holdfast.server.stores.schema.record import SPAN_AGGREGATE
from holdfast.wire.agent_events import AgentEventName
from holdfast.wire.vocabulary import UNNAMED
from server.records import rows

Sums = dict[tuple[Any, ...], dict[str, int]]


def kept_facets(store: Store) -> Sums:
    """What the store says each run used and met."""
    return {
        (row["instance_key"], row["kind"], row["name"]): {name: row[name] for name in FACET_COUNTS}
        for row in rows(store, run_facets)
    }


def kept_rollups(store: Store) -> Sums:
    return {
        (row["account_id"], row["kind"], row["hour"], row["agent_id"], row["name"]): {
            name: row[name] for name in ("runs", *FACET_COUNTS)
        }
        for row in rows(store, facet_rollups)
    }


def counted_facets(store: Store) -> Sums:
    """The same out of spans, events and failures, as plainly as can be."""
    found: dict[tuple[Any, ...], Counter[str]] = {}
    for key, counts in (*_of_spans(store), *_of_events(store), *_of_failures(store)):
        found.setdefault(key, Counter()).update(counts)
    return {key: {name: counts[name] for name in FACET_COUNTS} for key, counts in found.items()}


def counted_rollups(store: Store) -> Sums:
    """The hourly sums out of the facets that are kept."""
    runs = {row["key"]: row for row in rows(store, schema.instances)}
    found: dict[tuple[Any, ...], Counter[str]] = {}
    for (key, kind, name), counts in kept_facets(store).items():
        run = runs[key]
        place = (
            run["account_id"], kind, run["begun_at"] // 3_600_000_000_000, run["agent_id"] or "", name
        )  # fmt: skip
        found.setdefault(place, Counter()).update({"runs": 1, **counts})
    return {key: {name: counts[name] for name in ("runs", *FACET_COUNTS)} for key, counts in found.items()}


def _of_spans(store: Store) -> Iterator[tuple[tuple[Any, ...], dict[str, int]]]:
    for span in rows(store, schema.spans):
        key = span["instance_key"]
        took = (span["finished_at"] or 0) - (span["started_at"] or span["finished_at"] or 0)
        told = span["input_tokens"] is not None or span["output_tokens"] is not None
        counts = {
            "calls": 1,
            "errors": int(span["status"] == "failed" or span["error_type"] is not None),
            "input_tokens": span["input_tokens"] or 0,
            "output_tokens": span["output_tokens"] or 0,
            "cost_nano": span["cost_nano"] or 0,
            "duration_ns": max(0, took),
        }
        unpriced = span["cost_nano"] is None
        if span["schema_name"] == "agent:tool":
            name = span["tool"] or span["name"] or UNNAMED
            yield (key, "tool", name), counts | {"cost_unknown": int(unpriced and told)}
        is_model = span["schema_name"] == "agent:llm" or told or not unpriced
        if is_model and not span["flags"] & SPAN_AGGREGATE:
            unknown = unpriced and (told or span["status"] == "complete")
            name = model_facet(span["provider"], span["model"])
            yield (key, "model", name), counts | {"cost_unknown": int(unknown)}


def _of_events(store: Store) -> Iterator[tuple[tuple[Any, ...], dict[str, int]]]:
    everyday = ("agent.", "turn.", "hook.")
    for event in rows(store, schema.events):
        name = event["name"]
        counted = (
            not name.startswith(everyday) or name.startswith("agent.recovery.") or name == "agent.blocked"
        )
        if counted and name in set(AgentEventName):
            yield (event["instance_key"], "event", name), {"calls": 1, "errors": event["level"] == "error"}


def _of_failures(store: Store) -> Iterator[tuple[tuple[Any, ...], dict[str, int]]]:
    everything = rows(store, failed)
    for row in everything:
        others = [
            other
            for other in everything
            if other["instance_key"] == row["instance_key"] and other["span_id"] not in ("", row["span_id"])
        ]
        if row["span_id"]:
            same = [o for o in others if o["error"] == row["error"] and o["parent_span_id"] == row["span_id"]]
        else:
            same = [o for o in others if o["error"] == row["error"] or not row["error"]]
        if not same:
            counts = {"calls": int(bool(row["span_id"])), "errors": 1}
            yield (row["instance_key"], "failure", row["fingerprint"]), counts
            yield (row["instance_key"], "category", row["fingerprint"].split("-")[0]), counts
