"""Conversations as the providers write them, in requests and in answers."""

from __future__ import annotations

import gzip
import json
from typing import Any

import pytest

from holdfast.server.services.viewing.chat_forms import find_messages
from holdfast.server.services.viewing.chat_view import show_message
from needs import need_data

FORMS: dict[str, tuple[Any, list[tuple[str, str, list[str]]]]] = {
    "openai chat": (
        {"choices": [{"message": {"role": "assistant", "content": "hi", "tool_calls": None}}]},
        [("assistant", "hi", [])],
    ),
    "anthropic": (
        {"system": "be kind", "messages": [{"role": "user", "content": [{"type": "text", "text": "hi"}]}]},
        [("system", "be kind", []), ("user", "hi", [])],
    ),
    "openai responses": (
        {
            "model": "gpt-5",
            "instructions": "be brief",
            "input": [
                {"role": "user", "content": "weather?"},
                {"type": "reasoning", "summary": [{"type": "summary_text", "text": "look it up"}]},
                {"type": "function_call", "name": "weather", "arguments": '{"city":"Paris"}'},
                {"type": "function_call_output", "output": "sunny"},
            ],
        },
        [
            ("system", "be brief", []),
            ("user", "weather?", []),
            ("assistant", "look it up", []),
            ("assistant", "", ["weather"]),
            ("tool", "sunny", []),
        ],
    ),
    "a plain question": (
        {"model": "gpt-5", "input": "why?"},
        [("user", "why?", [])],
    ),
    "gemini": (
        {
            "candidates": [
                {
                    "content": {
                        "role": "model",
                        "parts": [{"text": "so"}, {"functionCall": {"name": "f", "args": {"a": 1}}}],
                    }
                }
            ]
        },
        [("model", "so", ["f"])],
    ),
    "bedrock": (
        {"output": {"message": {"role": "assistant", "content": [{"toolUse": {"name": "f", "input": {}}}]}}},
        [("assistant", "", ["f"])],
    ),
    "genai": (
        [{"role": "assistant", "parts": [{"type": "tool_call", "name": "f", "arguments": {"a": 1}}]}],
        [("assistant", "", ["f"])],
    ),
    "no conversation": ({"input": "a file", "rows": [{"role": "clerk", "content": 1}]}, []),
}


@pytest.mark.parametrize("form", FORMS)
def test_a_conversation_is_found_in_every_form(form: str) -> None:
    """Roles, texts and the names of the tools that are called; what is no conversation is none."""
    value, expected = FORMS[form]
    shown = [show_message(message) for message in find_messages(value)]
    assert [(said.role, said.text, [call.name for call in said.calls]) for said in shown] == expected


@pytest.mark.data
def test_recorded_exchanges_are_shown_as_conversations() -> None:
    """Of the successful ones of fifteen providers all requests and answers with anything said in them."""
    missed: list[str] = []
    with gzip.open(need_data("provider_http.jsonl.gz"), "rt") as lines:
        for exchange in map(json.loads, lines):
            if str(exchange["status"]) != "200":
                continue
            for part in ("request", "response"):
                body = exchange[part]
                if not isinstance(body, dict) or body.get("output") == []:
                    continue
                if not any(said.text or said.calls for said in map(show_message, find_messages(body))):
                    missed.append(f"{exchange['provider']} {exchange['api']} {part}")
    assert missed == []
