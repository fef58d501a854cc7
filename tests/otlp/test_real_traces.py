"""Attributes that real frameworks have written, from their exports beside the checkout."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import msgspec
import pytest

from holdfast._clock import parse_utc
from otlp.sending import run_id, run_of, send, span, spans_of
from server.client import Api

pytestmark = pytest.mark.data


def _hex(identifier: str, digits: int) -> str:
    return hashlib.sha256(identifier.encode()).hexdigest()[:digits]


def _flat(value: Any) -> Any:
    """The exports show JSON in attributes as objects: on the wire it is text."""
    return msgspec.json.encode(value).decode() if isinstance(value, dict | list) else value


def _sent(api: Api, path: Path) -> tuple[str, list[dict[str, Any]]]:
    """The trace id under which an export was sent as OTLP, and its observations."""
    export = msgspec.json.decode(path.read_bytes())
    trace = _hex(path.name, 32)
    observations = export["observations"]
    known = {found["id"] for found in observations}
    spans = []
    for found in observations:
        metadata = found.get("metadata") or {}
        metadata = msgspec.json.decode(metadata) if isinstance(metadata, str) else metadata
        attributes = metadata.get("attributes") or {}
        attributes = msgspec.json.decode(attributes) if isinstance(attributes, str) else attributes
        parent = found.get("parentObservationId")
        start = parse_utc(found["startTime"])
        end = parse_utc(found["endTime"]) if found.get("endTime") else start
        usable = {name: _flat(value) for name, value in attributes.items() if value is not None}
        spans.append(
            span(
                trace,
                usable,
                spanId=_hex(found["id"], 16),
                parentSpanId=_hex(parent, 16) if parent in known else "",
                name=found["name"] or "",
                startTimeUnixNano=str(start),
                endTimeUnixNano=str(end),
            )
        )
    send(api, *spans)
    return trace, observations


def test_every_export_is_taken_whole(api: Api, framework_traces: Path) -> None:
    """Each becomes one run with all its spans."""
    files = sorted(framework_traces.glob("*.json"))
    assert files
    for path in files:
        trace, observations = _sent(api, path)
        assert run_of(api, trace)["span_counts"]["total"] == len(observations), path.name


def test_llamaindex_tokens(api: Api, framework_traces: Path) -> None:
    """OpenInference's counts of a LlamaIndex call are the run's."""
    trace, _ = _sent(api, framework_traces / "llamaindex-2025-06-05.json")
    run = run_of(api, trace)
    assert (run["input_tokens"], run["output_tokens"]) == (13, 81)


def test_adk_tool_calls(api: Api, framework_traces: Path) -> None:
    """A tool of Google's ADK has its name and its result, though two conventions describe it at once."""
    trace, _ = _sent(api, framework_traces / "google-adk-2025-08-28.json")
    tools = [found for found in spans_of(api, run_id(trace)).values() if found["schema_name"] == "agent:tool"]
    assert [found["name"] for found in tools] == ["say_hello"]
    assert "Langfuse" in str(tools[0]["result_payload"])


def test_koog_conversations(api: Api, framework_traces: Path) -> None:
    """Numbered prompt attributes of a Koog agent become the messages of its model calls."""
    trace, _ = _sent(api, framework_traces / "koog-2025-08-26.json")
    calls = [found for found in spans_of(api, run_id(trace)).values() if found["schema_name"] == "agent:llm"]
    assert calls
    assert all(found["payload"]["messages"][0]["role"] for found in calls)
