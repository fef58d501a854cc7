"""The span types and quality records of an agent, collected where they are used and sent when a run is
announced.
"""

from __future__ import annotations

import hashlib
import threading
from typing import Any, Self, TypeVar, cast

import msgspec

from holdfast.errors import InvalidInputError, SchemaConflictError
from holdfast.wire.operations import QualitySchema, SchemaVersion, SpanTypeSchema

__all__ = ["SchemaRegistry"]

JsonSchema = dict[str, Any]
_T = TypeVar("_T")


class SchemaRegistry:
    """Three ways to describe a span type, which may be mixed: flat parameter schemas (`register`), flat
    result schemas (`register_result`), and whole types (`register_type`); besides, quality records
    (`register_quality`).

    The same content makes the same schema version, in whatever order and process it was registered. Safe in
    threads."""

    def __init__(self) -> None:
        self._params: dict[str, JsonSchema] = {}
        self._results: dict[str, JsonSchema] = {}
        self._types: dict[str, SpanTypeSchema] = {}
        self._quality: dict[str, QualitySchema] = {}
        self._version: SchemaVersion | None = None
        self._lock = threading.Lock()

    def register(self, schema_name: str, schema: JsonSchema) -> None:
        """Add the parameter schema of a span type. Raises `SchemaConflictError` for a name that is taken."""
        with self._lock:
            _refuse_second(schema_name, self._params)
            self._params[schema_name] = _json(schema, schema_name)
            self._version = None

    def register_unsafe(self, schema_name: str, schema: JsonSchema) -> None:
        """As `register`, but a schema that is there already is replaced."""
        with self._lock:
            self._params[schema_name] = _json(schema, schema_name)
            self._version = None

    def register_result(self, schema_name: str, result_schema: JsonSchema) -> None:
        """Add the result schema of a span type; one that is there already is replaced."""
        with self._lock:
            self._results[schema_name] = _json(result_schema, schema_name)
            self._version = None

    def register_type(
        self,
        name: str,
        params_schema: JsonSchema,
        result_schema: JsonSchema | None = None,
        title: str | None = None,
        description: str | None = None,
        template: str | None = None,
        *,
        result_template: str | None = None,
        data_risk: JsonSchema | None = None,
    ) -> None:
        """Add a whole span type; one that is there already is replaced.

        `template` is a Liquid template over payload and result, such as `{{model}}: {{prompt}}`, which the
        server renders into the span's summary. `data_risk` classifies what the type may do and see."""
        made = SpanTypeSchema(
            name=name,
            params_schema=_json(params_schema, name),
            result_schema=None if result_schema is None else _json(result_schema, name),
            title=title,
            description=description,
            template=template,
            result_template=result_template,
            data_risk=None if data_risk is None else _json(data_risk, name),
        )
        with self._lock:
            self._types[name] = made
            self._version = None

    def register_quality(
        self,
        name: str,
        schema: JsonSchema,
        title: str | None = None,
        description: str | None = None,
        template: str | None = None,
        *,
        data_risk: JsonSchema | None = None,
    ) -> None:
        """Add the schema of a quality record; one that is there already is replaced."""
        made = QualitySchema(
            name=name,
            schema=_json(schema, name),
            title=title,
            description=description,
            template=template,
            data_risk=None if data_risk is None else _json(data_risk, name),
        )
        with self._lock:
            self._quality[name] = made
            self._version = None

    def get(self, schema_name: str) -> JsonSchema | None:
        """The parameter schema of a span type, registered flat or as a type; a copy."""
        with self._lock:
            typed = self._types.get(schema_name)
            held = typed.params_schema if typed is not None else self._params.get(schema_name)
        return None if held is None else _json(held, schema_name)

    def list_schemas(self) -> list[str]:
        """The names of all span types, sorted."""
        with self._lock:
            return sorted({*self._params, *self._results, *self._types})

    def has_schema(self, schema_name: str) -> bool:
        with self._lock:
            return schema_name in self._params or schema_name in self._results or schema_name in self._types

    def merge(self, other: Self) -> None:
        """Take over all that `other` holds. What both hold must be equal.

        Raises `SchemaConflictError` at the first difference, and then nothing has changed.
        """
        params, results, types, quality = other.snapshot()
        with self._lock:
            merged = (
                _union(self._params, params),
                _union(self._results, results),
                _union(self._types, types),
                _union(self._quality, quality),
            )
            self._params, self._results, self._types, self._quality = merged
            self._version = None

    def snapshot(
        self,
    ) -> tuple[
        dict[str, JsonSchema], dict[str, JsonSchema], dict[str, SpanTypeSchema], dict[str, QualitySchema]
    ]:
        """What is registered at this moment: parameters, results, types, quality records, by name."""
        with self._lock:
            return dict(self._params), dict(self._results), dict(self._types), dict(self._quality)

    def schema_version(self, external_id: str | None = None) -> SchemaVersion:
        """All of it as it is sent with a run. Without an id of your own, the identifier is the content's
        hash.
        """
        with self._lock:
            if self._version is None:
                content = SchemaVersion(
                    span_schemas=dict(sorted(self._params.items())) or None,
                    span_result_schemas=dict(sorted(self._results.items())) or None,
                    span_type_schemas=[self._types[name] for name in sorted(self._types)] or None,
                    quality_schemas=[self._quality[name] for name in sorted(self._quality)] or None,
                )
                canonical = msgspec.json.encode(content, order="sorted")
                self._version = msgspec.structs.replace(
                    content, external_identifier=f"sha256:{hashlib.sha256(canonical).hexdigest()[:32]}"
                )
            version = self._version
        if external_id is None:
            return version
        return msgspec.structs.replace(version, external_identifier=external_id)

    def to_agent_schema_version(self, external_id: str | None = None) -> dict[str, Any]:
        """The same as a dict in the HTTP API's shape, with only those parts that are not empty."""
        shaped: dict[str, Any] = msgspec.to_builtins(self.schema_version(external_id))
        return shaped


def _refuse_second(name: str, held: dict[str, JsonSchema]) -> None:
    if name in held:
        raise SchemaConflictError(name, "is registered already", "use register_unsafe to replace it")


def _union(ours: dict[str, _T], theirs: dict[str, _T]) -> dict[str, _T]:
    for name, schema in theirs.items():
        if name in ours and ours[name] != schema:
            raise SchemaConflictError(name, "is registered with another schema on each side")
    return {**ours, **theirs}


def _json(schema: JsonSchema, name: str) -> JsonSchema:
    """A copy that the caller's later changes do not reach, of JSON only."""
    try:
        copy: Any = msgspec.json.decode(msgspec.json.encode(schema))
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidInputError(name, f"the schema is not JSON: {error}") from None
    if not isinstance(copy, dict):
        raise InvalidInputError(name, "the schema is not a JSON object")
    return cast("JsonSchema", copy)
