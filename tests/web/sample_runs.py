"""Made-up runs as operations for `POST /api/v1/bulk`: what the page tests and the pictures of the docs show."""

from __future__ import annotations

import itertools
import json
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import msgspec
import urllib3

SECOND = 1_000_000_000
Item = dict[str, Any]


def send(url: str, token: str, items: list[Item], *, size: int = 2_000) -> None:
    """Deliver operations; none may fail."""
    headers = {
        "Authorization": f"Bearer {token}",
        "Prefer": "return=minimal",
        "Content-Type": "application/json",
    }
    for chunk in itertools.batched(items, size) if hasattr(itertools, "batched") else _batched(items, size):
        body = msgspec.json.encode({"on_error": "continue", "items": list(chunk)})
        answer = urllib3.request("POST", f"{url}/api/v1/bulk", body=body, headers=headers)
        assert answer.status == 200, answer.data
        assert msgspec.json.decode(answer.data).get("outputs", {}) == {}, answer.data[:2000]


def _batched(items: list[Item], size: int) -> Iterator[list[Item]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]


@dataclass
class Story:
    """Operations of one run; `at` is the time in it, in nanoseconds."""

    id: str
    at: int
    items: list[Item] = field(default_factory=list)

    def _add(self, kind: str, **fields: Any) -> None:
        self.items.append({"_type": kind, "idempotency_key": str(uuid.uuid4()), **fields})

    def begin(self, name: str, agent: str, version: str = "1.4.0", **fields: Any) -> Story:
        self._add(
            "agent_instances/register",
            id=self.id,
            agent_id=agent,
            name=name,
            timestamp=self.at,
            agent_version={"name": version, "external_identifier": version},
            **fields,
        )
        self._add("agent_instances/start", agent_instance_id=self.id, timestamp=self.at)
        return self

    def wait(self, seconds: float) -> Story:
        self.at += round(seconds * SECOND)
        return self

    def open(
        self,
        name: str,
        kind: str = "agent:step",
        parent: str | None = None,
        *,
        span_id: str = "",
        **fields: Any,
    ) -> str:
        span_id = span_id or str(uuid.uuid4())
        self._add(
            "agent_spans/create",
            agent_instance_id=self.id,
            id=span_id,
            parent_span_id=parent,
            name=name,
            schema_name=kind,
            status="active",
            started_at=self.at,
            **fields,
        )
        return span_id

    def close(self, span_id: str, status: str = "complete", **fields: Any) -> None:
        self._add(
            "agent_spans/finish",
            agent_span_id=span_id,
            agent_instance_id=self.id,
            status=status,
            timestamp=self.at,
            **fields,
        )

    def span(
        self,
        name: str,
        kind: str,
        parent: str | None,
        seconds: float,
        *,
        start: Item | None = None,
        **end: Any,
    ) -> str:
        """A span that begins now and ends `seconds` later."""
        span_id = self.open(name, kind, parent, **(start or {}))
        self.wait(seconds)
        self.close(span_id, **end)
        return span_id

    def event(self, name: str, *, level: str = "info", span: str | None = None, payload: Any = None) -> None:
        self._add(
            "agent_events/create",
            agent_instance_id=self.id,
            id=str(uuid.uuid4()),
            name=name,
            timestamp=self.at,
            level=level,
            agent_span_id=span,
            payload=payload,
        )

    def judge(self, name: str, payload: Any) -> None:
        self._add(
            "agent_instances/record_quality",
            agent_instance_id=self.id,
            name=name,
            payload=payload,
            timestamp=self.at,
        )

    def end(self, status: str = "complete", **fields: Any) -> Story:
        self._add(
            "agent_instances/finish", agent_instance_id=self.id, status=status, timestamp=self.at, **fields
        )
        return self


def usage(model: str, input_tokens: int, output_tokens: int, cost: float | None, cached: int = 0) -> Item:
    attributes: Item = {
        "gen_ai.request.model": model,
        "gen_ai.provider.name": "anthropic" if model.startswith("claude") else "openai",
        "gen_ai.usage.input_tokens": input_tokens,
        "gen_ai.usage.output_tokens": output_tokens,
        "gen_ai.usage.cache_read.input_tokens": cached,
    }
    if cost is not None:
        attributes |= {"holdfast.cost.usd": cost, "holdfast.cost.source": "reported"}
    return attributes


_STACK = """Traceback (most recent call last):
  File "agent/tools/ledger.py", line 88, in refund
    response = client.post("/refunds", json=order)
  File "agent/http.py", line 41, in post
    raise TimeoutError(f"no answer within {self.timeout} s")
TimeoutError: no answer within 8.0 s
"""


def refund_run(at: int, run_id: str | None = None, *, finish: bool = True) -> Story:
    """A support agent that refunds an order: turns, tool calls, a timeout and its retry."""
    story = Story(run_id or str(uuid.uuid4()), at).begin("Refund order 20-4417", "support-triage")
    root = story.open(
        "Refund order 20-4417",
        "agent:run",
        payload={"ticket": 88213, "channel": "email", "customer": {"id": "c-1093", "tier": "gold"}},
    )
    messages: list[Item] = [
        {
            "role": "system",
            "content": "You resolve support tickets. Use the tools; never promise what they do not confirm.",
        },
        {
            "role": "user",
            "content": "My kettle arrived broken. Order 20-4417. I would like my money back, please.",
        },
    ]
    steps = [
        (
            "look_up_order",
            {"order": "20-4417"},
            {"status": "delivered", "total": 49.90, "items": [{"sku": "KET-2", "qty": 1}]},
            0.31,
            None,
        ),
        (
            "check_policy",
            {"sku": "KET-2", "days_since_delivery": 6},
            {"refundable": True, "window_days": 30},
            0.12,
            None,
        ),
        ("refund", {"order": "20-4417", "amount": 49.90}, None, 8.0, "TimeoutError"),
        (
            "refund",
            {"order": "20-4417", "amount": 49.90},
            {"refund": "rf_7712", "state": "accepted"},
            1.9,
            None,
        ),
        (
            "send_mail",
            {"to": {"$redacted": "address"}, "template": "refund-accepted"},
            {"queued": True},
            0.22,
            None,
        ),
    ]
    for number, (tool, arguments, result, seconds, error) in enumerate(steps, 1):
        turn = story.open(f"Turn {number}", "agent:turn", root)
        call = {"id": f"call_{number}", "name": tool, "arguments": arguments}
        said = {"content": f"I will use {tool} now.", "tool_calls": [call]}
        story.wait(0.02)
        story.span(
            "claude-sonnet-4-5",
            "agent:llm",
            turn,
            0.9 + 0.23 * number,
            start={"payload": {"messages": list(messages)}},
            result_payload=said,
            attributes=usage(
                "claude-sonnet-4-5", 812 + 240 * number, 64 + 9 * number, 0.0034 + 0.0007 * number, 600
            ),
        )
        messages += [
            {"role": "assistant", **said},
            {"role": "tool", "content": json.dumps(result or {"error": error})},
        ]
        story.wait(0.01)
        if error is None:
            story.span(tool, "agent:tool", turn, seconds, start={"payload": arguments}, result_payload=result)
            story.close(turn)
        else:
            story.span(
                tool,
                "agent:tool",
                turn,
                seconds,
                start={"payload": arguments},
                status="failed",
                error={
                    "type": "TimeoutError",
                    "message": "no answer within 8.0 s",
                    "stack": _STACK,
                    "category": "timeout",
                },
            )
            story.event(
                "agent.recovery.attempted",
                level="warning",
                span=turn,
                payload={"recipe": "retry", "attempt": 1, "delay_s": 0.5},
            )
            story.close(turn)
            story.wait(0.5)
    story.span(
        "claude-sonnet-4-5",
        "agent:llm",
        root,
        1.4,
        start={"payload": {"messages": list(messages)}},
        result_payload={
            "role": "assistant",
            "content": "Your refund of 49.90 was accepted.\nIt reaches you within 3 to 5 days.",
        },
        attributes=usage("claude-sonnet-4-5", 2314, 88, 0.0081, 1200),
    )
    story.judge("resolution", {"resolved": True, "score": 0.94, "judge": "rubric-v3"})
    if finish:
        story.close(root, result_payload={"resolved": True, "refund": "rf_7712"})
        story.end(attributes={"ticket.state": "closed"})
    return story


HOSTILE_TEXT = '<script>alert("x")</script><img src=x onerror=alert(1)>'


def hostile_run(at: int, run_id: str) -> Story:
    """Everything that should not do any harm to a page."""
    story = Story(run_id, at).begin(f"{HOSTILE_TEXT} \u202egnirts\u200b", HOSTILE_TEXT)
    deep: Any = "bottom"
    for _ in range(55):
        deep = {"in": [deep]}
    payloads = {
        "scripts": {HOSTILE_TEXT: HOSTILE_TEXT, "a</details>": ["</div>", {"x": "&lt;"}]},
        "long": {"text": "y" * 300_000, "line": "one\ntwo\nthree"},
        "deep": deep,
        "odd": {
            "rtl": "abc \u202ecba\u202c",
            "zero": "a\u200bb",
            "ansi": "\x1b[31mred\x1b[0m",
            "emoji": "👩‍👩‍👧 ok",
        },
        "table": [{"row": number, "name": f"name {number}", "ok": True} for number in range(5_000)],
        "marks": {"key": {"$redacted": "api_key"}, "cut": {"$truncated": {"kept": 3, "items": 10}}},
        "messages": {
            "messages": [{"role": "user", "content": HOSTILE_TEXT}, {"role": "assistant", "content": None}]
        },
    }
    for name, payload in payloads.items():
        story.span(
            name,
            "agent:tool",
            None,
            0.01,
            start={"payload": payload, "span_id": f"span {name}/ä?#%41"},
            status="failed",
            error={"type": HOSTILE_TEXT, "message": HOSTILE_TEXT, "stack": HOSTILE_TEXT},
        )
    return story.end("failed", error={"type": HOSTILE_TEXT, "message": HOSTILE_TEXT})


def wide_run(at: int, run_id: str, spans: int) -> Story:
    """Turns of a model call and eight tool calls each, `spans` in all."""
    story = Story(run_id, at).begin(f"A run of {spans:,} spans", "crawler", "0.9")
    turn = ""
    for number in range(spans):
        if number % 10 == 0:
            turn = story.open(f"Turn {number // 10 + 1}", "agent:turn")
            story.close(turn)
        elif number % 10 == 1:
            story.span("gpt-5", "agent:llm", turn, 0.4, attributes=usage("gpt-5", 900, 40, None))
        else:
            failed = number % 97 == 0
            story.span(
                f"fetch page {number}",
                "agent:tool",
                turn,
                0.05,
                start={"payload": {"url": f"https://example.com/{number}"}},
                status="failed" if failed else "complete",
                **(
                    {"error": {"type": "HTTPError", "message": "503"}}
                    if failed
                    else {"result_payload": {"bytes": number}}
                ),
            )
    return story.end()
