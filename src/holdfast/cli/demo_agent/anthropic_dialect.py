"""How Anthropic is asked for the next step and how it answers: POST /v1/messages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec
from msgspec import Struct

from holdfast.cli.demo_agent.dialect import SYSTEM, Json, told
from holdfast.cli.demo_agent.planning import Decision, ToolCall, Turn, Usage
from holdfast.cli.demo_agent.toolbox import TOOLS

__all__ = ["AnthropicDialect"]


class _Block(Struct):
    type: str
    text: str = ""
    id: str = ""
    name: str = ""
    input: dict[str, object] = {}


class _Usage(Struct):
    input_tokens: int = 0
    output_tokens: int = 0


class _Answer(Struct):
    content: list[_Block]
    usage: _Usage | None = None


class AnthropicDialect:
    provider = "anthropic"
    path = "/v1/messages"

    def headers(self, key: str) -> dict[str, str]:
        return {"x-api-key": key, "anthropic-version": "2023-06-01"}

    def request(self, model: str, task: str, history: Sequence[Turn]) -> Json:
        messages: list[Mapping[str, object]] = [{"role": "user", "content": task}]
        for turn in history:
            said: list[Mapping[str, object]] = [
                {"type": "tool_use", "id": call.id, "name": call.name, "input": call.arguments}
                for call in turn.decision.calls
            ]
            if turn.decision.thought:
                said.insert(0, {"type": "text", "text": turn.decision.thought})
            results = [
                {
                    "type": "tool_result",
                    "tool_use_id": outcome.call.id,
                    "content": told(outcome),
                    "is_error": outcome.error is not None,
                }
                for outcome in turn.outcomes
            ]
            messages += [{"role": "assistant", "content": said}, {"role": "user", "content": results}]
        tools = [
            {"name": tool.name, "description": tool.description, "input_schema": tool.schema()}
            for tool in TOOLS.values()
        ]
        return {"model": model, "max_tokens": 2_000, "system": SYSTEM, "messages": messages, "tools": tools}

    def decision(self, answer: bytes) -> Decision:
        read = msgspec.json.decode(answer, type=_Answer)
        usage = read.usage or _Usage()
        return Decision(
            thought="\n".join(block.text for block in read.content if block.type == "text"),
            calls=[
                ToolCall(id=block.id, name=block.name, arguments=block.input)
                for block in read.content
                if block.type == "tool_use"
            ],
            usage=Usage(input_tokens=usage.input_tokens, output_tokens=usage.output_tokens, estimated=False),
        )
