"""What a span means, whichever convention it was written under: its type, what went in and came out, and its
attributes under the names of `holdfast.wire.attributes`. What is not understood stays an attribute."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from msgspec import Raw, Struct

from holdfast.server.services.json_read import as_list, as_object
from holdfast.server.services.otlp.messages import (
    Nested,
    as_list_of,
    normal_message,
    normal_messages,
    parsed,
    put,
    readable_json,
)
from holdfast.server.services.otlp.names import (
    INDEXED,
    KINDS,
    MEANINGS,
    MESSAGE_EVENTS,
    PROVIDERS,
    Content,
)
from holdfast.server.services.otlp.records import Attributes, TraceEvent, TraceSpan
from holdfast.wire import attributes as names
from holdfast.wire.vocabulary import CostSource, SpanType

__all__ = ["Meaning", "understand"]

_NUMBERS: Final = frozenset(
    {
        names.INPUT_TOKENS,
        names.OUTPUT_TOKENS,
        names.CACHE_READ_TOKENS,
        names.CACHE_WRITE_TOKENS,
        names.REASONING_TOKENS,
        names.COST_USD,
    }
)
_USAGE: Final = (names.INPUT_TOKENS, names.OUTPUT_TOKENS, names.COST_USD)
_CURRENT: Final = ("gen_ai.input.messages", "gen_ai.output.messages")
"""Written in JSON these have the shape that is wanted: they are not taken apart."""
_DETAILS_EVENT: Final = "gen_ai.client.inference.operation.details"
_MODEL_MARKS: Final = (names.REQUEST_MODEL, names.RESPONSE_MODEL)
_INDEXED_STARTS: Final = tuple(INDEXED)
_TYPES: Final = {kind.value: kind for kind in SpanType}


class Meaning(Struct, kw_only=True):
    """`payload` and `result` are None where there is none; `events` are those that were not messages, with
    their place among the span's."""

    type: SpanType
    payload: object
    result: object
    attributes: Attributes
    events: list[tuple[int, TraceEvent]]

    @property
    def tells_usage(self) -> bool:
        return any(name in self.attributes for name in _USAGE)


class _Sorted:
    """A span's attributes by what they say. Of several that say the same the first spelling in the table
    counts; the others are dropped where they repeat it and stay attributes where they do not."""

    def __init__(self) -> None:
        self.plain: Attributes = {}
        self.content: dict[Content, tuple[str, object]] = {}
        self._ranks: dict[str | Content, tuple[int, str, object]] = {}
        self._trees: dict[Content, tuple[str, Nested]] = {}

    def take(self, attributes: Mapping[str, object]) -> None:
        for name, value in attributes.items():
            meaning = MEANINGS.get(name)
            if meaning is not None:
                self._rank(meaning[0], meaning[1], name, value)
            elif not (name.startswith(_INDEXED_STARTS) and self._indexed(name, value)):
                self.plain[name] = value

    def _rank(self, meaning: str | Content, rank: int, name: str, value: object) -> None:
        if meaning in _NUMBERS and (number := _number(value)) is not None:
            value = number
        known = self._ranks.get(meaning)
        if known is None:
            self._ranks[meaning] = (rank, name, value)
        elif rank < known[0]:
            self._ranks[meaning] = (rank, name, value)
            self._keep(known[1], known[2], value)
        else:
            self._keep(name, value, known[2])

    def _keep(self, name: str, value: object, winner: object) -> None:
        if value != winner:
            self.plain[name] = value

    def _indexed(self, name: str, value: object) -> bool:
        prefix = next(start for start in _INDEXED_STARTS if name.startswith(start))
        content, rest = INDEXED[prefix], name.removeprefix(prefix)
        if not rest.partition(".")[0].isdecimal():
            return False
        known_prefix, tree = self._trees.setdefault(content, (prefix, {}))
        return known_prefix == prefix and put(tree, rest, value)

    def settle(self) -> None:
        """To be called once, after everything was taken."""
        for meaning, (_, name, value) in self._ranks.items():
            if isinstance(meaning, Content):
                self.content[meaning] = (name, value)
            elif meaning in _NUMBERS and not isinstance(value, int | float):
                self.plain[name] = value
            else:
                self.plain[meaning] = value
        for content, (prefix, tree) in self._trees.items():
            if content in self.content:
                name, value = self.content[content]
                self.plain[name] = value
            self.content[content] = (prefix.rstrip("."), as_list_of(tree))


def understand(span: TraceSpan) -> Meaning:
    """Never raises, whatever the attributes hold."""
    found = _Sorted()
    found.take(span.attributes)
    events: list[tuple[int, TraceEvent]] = []
    said: list[tuple[str, Nested]] = []
    for place, event in enumerate(span.events):
        if event.name == _DETAILS_EVENT:
            found.take(event.attributes)
        elif event.name in MESSAGE_EVENTS:
            said.append((event.name, event.attributes))
        else:
            events.append((place, event))
    said += _logfire_events(found.plain)
    found.settle()
    if said:
        _add_said(found, said)
    plain = found.plain
    kind = _kind(span, plain)
    _mend(plain, span)
    if found.content:
        payload, result = _contents(kind, found)
    else:
        payload = result = None
    return Meaning(type=kind, payload=payload, result=result, attributes=plain, events=events)


def _number(value: object) -> int | float | None:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value
    if isinstance(value, str) and len(value) < 20:
        try:
            return int(value) if value.isdecimal() else float(value)
        except ValueError:
            return None
    return None


def _logfire_events(plain: Attributes) -> list[tuple[str, Nested]]:
    """Message events that pydantic-ai and Logfire write as one JSON attribute."""
    for name in ("events", "all_messages_events"):
        if name not in plain:
            continue
        events = [as_object(event) for event in as_list(parsed(plain[name]))]
        if events and all(event.get("event.name") in MESSAGE_EVENTS for event in events):
            del plain[name]
            return [(str(event["event.name"]), event) for event in events]
    return []


def _add_said(found: _Sorted, said: Iterable[tuple[str, Nested]]) -> None:
    asked: list[object] = []
    answered: list[object] = []
    for name, fields in said:
        role = MESSAGE_EVENTS[name]
        body = as_object(parsed(fields.get("message"))) or {
            key: value for key, value in fields.items() if not key.startswith(("event.", "gen_ai.message."))
        }
        choice = name in ("gen_ai.choice", "gen_ai.content.completion")
        whole = body.get("gen_ai.completion" if choice else "gen_ai.prompt")
        messages = normal_messages(whole, role) if whole is not None else [normal_message(body, role)]
        (answered if choice else asked).extend(messages or ())
    for content, name, messages in (
        (Content.INPUT_MESSAGES, "gen_ai.input.messages", asked),
        (Content.OUTPUT_MESSAGES, "gen_ai.output.messages", answered),
    ):
        if messages and content not in found.content:
            found.content[content] = (name, messages)


def _kind(span: TraceSpan, plain: Attributes) -> SpanType:
    told = plain.get(names.SPAN_TYPE)
    if isinstance(told, str):
        return _TYPES.get(told, SpanType.STEP)
    vercel = plain.get("ai.operationId")
    if isinstance(vercel, str) and vercel.startswith("ai."):
        # `ai.generateText` goes around its model calls `ai.generateText.doGenerate` and sums them up
        if ".do" in vercel:
            return SpanType.LLM
        return SpanType.TOOL if vercel == "ai.toolCall" else SpanType.AGENT
    for name, kinds in KINDS.items():
        value = plain.get(name)
        if isinstance(value, str) and (kind := kinds.get(value.lower())) is not None:
            return kind
    if names.TOOL_NAME in plain:
        return SpanType.TOOL
    if "pydantic_ai.all_messages" in span.attributes or "all_messages_events" in span.attributes:
        return SpanType.AGENT
    if any(name in plain for name in _MODEL_MARKS) and (
        names.PROVIDER in plain or names.INPUT_TOKENS in plain
    ):
        return SpanType.LLM
    return SpanType.STEP


def _mend(plain: Attributes, span: TraceSpan) -> None:
    """Values as the conventions write them now."""
    provider = plain.get(names.PROVIDER)
    if isinstance(provider, str):
        lower = provider.lower()
        plain[names.PROVIDER] = PROVIDERS.get(lower, lower)
    if isinstance(plain.get(names.COST_USD), int | float):
        # the instrumentation worked it out from its price list, except where the provider itself says it
        computed = names.COST_USD not in span.attributes and "gen_ai.usage.cost" not in span.attributes
        source = CostSource.COMPUTED if computed else CostSource.REPORTED
        plain.setdefault(names.COST_SOURCE, source.value)
    reasons = plain.get(names.FINISH_REASONS)
    if isinstance(reasons, str):
        plain[names.FINISH_REASONS] = parsed(reasons) if reasons.startswith("[") else [reasons]
    if plain.get("traceloop.span.kind") == "tool" and names.TOOL_NAME not in plain:
        plain[names.TOOL_NAME] = plain.get("traceloop.entity.name", span.name)
    if plain.get("traceloop.span.kind") in ("agent", "workflow") and names.AGENT_NAME not in plain:
        plain[names.AGENT_NAME] = plain.get("traceloop.entity.name", span.name)


def _contents(kind: SpanType, found: _Sorted) -> tuple[object, object]:
    content = found.content
    payload: object = None
    result: object = None
    if kind is SpanType.TOOL:
        payload = _take(content, Content.ARGUMENTS)
        result = _take(content, Content.TOOL_RESULT)
    asked = _take_messages(content, Content.INPUT_MESSAGES, "user")
    if asked is not None and payload is None:
        payload = _with_surroundings(content, {"messages": asked})
    answered = _take_messages(content, Content.OUTPUT_MESSAGES, "assistant") or _vercel_answer(content)
    if result is None:
        if answered is not None:
            result = {"messages": answered}
        elif (documents := content.pop(Content.DOCUMENTS, None)) is not None:
            result = {"documents": readable_json(documents[1])}
    if payload is None:
        payload = _take(content, Content.INPUT)
    if result is None:
        result = _take(content, Content.OUTPUT)
    for name, value in content.values():
        found.plain.setdefault(name, value)
    return payload, result


def _take(content: dict[Content, tuple[str, object]], wanted: Content) -> object:
    found = content.pop(wanted, None)
    return None if found is None else readable_json(found[1])


def _take_messages(content: dict[Content, tuple[str, object]], wanted: Content, role: str) -> object:
    found = content.get(wanted)
    if found is None:
        return None
    if found[0] in _CURRENT and isinstance(raw := readable_json(found[1]), Raw):
        del content[wanted]
        return raw
    messages = normal_messages(found[1], role)
    if messages is not None:
        del content[wanted]
    return messages


def _with_surroundings(content: dict[Content, tuple[str, object]], payload: Nested) -> Nested:
    system = _take(content, Content.SYSTEM)
    if system is not None:
        payload["system_instructions"] = system
    tools = content.pop(Content.TOOLS, None)
    if tools is not None:
        payload["tools"] = [_tool(tool) for tool in as_list(tools[1])] or readable_json(tools[1])
    return payload


def _tool(tool: object) -> object:
    return readable_json(as_object(tool).get("json_schema", tool))


def _vercel_answer(content: dict[Content, tuple[str, object]]) -> list[object] | None:
    text = content.pop(Content.ANSWER_TEXT, None)
    calls = content.pop(Content.ANSWER_CALLS, None)
    if text is None and calls is None:
        return None
    body: Nested = {"content": text[1] if text else None, "tool_calls": calls[1] if calls else None}
    return [normal_message(body, "assistant")]
