"""Planning with a model: what is asked, how the answer reads, what goes wrong. Against a server on this machine."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from holdfast.cli.demo_agent.chat import ChatPlanner, planner_from
from holdfast.cli.demo_agent.metadata_tools import Licence
from holdfast.cli.demo_agent.planning import Decision, Outcome, ToolCall, Turn, Usage
from holdfast.cli.demo_agent.rules import RulePlanner
from holdfast.cli.demo_agent.toolbox import TOOLS
from holdfast.errors import PlannerError

Json = dict[str, Any]

OPENAI_CALLS = {
    "choices": [
        {
            "message": {
                "role": "assistant",
                "content": None,
                "tool_calls": [
                    {
                        "id": "call_1",
                        "type": "function",
                        "function": {"name": "find_licence", "arguments": '{"package": "rich"}'},
                    }
                ],
            }
        }
    ],
    "usage": {"prompt_tokens": 120, "completion_tokens": 9},
}
ANTHROPIC_CALLS = {
    "content": [
        {"type": "text", "text": "Licence first."},
        {"type": "tool_use", "id": "toolu_1", "name": "find_licence", "input": {"package": "rich"}},
    ],
    "usage": {"input_tokens": 120, "output_tokens": 9},
}


class Provider(ThreadingHTTPServer):
    """Answers every request with `answer`; keeps what it was asked."""

    answer: object = None
    status = 200

    def __init__(self):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.asked: list[tuple[str, dict[str, str], Json]] = []

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    server: Provider

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.asked.append((self.path, dict(self.headers), body))
        answer = self.server.answer
        content = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        self.send_response(self.server.status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_):
        pass


@pytest.fixture
def provider() -> Iterator[Provider]:
    with Provider() as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def openai(provider):
    return planner_from({"OPENAI_API_KEY": "sk-test", "OPENAI_BASE_URL": f"{provider.url}/v1/"})


def anthropic(provider):
    return planner_from({"ANTHROPIC_API_KEY": "key", "ANTHROPIC_BASE_URL": provider.url})


HISTORY = [
    Turn(
        decision=Decision(
            thought="Licence first.",
            calls=[
                ToolCall(id="c1", name="find_licence", arguments={"package": "rich"}),
                ToolCall(id="c2", name="time_import", arguments={"module": "rich"}),
            ],
            usage=Usage(input_tokens=1, output_tokens=1, estimated=False),
        ),
        outcomes=[
            Outcome(
                call=ToolCall(id="c1", name="find_licence", arguments={"package": "rich"}),
                result=Licence(statement="MIT", stated_in="License", texts=["LICENSE"]),
                seconds=0.1,
            ),
            Outcome(
                call=ToolCall(id="c2", name="time_import", arguments={"module": "rich"}),
                error=TimeoutError("too slow"),
                seconds=0.2,
            ),
        ],
    )
]


def test_a_key_alone_spends_no_money():
    """Without both a key and a base URL the rules plan."""
    assert isinstance(planner_from({}), RulePlanner)
    assert isinstance(planner_from({"OPENAI_API_KEY": "sk-test"}), RulePlanner)
    assert isinstance(planner_from({"ANTHROPIC_BASE_URL": "http://127.0.0.1:9"}), RulePlanner)


def test_openai_is_asked_with_tools_and_answers_with_calls(provider):
    """The first request carries the task and every tool; the answer's calls and counted tokens are read."""
    provider.answer = OPENAI_CALLS
    step = openai(provider).decide("audit", [])
    path, headers, body = provider.asked[0]
    assert path == "/v1/chat/completions"
    assert headers["Authorization"] == "Bearer sk-test"
    assert [tool["function"]["name"] for tool in body["tools"]] == list(TOOLS)
    assert body["messages"][1] == {"role": "user", "content": "audit"}
    assert step.calls == [ToolCall(id="call_1", name="find_licence", arguments={"package": "rich"})]
    assert step.usage == Usage(input_tokens=120, output_tokens=9, estimated=False)


def test_openai_is_told_what_became_of_its_calls(provider):
    """Results and errors go back under the ids of their calls."""
    provider.answer = {"choices": [{"message": {"content": "All fine."}}]}
    step = openai(provider).decide("audit", HISTORY)
    said = provider.asked[0][2]["messages"][2:]
    assert [message["role"] for message in said] == ["assistant", "tool", "tool"]
    assert [call["id"] for call in said[0]["tool_calls"]] == ["c1", "c2"]
    assert json.loads(said[1]["content"])["statement"] == "MIT"
    assert said[2]["content"] == "TimeoutError: too slow"
    assert (step.thought, step.calls) == ("All fine.", [])


def test_anthropic_is_asked_with_tools_and_answers_with_calls(provider):
    """The same in the other provider's form."""
    provider.answer = ANTHROPIC_CALLS
    step = anthropic(provider).decide("audit", HISTORY)
    path, headers, body = provider.asked[0]
    assert path == "/v1/messages"
    assert headers["X-Api-Key" if "X-Api-Key" in headers else "x-api-key"] == "key"
    assert [tool["name"] for tool in body["tools"]] == list(TOOLS)
    assert [message["role"] for message in body["messages"]] == ["user", "assistant", "user"]
    results = body["messages"][2]["content"]
    assert [(result["tool_use_id"], result["is_error"]) for result in results] == [
        ("c1", False),
        ("c2", True),
    ]
    assert step.thought == "Licence first."
    assert step.calls == [ToolCall(id="toolu_1", name="find_licence", arguments={"package": "rich"})]
    assert step.usage.input_tokens == 120


def test_the_cost_of_a_model_is_unknown(provider):
    """Nobody said what the call cost, so no number stands there."""
    provider.answer = ANTHROPIC_CALLS
    usage = anthropic(provider).decide("audit", []).usage
    assert (usage.cost_usd, usage.cost_source) == (None, "unknown")


def test_a_refusal_carries_its_status(provider):
    """An error status is a PlannerError with the status and the provider's words."""
    provider.status, provider.answer = 429, {"error": {"message": "slow down"}}
    with pytest.raises(PlannerError, match="slow down") as raised:
        openai(provider).decide("audit", [])
    assert raised.value.status == 429


@pytest.mark.parametrize(
    "answer",
    [
        b"<html>",
        {},
        {"choices": []},
        {
            "choices": [
                {"message": {"tool_calls": [{"id": "1", "function": {"name": "x", "arguments": "{"}}]}}
            ]
        },
    ],
)
def test_an_answer_that_cannot_be_read_is_said_so(provider, answer):
    """No form of answer escapes as another exception."""
    provider.answer = answer
    with pytest.raises(PlannerError, match="cannot be read"):
        openai(provider).decide("audit", [])


def test_a_provider_that_is_not_there_is_said_so():
    """No connection is a PlannerError without a status."""
    planner = planner_from({"OPENAI_API_KEY": "k", "OPENAI_BASE_URL": "http://127.0.0.1:9/v1"})
    assert isinstance(planner, ChatPlanner)
    with pytest.raises(PlannerError, match="could not be reached") as raised:
        planner.decide("audit", [])
    assert raised.value.status is None
