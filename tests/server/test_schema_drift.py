"""What changed between two versions of an agent's schemas."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.server.services.viewing.schema_drift import Drift, declared_fields, drift_between
from holdfast.wire.operations import QualitySchema, SchemaVersion, SpanTypeSchema


def _content(*kinds: SpanTypeSchema, quality: list[QualitySchema] | None = None) -> bytes:
    return msgspec.json.encode(SchemaVersion(span_type_schemas=list(kinds), quality_schemas=quality))


def _kind(name: str, schema: dict[str, Any], result: dict[str, Any] | None = None) -> SpanTypeSchema:
    return SpanTypeSchema(name=name, params_schema=schema, result_schema=result)


def _object(required: list[str] | None = None, /, **properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": required or []}


def _drift(before: bytes, after: bytes) -> Drift:
    return drift_between(declared_fields(before), declared_fields(after))


def _told(drift: Drift) -> set[tuple[str, str, str, str]]:
    every = (*drift.added, *drift.removed, *drift.changed)
    return {(one.span_type, one.path, one.before, one.after) for one in every}


def test_fields_that_come_go_and_change() -> None:
    """Each is told with its path and its type, in parameters, results, lists and objects within."""
    before = _content(
        _kind(
            "search",
            _object(["query"], query={"type": "string"}, limit={"type": "integer"}, old={"type": "boolean"}),
            _object(hits={"type": "array", "items": _object(score={"type": "number"})}),
        )
    )
    after = _content(
        _kind(
            "search",
            _object(query={"type": "string"}, limit={"type": ["integer", "null"]}, new={"enum": ["a", "b"]}),
            _object(hits={"type": "array", "items": _object(score={"type": "string"})}),
        )
    )
    drift = _drift(before, after)
    assert _told(drift) == {
        ("search", "params.new", "", "enum of 2, optional"),
        ("search", "params.old", "boolean, optional", ""),
        ("search", "params.query", "string", "string, optional"),
        ("search", "params.limit", "integer, optional", "integer or null, optional"),
        ("search", "result.hits[].score", "number, optional", "string, optional"),
    }
    assert [one.path for one in drift.added] == ["params.new"]
    assert [one.path for one in drift.removed] == ["params.old"]


def test_whole_span_types() -> None:
    """One that came or went is told as one thing, not field by field; so are quality records."""
    before = _content(_kind("a", _object(x={"type": "string"})))
    after = _content(
        _kind("b", _object(y={"type": "string"})),
        quality=[QualitySchema(name="check", schema=_object(score={"type": "number"}))],
    )
    assert _told(_drift(before, after)) == {
        ("b", "", "", "span type"),
        ("a", "", "span type", ""),
        ("quality check", "", "", "quality record"),
    }


def test_the_same_is_no_drift() -> None:
    """Order, descriptions and templates are no change of fields."""
    one = _content(
        _kind("a", _object(x={"type": "string"}, y={"type": "string"})), _kind("b", {"type": "object"})
    )
    other = _content(
        _kind("b", {"type": "object", "description": "B"}),
        SpanTypeSchema(
            name="a",
            params_schema=_object(y={"type": "string"}, x={"type": "string", "title": "X"}),
            template="t",
        ),
    )
    assert _drift(one, other).empty


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["type", "properties", "items", "required", "enum", "$ref", "x"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(st.dictionaries(st.sampled_from(["type", "properties", "items", "required", "x"]), _json, max_size=4))
def test_what_is_no_schema(schema: dict[str, Any]) -> None:
    """Whatever an agent declared, it can be compared: with itself it is the same."""
    content = _content(_kind("a", schema))
    assert _drift(content, content).empty


@pytest.mark.parametrize("depth", [3, 200])
def test_deep_schemas_end(depth: int) -> None:
    """Of objects in objects without end a part is compared."""
    schema: dict[str, Any] = {"type": "string"}
    for _ in range(depth):
        schema = _object(inner=schema)
    assert len(declared_fields(_content(_kind("a", schema)))) <= 12
