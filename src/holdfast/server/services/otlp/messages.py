"""Messages, tool calls and documents, from the shapes in which they are written to that of GenAI 1.41:
`{"role", "parts": [{"type": "text" | "tool_call" | "tool_call_response" | …}]}`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, cast

import msgspec
from msgspec import Raw

from holdfast.server.services.json_read import as_list, as_object

__all__ = ["Nested", "as_list_of", "normal_message", "normal_messages", "parsed", "put", "readable_json"]

_decode: Final = msgspec.json.Decoder().decode
_decode_raw: Final = msgspec.json.Decoder(Raw).decode
_LEVELS: Final = 12
_NEEDLESS: Final = ("message", "document", "embedding", "tool", "prompt", "completion")
"""What OpenInference puts between the number of an item and its fields."""

Nested = dict[str, object]


def parsed(value: object) -> object:
    """The value of a string that is a JSON object or array; anything else as it is."""
    if isinstance(value, str) and value[:1] in ("{", "["):
        try:
            return _decode(value)
        except (msgspec.DecodeError, RecursionError):
            return value
    return value


def readable_json(value: object) -> object:
    """As `parsed`, for what is only passed on: the JSON stays the text that it is."""
    if isinstance(value, str) and value[:1] in ("{", "["):
        try:
            return _decode_raw(value)
        except (msgspec.DecodeError, RecursionError):
            return value
    return value


def put(tree: Nested, path: str, value: object) -> bool:
    """Put a leaf where its dotted path says; False where something else is in its way."""
    steps = path.split(".", _LEVELS)
    for step in steps[:-1]:
        inner = tree.setdefault(step, {})
        if not isinstance(inner, dict):
            return False
        tree = cast("Nested", inner)
    if steps[-1] in tree:
        return False
    tree[steps[-1]] = value
    return True


def as_list_of(tree: Nested) -> list[object]:
    """The items of a tree whose keys are numbers, in their order."""
    ordered = sorted(tree, key=lambda key: int(key) if key.isdecimal() and len(key) < 10 else -1)
    return [_plain(tree[key]) for key in ordered]


def _plain(value: object) -> object:
    if not isinstance(value, dict):
        return value
    fields = cast("Nested", value)
    if len(fields) == 1:
        (name,) = fields
        if name in _NEEDLESS and isinstance(fields[name], dict):
            return _plain(fields[name])
    if fields and all(key.isdecimal() for key in fields):
        return as_list_of(fields)
    return {key: _plain(inner) for key, inner in fields.items()}


def normal_messages(value: object, role: str) -> list[object] | None:
    """A list of messages, or None where the value is none. `role` is for those that do not say theirs."""
    value = parsed(value)
    fields = as_object(value)
    if "messages" in fields:  # Vercel's prompt with its system text beside it
        system = fields.get("system")
        said = [normal_message({"role": "system", "content": system}, role)] if system else []
        return said + (normal_messages(fields["messages"], role) or [])
    if "prompt" in fields and "role" not in fields:
        return normal_messages(fields["prompt"], role)
    if isinstance(value, str):
        return [normal_message({"content": value}, role)] if value else None
    items = as_list(value) or ([value] if fields else [])
    return [normal_message(fields, role) for fields in map(as_object, items) if fields] or None


def normal_message(fields: Nested, role: str) -> object:
    """One message. What already has parts, and fields of no known meaning, stay as they are."""
    if isinstance(fields.get("parts"), list) and "role" in fields:
        return fields
    rest = dict(fields)
    said = str(rest.pop("role", None) or role)
    content = parsed(rest.pop("content", None))
    call_id = rest.pop("tool_call_id", rest.pop("id", None) if said == "tool" else None)
    parts: list[object] = []
    if said == "tool" and not _has_types(content):
        parts.append(_only_known({"type": "tool_call_response", "id": call_id, "response": content}))
    else:
        parts += _parts(content)
    parts += _parts(rest.pop("contents", None))
    parts += [_call(as_object(call)) for call in as_list(parsed(rest.pop("tool_calls", None)))]
    return {"role": said, "parts": parts, **rest}


def _has_types(content: object) -> bool:
    return any("type" in as_object(part) for part in as_list(content))


def _parts(content: object) -> Iterable[object]:
    if content is None or content == "":
        return []
    if isinstance(content, str):
        return [{"type": "text", "content": content}]
    if isinstance(content, list):
        return [_part(part) for part in cast("list[object]", content)]
    return [{"type": "text", "content": msgspec.json.encode(content).decode()}]


def _part(part: object) -> object:
    fields = as_object(part)
    if len(fields) == 1 and "message_content" in fields:
        return _part(fields["message_content"])
    kind = fields.get("type")
    if isinstance(part, str):
        return {"type": "text", "content": part}
    if kind == "text" or (kind is None and isinstance(fields.get("text"), str)):
        return {"type": "text", "content": fields.get("text", fields.get("content"))}
    if kind in ("tool-call", "tool_use", "toolCall"):
        return _call(fields)
    if kind in ("tool-result", "tool_result"):
        response = fields.get("result", fields.get("output", fields.get("content")))
        found = fields.get("toolCallId", fields.get("tool_use_id"))
        return _only_known({"type": "tool_call_response", "id": found, "response": response})
    return part


def _call(fields: Nested) -> object:
    fields = as_object(fields.get("tool_call")) or fields
    function = as_object(fields.get("function")) or fields
    arguments = next((function[name] for name in ("arguments", "args", "input") if name in function), None)
    return _only_known(
        {
            "type": "tool_call",
            "id": fields.get("id", fields.get("toolCallId")),
            "name": function.get("name", function.get("toolName")),
            "arguments": parsed(arguments),
        }
    )


def _only_known(fields: Nested) -> Nested:
    return {name: value for name, value in fields.items() if value is not None}
