"""Where the conversation lies in a payload: each provider and framework puts it elsewhere, and calls it otherwise.

Known are the chat API that most speak, Anthropic's messages, OpenAI's responses, Gemini's contents and candidates,
Bedrock's converse, and the messages of the OpenTelemetry GenAI conventions.
"""

from __future__ import annotations

from typing import Final

from holdfast.server.services.json_read import as_list, as_object

__all__ = ["find_messages"]

_ROLES: Final = frozenset(
    {"system", "developer", "user", "human", "assistant", "ai", "model", "tool", "function"}
)
_LISTS: Final = ("messages", "input", "inputs", "history", "contents", "input_messages", "output_messages")
_SINGLES: Final = ("message", "output", "outputs")
_SYSTEM: Final = ("system", "instructions", "systemInstruction", "system_instruction", "system_instructions")

Message = dict[str, object]


def find_messages(value: object) -> list[Message]:
    """The messages in a payload or a result, in the forms that `chat_view.show_message` reads; none where it holds
    no conversation."""
    messages = _messages(value)
    if messages:
        return messages
    fields = as_object(value)
    for name in _LISTS:
        messages = _messages(fields.get(name)) or _messages(as_object(fields.get(name)).get("messages"))
        if messages:
            return [*_system(fields), *messages]
    if isinstance(fields.get("input"), str) and "model" in fields:
        return [*_system(fields), {"role": "user", "content": fields["input"]}]
    if _is_message(fields) or _is_answer(fields):
        return [fields]
    for name, inside in (("choices", "message"), ("candidates", "content")):
        found = [as_object(as_object(one).get(inside)) for one in as_list(fields.get(name))]
        if found and all(map(_is_message, found)):
            return found
    for name in _SINGLES:
        inner = as_object(fields.get(name))
        inner = as_object(inner.get("message")) or inner
        if _is_message(inner) or _is_answer(inner):
            return [inner]
        messages = _messages(fields.get(name))
        if messages:
            return messages
    return []


def _messages(value: object) -> list[Message]:
    """A list all of whose members are messages, or what stands between messages."""
    found: list[Message] = []
    for item in as_list(value):
        message = _as_message(as_object(item))
        if message is None:
            return []
        found.append(message)
    return found


def _as_message(fields: Message) -> Message | None:
    if _is_message(fields):
        return fields
    kind = fields.get("type")
    if not isinstance(kind, str):
        return None
    if kind in {"function_call", "custom_tool_call"}:
        return {"role": "assistant", "tool_calls": [fields]}
    if kind.endswith("_output") or kind.startswith("mcp_list"):
        return {"role": "tool", "content": fields.get("output", [fields])}
    if kind == "reasoning":
        thought = as_list(fields.get("summary")) or as_list(fields.get("content"))
        return {"role": "assistant", "content": thought}
    if kind.endswith("_call"):  # what the provider does itself: a search, a run of code
        return {"role": "assistant", "tool_calls": [{"name": kind, "arguments": fields.get("action")}]}
    return None


def _system(fields: Message) -> list[Message]:
    """What is said to the model beside the messages."""
    for name in _SYSTEM:
        said = fields.get(name)
        if isinstance(said, str) and said:
            return [{"role": "system", "content": said}]
        parts = as_list(said) or as_list(as_object(said).get("parts"))
        if parts:
            return [{"role": "system", "content": parts}]
    return []


def _is_message(fields: Message) -> bool:
    role = fields.get("role")
    return (
        isinstance(role, str)
        and role in _ROLES
        and not fields.keys().isdisjoint({"content", "parts", "tool_calls"})
    )


def _is_answer(fields: Message) -> bool:
    return "content" in fields and isinstance(fields.get("tool_calls"), list)
