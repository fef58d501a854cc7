"""How an OpenAI-compatible endpoint is asked for the next step and how it answers: POST /chat/completions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec
from msgspec import Struct

from holdfast.cli.demo_agent.dialect import SYSTEM, Json, told
from holdfast.cli.demo_agent.planning import Decision, ToolCall, Turn, Usage
from holdfast.cli.demo_agent.toolbox import TOOLS

__all__ = ["OpenAIDialect"]


class _Function(Struct):
    name: str
    arguments: str = "{}"


class _Call(Struct):
    id: str
    function: _Function


class _Message(Struct):
    content: str | None = None
    tool_calls: list[_Call] | None = None


class _Choice(Struct):
    message: _Message


class _Usage(Struct):
    prompt_tokens: int = 0
    completion_tokens: int = 0


class _Answer(Struct):
    choices: list[_Choice]
    usage: _Usage | None = None


class OpenAIDialect:
    provider = "openai"
    path = "/chat/completions"

    def headers(self, key: str) -> dict[str, str]:
        return {"Authorization": f"Bearer {key}"}

    def request(self, model: str, task: str, history: Sequence[Turn]) -> Json:
        messages: list[Mapping[str, object]] = [
            {"role": "system", "content": SYSTEM},
            {"role": "user", "content": task},
        ]
        for turn in history:
            messages.append(
                {
                    "role": "assistant",
                    "content": turn.decision.thought or None,
                    "tool_calls": [
                        {
                            "id": call.id,
                            "type": "function",
                            "function": {
                                "name": call.name,
                                "arguments": msgspec.json.encode(call.arguments).decode(),
                            },
                        }
                        for call in turn.decision.calls
                    ],
                }
            )
            messages += [
                {"role": "tool", "tool_call_id": outcome.call.id, "content": told(outcome)}
                for outcome in turn.outcomes
            ]
        tools = [
            {
                "type": "function",
                "function": {
                    "name": tool.name,
                    "description": tool.description,
                    "parameters": tool.schema(),
                },
            }
            for tool in TOOLS.values()
        ]
        return {"model": model, "messages": messages, "tools": tools}

    def decision(self, answer: bytes) -> Decision:
        read = msgspec.json.decode(answer, type=_Answer)
        if not read.choices:
            raise msgspec.ValidationError("no choices")
        message, usage = read.choices[0].message, read.usage or _Usage()
        return Decision(
            thought=message.content or "",
            calls=[
                ToolCall(
                    id=call.id,
                    name=call.function.name,
                    arguments=msgspec.json.decode(call.function.arguments or "{}", type=dict[str, object]),
                )
                for call in message.tool_calls or []
            ],
            usage=Usage(
                input_tokens=usage.prompt_tokens, output_tokens=usage.completion_tokens, estimated=False
            ),
        )
