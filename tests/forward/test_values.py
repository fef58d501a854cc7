"""Attributes as OpenTelemetry writes them, and requests as protobuf reads them."""

from __future__ import annotations

import os
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from forward.sending import told
from holdfast.server.services.forward.requests import Packed, Request
from holdfast.server.services.forward.spans import Scope
from holdfast.server.services.forward.values import put

_TEXTS = st.text()
_LEAVES = st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False) | _TEXTS
_VALUES = st.recursive(
    _LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_TEXTS, inner, max_size=3),
    max_leaves=8,
)


def through(attributes: dict[str, Any]) -> dict[str, Any]:
    span = Span()
    put(span.attributes, attributes)
    again = Span()
    again.ParseFromString(span.SerializeToString())
    return told(again.attributes)


@given(st.dictionaries(_TEXTS, _VALUES, max_size=5))
def test_values_come_through(attributes: dict[str, Any]) -> None:
    """Whatever JSON can say is said, empty lists and objects too."""
    assert through(attributes) == attributes


def test_values_without_a_place() -> None:
    """Numbers beyond 64 bits become texts, halves of surrogate pairs U+FFFD; None is left out."""
    given_values = {"big": 2**70, "half": "a\ud800b", "in": [{"\udc00": "\ud83d"}], "none": None, "\ud800": 1}
    assert through(given_values) == {
        "big": str(2**70),
        "half": "a\ufffdb",
        "in": [{"\ufffd": "\ufffd"}],
        "\ufffd": 1,
    }


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2), st.integers(0, 20_000)), max_size=12))
def test_requests_are_what_protobuf_says(places: list[tuple[int, int, int]]) -> None:
    """Put together from bytes, of any length, a request decodes to its spans, each with its resource and scope."""
    resources = [Resource() for _ in range(3)]
    for number, resource in enumerate(resources):
        put(resource.attributes, {"n": number})
    items, wanted = [], []
    for resource_number, scope_number, length in sorted(places):
        span = Span(span_id=os.urandom(8), name="x" * length)
        scope = Scope(f"scope {scope_number}", "1")
        items.append(Packed(resources[resource_number], scope, span.SerializeToString()))
        wanted.append((resource_number, scope.name, span.span_id, length))
    request = ExportTraceServiceRequest()
    request.ParseFromString(Request(items, None, 0).encoded(newest=False))
    found = [
        (told(group.resource.attributes)["n"], part.scope.name, span.span_id, len(span.name))
        for group in request.resource_spans
        for part in group.scope_spans
        for span in part.spans
    ]
    assert sorted(found) == sorted(wanted)
