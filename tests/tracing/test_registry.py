"""The schema registry: what it refuses, what it merges, what it sends."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast import HoldfastError, InvalidInputError, SchemaConflictError, SchemaRegistry

OBJECT = {"type": "object", "properties": {"q": {"type": "string"}}}


def test_a_name_is_registered_once() -> None:
    """A second `register` of a name raises, which is a ValueError too; `register_unsafe` replaces."""
    registry = SchemaRegistry()
    registry.register("agent:llm", OBJECT)
    with pytest.raises(SchemaConflictError) as caught:
        registry.register("agent:llm", {})
    assert isinstance(caught.value, ValueError)
    assert isinstance(caught.value, HoldfastError)
    assert caught.value.field == "agent:llm"
    registry.register_unsafe("agent:llm", {"type": "array"})
    assert registry.get("agent:llm") == {"type": "array"}


def test_all_forms_are_listed() -> None:
    """Flat schemas, result schemas and types are all schemas of the registry."""
    registry = SchemaRegistry()
    registry.register("b", OBJECT)
    registry.register_result("c", OBJECT)
    registry.register_type("a", OBJECT)
    assert registry.list_schemas() == ["a", "b", "c"]
    assert registry.has_schema("a")
    assert registry.has_schema("c")
    assert not registry.has_schema("d")
    assert (registry.get("a"), registry.get("d")) == (OBJECT, None)


def test_the_version_has_only_what_is_not_empty() -> None:
    """`to_agent_schema_version` names the identifier and the parts that hold something."""
    registry = SchemaRegistry()
    assert set(registry.to_agent_schema_version("v1")) == {"external_identifier"}
    registry.register("a", OBJECT)
    assert registry.to_agent_schema_version("v1") == {
        "external_identifier": "v1",
        "span_schemas": {"a": OBJECT},
    }
    registry.register_result("a", {"type": "string"})
    registry.register_type("t", OBJECT, {"type": "null"}, "Title", "About", "{{q}}", result_template="{{r}}",
                           data_risk={"action_profile": {"read_data": "allowed"}})  # fmt: skip
    registry.register_quality("score", {"type": "number"}, title="Score", template="{{value}}")
    made = registry.to_agent_schema_version("v2")
    assert made["span_result_schemas"] == {"a": {"type": "string"}}
    assert made["span_type_schemas"] == [
        {
            "name": "t",
            "params_schema": OBJECT,
            "result_schema": {"type": "null"},
            "title": "Title",
            "description": "About",
            "template": "{{q}}",
            "result_template": "{{r}}",
            "data_risk": {"action_profile": {"read_data": "allowed"}},
        }
    ]
    assert made["quality_schemas"] == [
        {"name": "score", "schema": {"type": "number"}, "title": "Score", "template": "{{value}}"}
    ]


def test_later_changes_of_a_schema_do_not_reach_the_registry() -> None:
    """The registry keeps its own copy, and gives out copies."""
    registry = SchemaRegistry()
    mine: dict[str, Any] = copy.deepcopy(OBJECT)
    registry.register("a", mine)
    mine["properties"]["q"]["type"] = "number"
    given_out = registry.get("a")
    assert given_out == OBJECT
    given_out["properties"] = None
    assert registry.get("a") == OBJECT


@pytest.mark.parametrize("schema", [{"x": object()}, ["not", "an", "object"], {"x": float("nan"), 1j: 2}])
def test_a_schema_that_is_not_json_is_refused(schema: Any) -> None:
    """What cannot be sent is refused where it is registered."""
    with pytest.raises(InvalidInputError):
        SchemaRegistry().register("a", schema)


def test_a_conflict_changes_nothing() -> None:
    """A merge that fails at its last name has not taken over its first."""
    ours, theirs = SchemaRegistry(), SchemaRegistry()
    ours.register_quality("z", {"type": "number"})
    before = ours.to_agent_schema_version()
    theirs.register("a", OBJECT)
    theirs.register_type("t", OBJECT)
    theirs.register_quality("z", {"type": "string"})
    with pytest.raises(SchemaConflictError):
        ours.merge(theirs)
    assert ours.to_agent_schema_version() == before


def test_a_registry_merges_with_itself() -> None:
    """Merging a registry into itself is no conflict and no deadlock."""
    registry = SchemaRegistry()
    registry.register("a", OBJECT)
    registry.merge(registry)
    assert registry.list_schemas() == ["a"]


names = st.sampled_from(["a", "b", "c", "d"])
schemas = st.sampled_from([{"type": "object"}, {"type": "string"}, {"type": "object", "title": "x"}])
steps = st.lists(
    st.tuples(st.sampled_from(["register", "result", "type", "quality"]), names, schemas), max_size=8
)


def build(made: list[tuple[str, str, dict[str, Any]]]) -> SchemaRegistry:
    registry = SchemaRegistry()
    how: dict[str, Callable[[str, dict[str, Any]], None]] = {
        "register": registry.register_unsafe,
        "result": registry.register_result,
        "type": registry.register_type,
        "quality": registry.register_quality,
    }
    for kind, name, schema in made:
        how[kind](name, schema)
    return registry


def last_of_each(made: list[tuple[str, str, dict[str, Any]]]) -> list[tuple[str, str, dict[str, Any]]]:
    return [(kind, name, schema) for (kind, name), schema in {(k, n): s for k, n, s in made}.items()]


def as_one(registry: SchemaRegistry) -> dict[tuple[int, str], object]:
    params, results, types, quality = registry.snapshot()
    forms: list[dict[str, Any]] = [dict(params), dict(results), dict(types), dict(quality)]
    return {(form, name): schema for form, held in enumerate(forms) for name, schema in held.items()}


@given(steps, st.randoms())
@settings(deadline=None)
def test_the_same_content_is_one_version_in_any_order(made: list[Any], random: Any) -> None:
    """The identifier depends on what is registered at the end, not on when."""
    shuffled = last_of_each(made)
    random.shuffle(shuffled)
    assert build(made).schema_version() == build(shuffled).schema_version()


@given(steps, steps)
@settings(deadline=None)
def test_different_content_is_another_version(one: list[Any], other: list[Any]) -> None:
    """Two registries have one identifier exactly where they hold the same."""
    first, second = build(one), build(other)
    same = first.snapshot() == second.snapshot()
    assert (first.schema_version().external_identifier == second.schema_version().external_identifier) == same


@given(steps, steps)
@settings(deadline=None)
def test_a_merge_is_all_or_nothing(one: list[Any], other: list[Any]) -> None:
    """A merge either holds everything of both, or raises and leaves both as they were."""
    ours, theirs = build(one), build(other)
    before, given_in = as_one(ours), as_one(theirs)
    if any(key in before and before[key] != schema for key, schema in given_in.items()):
        with pytest.raises(SchemaConflictError):
            ours.merge(theirs)
        assert as_one(ours) == before
    else:
        ours.merge(theirs)
        assert as_one(ours) == {**before, **given_in}
    assert as_one(theirs) == given_in
