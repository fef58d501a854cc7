"""A tool-calling agent loop under supervision: what Holdfast adds are `orchestrator`, `run_turn` and `run_tool`.

Needs `pip install openai` and OPENAI_API_KEY (or OPENAI_BASE_URL of any server that speaks its chat completions).
"""

import json
from typing import Any

from openai import OpenAI
from openai.types.chat import ChatCompletion

import holdfast

MODEL = "gpt-4o-mini"
PARAMETERS = {"type": "object", "properties": {"order": {"type": "string"}}, "required": ["order"]}
TOOLS: list[Any] = [{"type": "function", "function": {"name": "look_up", "parameters": PARAMETERS}}]
FUNCTIONS = {"look_up": lambda order: {"order": order, "status": "shipped", "carrier": "DHL"}}

holdfast.init(agent="support-bot")
client = OpenAI(max_retries=0)  # the session retries, and knows when not to
orchestrator = holdfast.Orchestrator(role="support", phase="answer", budget_usd=0.10, enforce_budget=True)
messages: list[Any] = [{"role": "user", "content": "Where is order 7?"}]


def ask() -> ChatCompletion:
    return client.chat.completions.create(model=MODEL, messages=messages, tools=TOOLS)


with orchestrator.session() as session:
    while (answer := session.run_turn(ask, MODEL, input=messages)[0].choices[0].message).tool_calls:
        messages.append(answer)
        for call in (call for call in answer.tool_calls if call.type == "function"):
            name, arguments = call.function.name, json.loads(call.function.arguments)
            result = session.run_tool(name, FUNCTIONS[name], arguments, call_id=call.id)
            messages.append({"role": "tool", "tool_call_id": call.id, "content": json.dumps(result)})
print(answer.content, "|", session.tracker.format_cost(), "|", session.turns, "turns")
