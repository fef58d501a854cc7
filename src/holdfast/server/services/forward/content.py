"""What was said, as the conventions write it: messages, instructions, tools, arguments, results, documents.

What they have no name for goes under OpenInference's `input.value` and `output.value`, which every tracing product
shows.
"""

from __future__ import annotations

from holdfast.server.services.forward.names import newer_messages
from holdfast.server.services.forward.values import json_text
from holdfast.server.services.json_read import as_list, as_object
from holdfast.server.services.otlp.messages import normal_messages
from holdfast.wire import attributes as names
from holdfast.wire.vocabulary import SpanType

__all__ = ["content_attributes"]


def content_attributes(
    kind: str | None, payload: object, result: object, *, newest: bool
) -> dict[str, object]:
    """The attributes that say what went into a span of that type and what came out."""
    found: dict[str, object] = {}
    if kind == SpanType.TOOL:
        if payload is not None:
            found["gen_ai.tool.call.arguments"] = json_text(payload)
        if result is not None:
            found["gen_ai.tool.call.result"] = json_text(result)
        return found
    asked = _messages(payload, "user", newest=newest)
    if asked is not None:
        found["gen_ai.input.messages"] = json_text(asked)
        about = as_object(payload)
        if (system := about.get("system_instructions")) is not None:
            found["gen_ai.system_instructions"] = json_text(system)
        if (tools := about.get("tools")) is not None:
            found["gen_ai.tool.definitions"] = json_text(tools)
    elif payload is not None:
        found |= _plain("input", payload)
    documents = as_list(as_object(result).get("documents")) if kind == SpanType.RETRIEVAL else []
    answered = _messages(result, "assistant", newest=newest)
    if documents:
        found["gen_ai.retrieval.documents"] = json_text(documents)
    elif answered is not None:
        found["gen_ai.output.messages"] = json_text(answered)
        if newest:
            found |= _finish_reasons(result)
    elif result is not None:
        found |= _plain("output", result)
    return found


def _messages(value: object, role: str, *, newest: bool) -> list[object] | None:
    said = as_object(value).get("messages")
    if not as_list(said):
        return None
    normal = normal_messages(said, role)
    return newer_messages(normal) if newest and normal is not None else normal


def _finish_reasons(result: object) -> dict[str, object]:
    messages = map(as_object, as_list(as_object(result).get("messages")))
    reasons = [reason for message in messages if isinstance(reason := message.get("finish_reason"), str)]
    return {names.FINISH_REASONS: reasons} if reasons else {}


def _plain(side: str, value: object) -> dict[str, object]:
    fields = as_object(value)
    if len(fields) == 1 and "value" in fields:  # how a value that is no object is recorded
        value = fields["value"]
    if isinstance(value, str):
        return {f"{side}.value": value, f"{side}.mime_type": "text/plain"}
    return {f"{side}.value": json_text(value), f"{side}.mime_type": "application/json"}
