"""One meaning, whichever convention a span was written under."""

from __future__ import annotations

import math
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.server.services.otlp.conventions import Meaning, understand
from holdfast.server.services.otlp.from_json import decode_json_traces
from holdfast.server.services.otlp.names import MEANINGS
from holdfast.server.services.otlp.operations import operations_of
from holdfast.server.services.otlp.repeated import RepeatedUsage
from holdfast.wire import attributes as names
from holdfast.wire.operations import Operation, SpanCreate
from otlp.sending import new_trace, only_span, request, run_of, send, span
from server.client import Api

ASKED = [{"role": "user", "parts": [{"type": "text", "content": "why?"}]}]
ANSWERED = [{"role": "assistant", "parts": [{"type": "text", "content": "because"}]}]


def _text(value: Any) -> str:
    return msgspec.json.encode(value).decode()


def meaning(attributes: dict[str, Any], **fields: Any) -> Meaning:
    export = decode_json_traces(msgspec.json.encode(request(span(new_trace(), attributes, **fields))))
    return understand(export.spans[0])


def plain(value: object) -> Any:
    return msgspec.json.decode(msgspec.json.encode(value))


def event(name: str, **attributes: Any) -> dict[str, Any]:
    found: dict[str, Any] = span(new_trace(), attributes)
    return {"name": name, "attributes": found["attributes"]}


GENERATIONS: dict[str, tuple[dict[str, Any], list[dict[str, Any]]]] = {
    "GenAI 1.41": (
        {
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": "openai",
            "gen_ai.request.model": "gpt-4o",
            "gen_ai.usage.input_tokens": 10,
            "gen_ai.usage.output_tokens": 4,
            "gen_ai.usage.cache_read.input_tokens": 2,
            "gen_ai.input.messages": _text(ASKED),
            "gen_ai.output.messages": _text(ANSWERED),
        },
        [],
    ),
    "GenAI 1.28, events": (
        {
            "gen_ai.operation.name": "chat",
            "gen_ai.system": "openai",
            "gen_ai.request.model": "gpt-4o",
            "gen_ai.usage.prompt_tokens": 10,
            "gen_ai.usage.completion_tokens": 4,
            "gen_ai.usage.cache_read_input_tokens": 2,
        },
        [
            event("gen_ai.user.message", content="why?"),
            event("gen_ai.choice", message=_text({"content": "because"})),
        ],
    ),
    "GenAI 1.26, content events": (
        {
            "gen_ai.system": "openai",
            "gen_ai.request.model": "gpt-4o",
            "gen_ai.usage.prompt_tokens": 10,
            "gen_ai.usage.completion_tokens": 4,
            "gen_ai.usage.details.cached_tokens": 2,
        },
        [
            event("gen_ai.content.prompt", **{"gen_ai.prompt": _text([{"role": "user", "content": "why?"}])}),
            event(
                "gen_ai.content.completion",
                **{"gen_ai.completion": _text([{"role": "assistant", "content": "because"}])},
            ),
        ],
    ),
    "GenAI, one event with the details": (
        {
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": "openai",
            "gen_ai.request.model": "gpt-4o",
            "gen_ai.usage.input_tokens": 10,
            "gen_ai.usage.output_tokens": 4,
            "gen_ai.usage.cache_read.input_tokens": 2,
        },
        [
            event(
                "gen_ai.client.inference.operation.details",
                **{"gen_ai.input.messages": _text(ASKED), "gen_ai.output.messages": _text(ANSWERED)},
            )
        ],
    ),
    "OpenLLMetry": (
        {
            "llm.request.type": "chat",
            "gen_ai.system": "OpenAI",
            "gen_ai.request.model": "gpt-4o",
            "gen_ai.usage.prompt_tokens": 10,
            "gen_ai.usage.completion_tokens": 4,
            "gen_ai.usage.cache_read_input_tokens": 2,
            "llm.usage.total_tokens": 14,
            "gen_ai.prompt.0.role": "user",
            "gen_ai.prompt.0.content": "why?",
            "gen_ai.completion.0.role": "assistant",
            "gen_ai.completion.0.content": "because",
        },
        [],
    ),
    "OpenInference": (
        {
            "openinference.span.kind": "LLM",
            "llm.provider": "openai",
            "llm.system": "openai",
            "llm.model_name": "gpt-4o",
            "llm.token_count.prompt": 10,
            "llm.token_count.completion": 4,
            "llm.token_count.prompt_details.cache_read": 2,
            "llm.input_messages.0.message.role": "user",
            "llm.input_messages.0.message.content": "why?",
            "llm.output_messages.0.message.role": "assistant",
            "llm.output_messages.0.message.contents.0.message_content.type": "text",
            "llm.output_messages.0.message.contents.0.message_content.text": "because",
        },
        [],
    ),
    "Vercel AI": (
        {
            "ai.operationId": "ai.generateText.doGenerate",
            "ai.model.provider": "openai",
            "ai.model.id": "gpt-4o",
            "ai.usage.promptTokens": 10,
            "ai.usage.completionTokens": 4,
            "ai.usage.cachedInputTokens": 2,
            "ai.prompt.messages": _text([{"role": "user", "content": [{"type": "text", "text": "why?"}]}]),
            "ai.response.text": "because",
        },
        [],
    ),
    "pydantic-ai 1, events in an attribute": (
        {
            "gen_ai.operation.name": "chat",
            "gen_ai.system": "openai",
            "gen_ai.request.model": "gpt-4o",
            "gen_ai.usage.input_tokens": 10,
            "gen_ai.usage.output_tokens": 4,
            "gen_ai.usage.details.cache_read_tokens": 2,
            "events": _text(
                [
                    {"event.name": "gen_ai.user.message", "content": "why?", "role": "user"},
                    {
                        "event.name": "gen_ai.choice",
                        "index": 0,
                        "message": {"role": "assistant", "content": "because"},
                    },
                ]
            ),
        },
        [],
    ),
}


@pytest.mark.parametrize("generation", GENERATIONS)
def test_a_model_call_reads_the_same(generation: str) -> None:
    """Type, provider, model, tokens and messages are the same from every generation of names."""
    attributes, events = GENERATIONS[generation]
    found = meaning(attributes, events=events)
    assert found.type == "agent:llm"
    assert {name: found.attributes.get(name) for name in (names.PROVIDER, names.REQUEST_MODEL)} == {
        names.PROVIDER: "openai",
        names.REQUEST_MODEL: "gpt-4o",
    }
    tokens = (names.INPUT_TOKENS, names.OUTPUT_TOKENS, names.CACHE_READ_TOKENS)
    assert [found.attributes.get(name) for name in tokens] == [10, 4, 2]
    assert plain(found.payload) == {"messages": ASKED}
    assert plain(found.result) == {"messages": ANSWERED}
    assert found.events == []


CALL = {"type": "tool_call", "id": "c1", "name": "find", "arguments": {"q": "x"}}
CALLS: dict[str, dict[str, Any]] = {
    "OpenLLMetry": {
        "llm.request.type": "chat",
        "gen_ai.completion.0.role": "assistant",
        "gen_ai.completion.0.tool_calls.0.id": "c1",
        "gen_ai.completion.0.tool_calls.0.name": "find",
        "gen_ai.completion.0.tool_calls.0.arguments": '{"q":"x"}',
    },
    "OpenInference": {
        "openinference.span.kind": "LLM",
        "llm.output_messages.0.message.role": "assistant",
        "llm.output_messages.0.message.tool_calls.0.tool_call.id": "c1",
        "llm.output_messages.0.message.tool_calls.0.tool_call.function.name": "find",
        "llm.output_messages.0.message.tool_calls.0.tool_call.function.arguments": '{"q":"x"}',
    },
    "Vercel AI": {
        "ai.operationId": "ai.streamText.doStream",
        "ai.response.toolCalls": _text([{"toolCallId": "c1", "toolName": "find", "args": '{"q":"x"}'}]),
    },
}


@pytest.mark.parametrize("convention", CALLS)
def test_the_tool_calls_of_an_answer_read_the_same(convention: str) -> None:
    """Name, id and decoded arguments of a tool call in an answer."""
    assert plain(meaning(CALLS[convention]).result) == {"messages": [{"role": "assistant", "parts": [CALL]}]}


TOOLS: dict[str, dict[str, Any]] = {
    "GenAI": {
        "gen_ai.operation.name": "execute_tool",
        "gen_ai.tool.name": "find",
        "gen_ai.tool.call.arguments": '{"q":"x"}',
        "gen_ai.tool.call.result": '{"n":1}',
    },
    "OpenInference": {
        "openinference.span.kind": "TOOL",
        "tool.name": "find",
        "input.value": '{"q":"x"}',
        "output.value": '{"n":1}',
    },
    "OpenLLMetry": {
        "traceloop.span.kind": "tool",
        "traceloop.entity.name": "find",
        "traceloop.entity.input": '{"q":"x"}',
        "traceloop.entity.output": '{"n":1}',
    },
    "Vercel AI": {
        "ai.operationId": "ai.toolCall",
        "ai.toolCall.name": "find",
        "ai.toolCall.args": '{"q":"x"}',
        "ai.toolCall.result": '{"n":1}',
    },
    "pydantic-ai": {"gen_ai.tool.name": "find", "tool_arguments": '{"q":"x"}', "tool_response": '{"n":1}'},
}


@pytest.mark.parametrize("convention", TOOLS)
def test_a_tool_call_reads_the_same(convention: str) -> None:
    """The tool's name, its arguments and its result."""
    found = meaning(TOOLS[convention])
    assert (found.type, found.attributes[names.TOOL_NAME]) == ("agent:tool", "find")
    assert (plain(found.payload), plain(found.result)) == ({"q": "x"}, {"n": 1})


def test_retrieved_documents_and_system_instructions() -> None:
    """Documents are the result of a retrieval; instructions and tools stand beside the messages."""
    found = meaning(
        {
            "openinference.span.kind": "RETRIEVER",
            "input.value": "blue sky",
            "retrieval.documents.0.document.id": "d1",
            "retrieval.documents.0.document.score": 0.5,
            "retrieval.documents.10.document.id": "d11",
            "retrieval.documents.2.document.id": "d3",
        }
    )
    assert found.type == "agent:retrieval"
    assert plain(found.payload) == "blue sky"
    ids = [document["id"] for document in plain(found.result)["documents"]]
    assert ids == ["d1", "d3", "d11"]
    asked = meaning(
        {
            "gen_ai.operation.name": "chat",
            "gen_ai.input.messages": _text(ASKED),
            "gen_ai.system_instructions": _text([{"type": "text", "content": "be brief"}]),
            "gen_ai.tool.definitions": _text([{"name": "find"}]),
        }
    )
    assert plain(asked.payload)["system_instructions"] == [{"type": "text", "content": "be brief"}]
    assert plain(asked.payload)["tools"] == [{"name": "find"}]


def test_what_is_not_known_is_kept() -> None:
    """Unknown names, and second spellings that say something else, stay attributes."""
    found = meaning(
        {"my.own": 1, "gen_ai.usage.input_tokens": 5, "llm.token_count.prompt": 6, "gen_ai.prompt.x": "?"}
    )
    assert found.attributes["my.own"] == 1
    assert found.attributes[names.INPUT_TOKENS] == 5
    assert found.attributes["llm.token_count.prompt"] == 6
    assert found.attributes["gen_ai.prompt.x"] == "?"


def test_usage_told_twice_counts_once(api: Api) -> None:
    """An agent, a step and an outer instrumentation of the same call repeat a model call's tokens."""
    trace = new_trace()
    usage = {"gen_ai.usage.input_tokens": 100, "gen_ai.usage.cost": 0.5}
    agent = span(trace, {"gen_ai.operation.name": "invoke_agent", **usage})
    step = span(trace, {"openinference.span.kind": "CHAIN", **usage}, parentSpanId=agent["spanId"])
    outer = span(trace, {"openinference.span.kind": "LLM", **usage}, parentSpanId=step["spanId"])
    inner = span(trace, {"gen_ai.operation.name": "chat", **usage}, parentSpanId=outer["spanId"])
    send(api, inner, outer, step, agent)
    run = run_of(api, trace)
    assert (run["input_tokens"], run["cost_usd"]) == (100, 0.5)


def test_usage_told_twice_in_different_requests_counts_once(api: Api) -> None:
    """Exporters send inner spans first, with a step between them in a request of its own; sending all of it
    again changes nothing."""
    trace = new_trace()
    usage = {"gen_ai.usage.input_tokens": 100, "gen_ai.usage.cost": 0.5}
    outer = span(trace, {"openinference.span.kind": "LLM", **usage})
    step = span(trace, {"openinference.span.kind": "CHAIN"}, parentSpanId=outer["spanId"])
    inner = span(trace, {"gen_ai.operation.name": "chat", **usage}, parentSpanId=step["spanId"])
    other = span(trace, {"gen_ai.operation.name": "chat", **usage})
    for sent in (inner, step, other, outer) * 2:
        send(api, sent)
    run = run_of(api, trace)
    assert (run["input_tokens"], run["cost_usd"]) == (200, 1.0)


@pytest.mark.parametrize(
    ("told", "cost"),
    [
        ({"gen_ai.usage.input_tokens": 1_000_000}, 0.15),
        ({"gen_ai.usage.output_tokens": 1_000_000}, 0.6),
        ({"gen_ai.usage.input_tokens": 1_000_000, "gen_ai.usage.cache_read.input_tokens": 1_000_000}, 0.075),
        ({"gen_ai.usage.input_tokens": 0, "gen_ai.usage.cache_read.input_tokens": 1_000_000}, 0.075),
        ({"gen_ai.usage.input_tokens": 5, "llm.cost.total": 7.0}, 7.0),
        ({"gen_ai.usage.input_tokens": 5, "gen_ai.request.model": "no such model"}, None),
        ({"gen_ai.usage.input_tokens": 5, "holdfast.cost.source": "unknown"}, None),
        ({}, None),
    ],
)
def test_a_cost_that_nobody_says_is_computed(api: Api, told: dict[str, Any], cost: float | None) -> None:
    """By the maintained price list, whose version is kept; what the instrumentation says wins, and what has no
    price stays unknown."""
    trace = new_trace()
    model = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "gpt-4o-mini"}
    send(api, span(trace, model | told))
    assert run_of(api, trace)["cost_usd"] == (None if cost is None else pytest.approx(cost))
    attributes = only_span(api, trace)["attributes"]
    if cost is not None and "llm.cost.total" not in told:
        assert attributes["holdfast.cost.source"] == "computed"
        assert attributes["holdfast.cost.price_version"].startswith("genai-prices ")


_LEAVES = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary().map(lambda b: b.hex())
)
_VALUES = st.recursive(
    _LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
_NUMBERED = st.builds(
    "{}{}{}".format,
    st.sampled_from(["gen_ai.prompt.", "llm.input_messages.", "retrieval.documents.", "llm.tools."]),
    st.sampled_from(["0", "1", "99999999999999999999", "٣", "²", ""]),
    st.sampled_from(
        ["", ".role", ".message.content", ".message.tool_calls.0", ".a.b.c.d.e.f.g.h.i.j.k.l.m.n", "..", "."]
    ),
)
_NAMES = st.sampled_from(sorted(MEANINGS)) | _NUMBERED | st.text()
_EVENTS = st.lists(
    st.tuples(
        st.sampled_from(["gen_ai.choice", "gen_ai.user.message", "exception", "gen_ai.content.prompt", "x"]),
        st.dictionaries(
            st.sampled_from(["message", "content", "role", "tool_calls", "id", "exception.type"]), _VALUES
        ),
    ),
    max_size=3,
)
_JSON_TEXTS = st.sampled_from(
    [
        "[",
        "{}",
        "[1]",
        '[{"role":1}]',
        '{"messages":{"a":1}}',
        '[{"type":"tool_use"}]',
        '{"prompt":{"prompt":"x"}}',
    ]
)


@settings(max_examples=300, deadline=None)
@given(st.dictionaries(_NAMES, _VALUES | _JSON_TEXTS, max_size=8), _EVENTS, st.sampled_from([0, 1, 2]))
def test_no_attribute_value_is_too_odd(
    attributes: dict[str, Any], events: list[tuple[str, dict[str, Any]]], status: int
) -> None:
    """Whatever the attributes and events hold, a span becomes operations that decode as every client's."""
    told = [{"name": name, "attributes": span(new_trace(), fields)["attributes"]} for name, fields in events]
    body = msgspec.json.encode(
        request(
            span(
                new_trace(),
                _sendable(attributes),
                events=[_sendable(one) for one in told],
                status={"code": status},
            )
        )
    )
    operations = operations_of(decode_json_traces(body).spans, RepeatedUsage())
    again = msgspec.json.decode(msgspec.json.encode(operations), type=list[Operation])
    assert sum(isinstance(one, SpanCreate) for one in again) == 1


def _sendable(value: Any) -> Any:
    """Without what only Python's JSON can say."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, dict):
        return {_sendable(name): _sendable(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_sendable(inner) for inner in value]
    return value
