"""Finding a conversation in a payload, in the shapes that providers and frameworks write it."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

import msgspec

from holdfast.server.services.clean_text import clean, one_line
from holdfast.server.services.json_read import as_list, as_object, decode_json
from holdfast.server.services.viewing.chat_forms import find_messages

__all__ = ["Chat", "ChatCall", "ChatMessage", "read_chat", "show_message"]

_HEAD: Final = 2
_TAIL: Final = 10
_RECENT: Final = 4
_TEXT: Final = 3_000
_CALL: Final = 1_500
_CALLS: Final = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatCall:
    """A tool call that a message asks for; `arguments` is JSON, indented."""

    name: str
    arguments: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatMessage:
    """One message. `hidden` is how many characters of its text are not shown, `more_calls` how many calls."""

    role: str
    name: str | None
    text: str
    calls: tuple[ChatCall, ...]
    hidden: int = 0
    more_calls: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Chat:
    """A conversation: what is new in it (`recent`) and what was before, of which `skipped` messages between
    `head` and `tail` are not shown."""

    head: tuple[ChatMessage, ...]
    skipped: int
    tail: tuple[ChatMessage, ...]
    recent: tuple[ChatMessage, ...]

    @property
    def earlier(self) -> int:
        return len(self.head) + self.skipped + len(self.tail)


def read_chat(value: object) -> Chat | None:
    """The conversation in a payload or a result, or None where it holds none."""
    messages = find_messages(value)
    if not messages:
        return None
    split = len(messages) - _RECENT if len(messages) > _RECENT + _HEAD else 0
    earlier, recent = messages[:split], messages[split:]
    whole = len(earlier) <= _HEAD + _TAIL
    return Chat(
        head=tuple(map(show_message, earlier if whole else earlier[:_HEAD])),
        skipped=0 if whole else len(earlier) - _HEAD - _TAIL,
        tail=() if whole else tuple(map(show_message, earlier[-_TAIL:])),
        recent=tuple(map(show_message, recent)),
    )


def show_message(fields: dict[str, object]) -> ChatMessage:
    texts: list[str] = []
    calls: list[ChatCall] = []
    content = fields.get("content")
    if isinstance(content, str):
        texts.append(content)
    _read_parts(as_list(content) or as_list(fields.get("parts")), texts, calls)
    for call in map(as_object, as_list(fields.get("tool_calls"))):
        function = as_object(call.get("function")) or call
        calls.append(_call(function.get("name"), function.get("arguments", function.get("args"))))
    text = "\n\n".join(text for text in texts if text)
    name = fields.get("name")
    return ChatMessage(
        role=one_line(str(fields.get("role", "assistant")), 40),
        name=one_line(name, 60) if isinstance(name, str) else None,
        text=clean(text[:_TEXT]),
        calls=tuple(calls[:_CALLS]),
        hidden=max(0, len(text) - _TEXT),
        more_calls=max(0, len(calls) - _CALLS),
    )


def _read_parts(parts: Iterable[object], texts: list[str], calls: list[ChatCall]) -> None:
    for part in parts:
        fields = as_object(part)
        kind = str(fields.get("type", "text"))
        if isinstance(part, str):
            texts.append(part)
        elif _read_keyed(fields, texts, calls):
            continue
        elif kind in {"tool_use", "tool_call", "function_call"}:
            calls.append(_call(fields.get("name"), fields.get("input", fields.get("arguments"))))
        elif kind in {"tool_result", "tool_call_response"}:
            texts.append(_as_text(fields.get("content", fields.get("response", fields.get("result")))))
        else:
            said = fields.get("text", fields.get("content", fields.get("thinking")))
            texts.append(said if isinstance(said, str) else f"[{one_line(kind, 40)}]")


def _read_keyed(fields: dict[str, object], texts: list[str], calls: list[ChatCall]) -> bool:
    """A part that says by its key what it is, as Gemini's and Bedrock's do; False for any other."""
    for key in ("functionCall", "function_call", "toolUse"):
        inner = as_object(fields.get(key))
        if inner:
            calls.append(_call(inner.get("name"), inner.get("args", inner.get("input"))))
            return True
    for key in ("functionResponse", "function_response", "toolResult"):
        inner = as_object(fields.get(key))
        if inner:
            texts.append(_as_text(inner.get("response", inner.get("content"))))
            return True
    return False


def _call(name: object, arguments: object) -> ChatCall:
    if isinstance(arguments, str):
        with suppress(ValueError):  # then it is shown as the text it is
            arguments = decode_json(arguments.encode("utf-8", "replace"))
    return ChatCall(
        name=one_line(name, 80) if isinstance(name, str) else "?",
        arguments=clean(_as_text(arguments)[:_CALL]),
    )


def _as_text(value: object) -> str:
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    parts = [as_object(item).get("text") for item in as_list(value)]
    if parts and all(isinstance(part, str) for part in parts):
        return "\n".join(map(str, parts))
    try:
        return msgspec.json.format(msgspec.json.encode(value), indent=2).decode()
    except (TypeError, ValueError, RecursionError, UnicodeEncodeError):
        return str(value)[:_TEXT]
