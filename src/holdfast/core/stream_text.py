"""The text that a model says, out of what libraries answer: whole responses and parts of streams, by shape."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

__all__ = ["output_text", "text_of"]


def text_of(chunk: object) -> str:
    """The text that a part of a stream brings; empty where it brings none. Never raises.

    Understood: plain strings, OpenAI chat and responses, Anthropic, Google, Bedrock Converse, Cohere, Ollama
    and LangChain message chunks, as objects or dicts.
    """
    if isinstance(chunk, str):
        return chunk
    found = [_str(_get(_get(choice, "delta"), "content")) for choice in _items(chunk, "choices")]
    found += _google(chunk)
    delta = _get(chunk, "delta")
    if isinstance(delta, str):
        found.append(delta if _str(_get(chunk, "type")).endswith("output_text.delta") else "")
    else:
        found.append(_str(_get(delta, "text")))
        found.append(_str(_get(_get(_get(delta, "message"), "content"), "text")))
    found.append(_str(_get(_get(_get(chunk, "contentBlockDelta"), "delta"), "text")))
    found.append(_str(_get(_get(chunk, "message"), "content")))
    found.append(_str(_get(chunk, "content")))
    return "".join(found)


def output_text(response: object) -> str:
    """The text of a whole response; empty where none is found. Never raises."""
    if isinstance(response, str):
        return response
    found = [_str(_get(_get(choice, "message"), "content")) for choice in _items(response, "choices")]
    found += _google(response)
    for item in _items(response, "output"):
        found += [_str(_get(part, "text")) for part in _items(item, "content")]
    found += [_str(_get(part, "text")) for part in _items(response, "content")]
    message = _get(response, "message") or _get(_get(response, "output"), "message")
    found.append(_str(_get(message, "content")))
    found += [_str(_get(part, "text")) for part in _items(message, "content")]
    found.append(_str(_get(response, "content")))
    return "".join(found)


def _google(thing: object) -> list[str]:
    parts = (_items(_get(candidate, "content"), "parts") for candidate in _items(thing, "candidates"))
    return [_str(_get(part, "text")) for some in parts for part in some]


def _get(thing: object, name: str) -> object:
    # The border to other libraries' objects: anything may be missing, or raise when looked at.
    if thing is None:
        return None
    try:
        if isinstance(thing, Mapping):
            return cast("Mapping[str, object]", thing).get(name)
        found: object = getattr(thing, name, None)
        return found
    except Exception:  # noqa: BLE001 - a foreign property may raise what it likes
        return None


def _items(thing: object, name: str) -> list[object]:
    found = _get(thing, name)
    return list(cast("list[object]", found)) if isinstance(found, list | tuple) else []


def _str(thing: object) -> str:
    return thing if isinstance(thing, str) else ""
