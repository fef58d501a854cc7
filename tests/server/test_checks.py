"""Schemas and templates: what does not fit is marked, what is hostile is bounded, nothing is refused."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from msgspec import Raw

from holdfast.server.services.checking.checker import Checker
from holdfast.server.services.checking.summaries import summarise
from holdfast.server.stores.base import Store
from holdfast.server.stores.schema import record as schema
from holdfast.wire.operations import (
    InstanceRegister,
    Operation,
    QualityRecord,
    QualitySchema,
    SchemaVersion,
    SpanCreate,
    SpanFinish,
    SpanTypeSchema,
)
from server.records import apply, rows
from server.wait import wait_until

_NUMBER: dict[str, object] = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}


def _register(*types: SpanTypeSchema, **fields: Any) -> InstanceRegister:
    return InstanceRegister(
        idempotency_key="r",
        id="run",
        agent_id="a",
        agent_schema_version=SchemaVersion(span_type_schemas=list(types), **fields),
    )


def _span(span_id: str, payload: Any, *, kind: str = "t") -> SpanCreate:
    encoded = Raw(msgspec.json.encode(payload))
    return SpanCreate(
        idempotency_key=span_id, agent_instance_id="run", id=span_id, schema_name=kind, payload=encoded
    )


@pytest.fixture
def checked(store: Store) -> Iterator[Any]:
    """Apply operations, then have all that waits checked."""
    checker = Checker(store, deadline=1.0)

    def check(items: list[Operation]) -> None:
        assert not apply(store, items).errors
        checker.wake()
        wait_until(lambda: not rows(store, schema.check_queue), 60)

    yield check
    checker.close()


def _spans(store: Store) -> dict[str, dict[str, Any]]:
    return {row["id"]: row for row in rows(store, schema.spans)}


def test_misfits_are_counted(store: Store, checked: Any) -> None:
    """A payload that does not fit is stored, marked on its span and counted in the run and its hour."""
    checked(
        [
            _register(SpanTypeSchema(name="t", params_schema=_NUMBER)),
            _span("good", {"n": 1}),
            _span("bad", {}),
        ]
    )
    spans = _spans(store)
    assert (spans["good"]["violations"], spans["bad"]["violations"]) == (0, 1)
    assert rows(store, schema.instances)[0]["violations"] == 1
    assert sum(row["violations"] for row in rows(store, schema.rollups)) == 1
    (found,) = rows(store, schema.violations)
    (detail,) = msgspec.json.decode(found["details"])
    assert (found["subject"], detail["part"], detail["path"]) == ("span/bad", "payload", "")
    assert "required" in detail["message"]


def test_schemas_after_the_spans(store: Store, checked: Any) -> None:
    """Spans that arrived before the registration are checked once it comes."""
    apply(store, [_span("bad", {"n": "x"})])
    checked([_register(SpanTypeSchema(name="t", params_schema=_NUMBER))])
    assert _spans(store)["bad"]["violations"] == 1


def test_a_change_is_checked_again(store: Store, checked: Any) -> None:
    """A finish that mends the payload takes the violation back, and the summary shows the result."""
    kind = SpanTypeSchema(name="t", params_schema=_NUMBER, template="{{ n }} -> {{ answer }}")
    checked([_register(kind), _span("s", {})])
    assert rows(store, schema.instances)[0]["violations"] == 1
    checked(
        [
            SpanFinish(
                idempotency_key="f",
                agent_span_id="s",
                agent_instance_id="run",
                payload=Raw(b'{"n":2}'),
                result_payload=Raw(b'{"answer":"four"}'),
            )
        ]
    )
    assert _spans(store)["s"]["summary"] == "2 -> four"
    assert _spans(store)["s"]["violations"] == 0
    assert rows(store, schema.instances)[0]["violations"] == 0
    assert rows(store, schema.violations) == []


def _doubling(depth: int) -> dict[str, object]:
    """A schema whose check takes 2**depth steps."""
    steps: dict[str, object] = {"a0": {"type": "object"}}
    for level in range(1, depth + 1):
        steps[f"a{level}"] = {"allOf": [{"$ref": f"#/$defs/a{level - 1}"}] * 2}
    return {"$defs": steps, "$ref": f"#/$defs/a{depth}"}


def test_hostile_schemas_are_marked(store: Store, checked: Any) -> None:
    """A schema that is no schema, fetches from elsewhere or never ends is marked unusable; others work on."""
    checked(
        [
            _register(
                SpanTypeSchema(name="invalid", params_schema={"type": "zap"}),
                SpanTypeSchema(name="remote", params_schema={"$ref": "http://127.0.0.1:9/schema"}),
                SpanTypeSchema(name="file", params_schema={"$ref": "file:///etc/passwd"}),
                SpanTypeSchema(name="endless", params_schema=_doubling(60)),
                SpanTypeSchema(name="t", params_schema=_NUMBER),
            ),
            *(_span(kind, {}, kind=kind) for kind in ("invalid", "remote", "file", "endless", "t")),
        ]
    )
    (version,) = rows(store, schema.schema_versions)
    unusable = msgspec.json.decode(version["unusable"])
    assert set(unusable) == {"invalid", "remote", "file", "endless"}
    assert unusable["endless"] == "took too long"
    assert {span["id"]: span["violations"] for span in rows(store, schema.spans)} == {
        "invalid": 0,
        "remote": 0,
        "file": 0,
        "endless": 0,
        "t": 1,
    }


def test_quality_records(store: Store, checked: Any) -> None:
    """A quality record is checked and summarised by the type of its name."""
    checked(
        [
            _register(
                quality_schemas=[QualitySchema(name="score", schema=_NUMBER, template="score {{ n }}")]
            ),
            QualityRecord(
                idempotency_key="q", agent_instance_id="run", name="score", payload=Raw(b'{"n":"high"}')
            ),
        ]
    )
    (record,) = rows(store, schema.quality)
    assert (record["summary"], record["violations"]) == ("score high", 1)
    assert rows(store, schema.instances)[0]["violations"] == 1


def test_a_restart_goes_on(store: Store) -> None:
    """What was still to be checked when the server ended is checked by the next one."""
    apply(store, [_register(SpanTypeSchema(name="t", params_schema=_NUMBER)), _span("bad", {})])
    assert rows(store, schema.check_queue)
    checker = Checker(store)
    wait_until(lambda: not rows(store, schema.check_queue), 60)
    checker.close()
    assert _spans(store)["bad"]["violations"] == 1


@pytest.mark.parametrize(
    ("template", "payload", "result", "expected"),
    [
        ("{{ a }}-{{ b }}", {"a": 1, "b": 2}, {"b": 3}, "1-3"),
        ('{{ inputs["dotted.key"] }}', {"inputs": {"dotted.key": "x"}}, None, "x"),
        ("[{{ missing }}{{ o }}{{ l }}]", {"o": {"a": 1}, "l": [1, 2]}, None, "[]"),
        (
            "{{ l | size }} {{ l[1] }} {{ t | truncate: 5 }}",
            {"l": [1, 2], "t": "abcdefgh"},
            None,
            "2 2 ab...",
        ),
        ("{{ t | truncatewords: 1 }}", {"t": "one two"}, None, "one..."),
        ("{{ no | default: 'none' }}", {}, None, "none"),
        ("{% if a == 1 %}one{% elsif a %}some{% else %}no{% endif %}", {"a": 2}, None, "some"),
        ("{% for x in l %}{{ x }},{% endfor %}", {"l": [1, 2]}, None, "1,2,"),
        ("{% if %}", {}, None, None),
        ("{{ a | nosuchfilter }}", {"a": 1}, None, None),
        ("{% for i in (1..100000000) %}x{% endfor %}", {}, None, None),
        ("{{ a }}", ["not", "an", "object"], "text", ""),
    ],
)
def test_summaries(template: str, payload: object, result: object, expected: str | None) -> None:
    """A summary shows fields, the result's over the payload's; what is not valid or too much gives none."""
    assert summarise(template, payload, result) == expected
