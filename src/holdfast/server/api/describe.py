"""The OpenAPI document: what the framework knows of the answers, and what our routes say of the rest."""

from __future__ import annotations

from typing import Any, Final

import msgspec
from litestar import Litestar
from litestar.routes import HTTPRoute
from msgspec import Raw, Struct

from holdfast.server.api.authorize import ANY_TOKEN, Query

__all__ = ["api_description"]

_Json = dict[str, Any]  # a JSON document: what is in it is for its readers
_SCHEMAS: Final = "#/components/schemas/{name}"
_KEY: Final[_Json] = {
    "type": "string",
    "maxLength": 64,
    "description": "A repeat with the same key answers what the first answered.",
}
_PAGING: Final = (
    ("pagination[offset]", {"type": "integer", "minimum": 0}, "from 0"),
    ("pagination[page_size]", {"type": "integer", "minimum": 1, "maximum": 100}, "50 where it is left out"),
    ("sorting", {"type": "string"}, "a field, with `-` before it from the last to the first"),
    ("sorting[field]", {"type": "string"}, "the same in two parameters"),
    ("sorting[direction]", {"enum": ["asc", "desc"]}, ""),
)


def api_description(app: Litestar) -> _Json:
    """OpenAPI 3.1, with `servers` left to the reader: the address is the one it was fetched from."""
    document: _Json = app.openapi_schema.to_schema()
    document.pop("servers", None)
    components = document.setdefault("components", {})
    components["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
    schemas = components.setdefault("schemas", {})
    for path, method, opt in _described(app):
        operation = document["paths"].get(path, {}).get(method)
        if operation is not None:
            _describe(operation, opt, schemas)
    return document


def _described(app: Litestar) -> list[tuple[str, str, _Json]]:
    return [
        (route.path_format, method.lower(), handler.opt)
        for route in app.routes
        if isinstance(route, HTTPRoute)
        for handler in route.route_handlers
        if "scopes" in handler.opt
        for method in handler.http_methods
    ]


def _describe(operation: _Json, opt: _Json, schemas: _Json) -> None:
    scopes = sorted(opt["scopes"])
    operation["security"] = [{"token": []}]
    operation["x-scopes"] = scopes
    words = "any token" if opt["scopes"] == ANY_TOKEN else "a token with the scope " + " or ".join(scopes)
    operation["description"] = f"{operation.get('description', '')}\n\nTakes {words}.".strip()
    parameters = operation.setdefault("parameters", [])
    parameters += [_query(one) for one in opt["query"]]
    if opt["paged"]:
        parameters += [
            {"in": "query", "name": name, "required": False, "schema": schema, "description": text}
            for name, schema, text in _PAGING
        ]
    if not parameters:
        del operation["parameters"]
    if opt["body"] is not None:
        in_path = {one["name"] for one in parameters if one["in"] == "path"}
        _describe_body(operation, opt["body"], schemas, wrapped=opt["wrapped"], in_path=bool(in_path))


def _query(query: Query) -> _Json:
    schema: _Json = {"enum": list(query.values)} if query.values else {"type": "string"}
    return {
        "in": "query",
        "name": query.name,
        "required": False,
        "schema": schema,
        "description": query.description,
    }


def _describe_body(
    operation: _Json, body: type[Struct], schemas: _Json, *, wrapped: bool, in_path: bool
) -> None:
    _, found = msgspec.json.schema_components([_plain(body)], schema_hook=_anything, ref_template=_SCHEMAS)
    own = found.pop(body.__name__)
    for name, part in found.items():
        schemas.setdefault(name, part)
    properties = own.get("properties", {})
    required = set(own.get("required", ()))
    # what the single call has in its path
    known: set[str] = {"_type"}
    if in_path:
        known.add("agent_span_id" if "agent_span_id" in properties else "agent_instance_id")
    own["properties"] = {name: part for name, part in properties.items() if name not in known}
    own["required"] = sorted(required - known - {"idempotency_key"})
    schemas[f"{body.__name__}Body"] = own
    schema: _Json = {"$ref": _SCHEMAS.format(name=f"{body.__name__}Body")}
    if wrapped:
        schema = {
            "type": "object",
            "properties": {"details": schema, "idempotency_key": _KEY},
            "required": ["details"],
        }
    operation["requestBody"] = {
        "required": bool(wrapped or own["required"]),
        "content": {"application/json": {"schema": schema}},
    }


def _plain(body: type[Struct]) -> type[Struct]:
    """The same fields, with any JSON where ours are `Raw`: of those no default can be described."""
    fields: list[tuple[str, Any, Any]] = []
    for field in msgspec.structs.fields(body):
        kind = Any if field.type is Raw else field.type
        given: Any = msgspec.field(name=field.encode_name)
        if field.default_factory is not msgspec.NODEFAULT:
            given = msgspec.field(name=field.encode_name, default_factory=field.default_factory)
        elif field.default is not msgspec.NODEFAULT:
            default = None if isinstance(field.default, Raw) else field.default
            given = msgspec.field(name=field.encode_name, default=default)
        fields.append((field.name, kind, given))
    made = msgspec.defstruct(body.__name__, fields, kw_only=True)
    made.__doc__ = body.__doc__
    return made


def _anything(_kind: type) -> _Json:
    return {"description": "any JSON"}  # of the fields of type `object`
