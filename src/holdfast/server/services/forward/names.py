"""The GenAI conventions that a span is written under: 1.41, or what has come since where that is asked for.

1.41 is the last release in the general conventions; since then the GenAI conventions have a repository of their
own, without a release so far, whose migration guide lists the changes made here
(https://github.com/open-telemetry/semantic-conventions-genai). The wish for them is what the conventions
themselves say it is: `gen_ai_latest_experimental` in `OTEL_SEMCONV_STABILITY_OPT_IN`.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from holdfast.server.services.json_read import as_list, as_object
from holdfast.server.services.otlp.names import INDEXED, MEANINGS, Content
from holdfast.wire import attributes as names

__all__ = [
    "OPERATIONS",
    "SCHEMA_URL",
    "is_content",
    "newer_attributes",
    "newer_messages",
]

SCHEMA_URL: Final = "https://opentelemetry.io/schemas/1.41.0"
_RENAMED: Final = {names.CACHE_WRITE_TOKENS: "gen_ai.usage.cache_write.input_tokens"}
_NOT_OF_AGENTS: Final = (
    names.AGENT_ID,
    "gen_ai.agent.version",
    names.PROVIDER,
    names.CACHE_READ_TOKENS,
    names.CACHE_WRITE_TOKENS,
)
"""What a span of an agent in the same process does not say any more."""
_PARTS: Final = frozenset(
    {
        "text",
        "tool_call",
        "tool_call_response",
        "blob",
        "file",
        "uri",
        "reasoning",
        "server_tool_call",
        "server_tool_call_response",
        "compaction",
        "generic",
    }
)
_CONTENT_STARTS: Final = tuple(INDEXED)

OPERATIONS: Final = {
    "agent:llm": "chat",
    "agent:tool": "execute_tool",
    "agent:run": "invoke_agent",
    "agent:retrieval": "retrieval",
}
"""What the conventions call the operation of a span type that does not say it itself."""


@lru_cache(maxsize=4096)
def is_content(name: str) -> bool:
    """Whether an attribute holds what was said, under whichever convention."""
    meaning = MEANINGS.get(name)
    if meaning is not None:
        return isinstance(meaning[0], Content)
    return name.startswith(_CONTENT_STARTS) or name in (names.RUN_INPUT, names.RUN_OUTPUT)


def newer_attributes(attributes: dict[str, object]) -> None:
    """Change the names of 1.41 to those that came after."""
    if attributes.get(names.OPERATION) == "invoke_agent":
        for name in _NOT_OF_AGENTS:
            attributes.pop(name, None)
    if attributes.get(names.OPERATION) == "retrieval" and "gen_ai.request.top_k" in attributes:
        attributes["gen_ai.retrieval.top_k"] = attributes.pop("gen_ai.request.top_k")
    for old, new in _RENAMED.items():
        if old in attributes:
            attributes[new] = attributes.pop(old)


def newer_messages(messages: object) -> list[object]:
    """Parts of no known type are generic, and say which type they have; why a message ended stands elsewhere."""
    found: list[object] = []
    for message in map(as_object, as_list(messages)):
        fields = {name: value for name, value in message.items() if name != "finish_reason"}
        fields["parts"] = [_newer_part(part) for part in as_list(message.get("parts"))]
        found.append(fields)
    return found


def _newer_part(part: object) -> object:
    fields = as_object(part)
    kind = fields.get("type")
    if not isinstance(kind, str) or kind in _PARTS:
        return part
    return {**fields, "type": "generic", "generic_type": kind}
