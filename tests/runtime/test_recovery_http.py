"""Recovery against a provider that really fails, through the real clients of OpenAI and Anthropic."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from email.utils import formatdate
from typing import Any

import anthropic
import httpx
import openai
import pytest

from holdfast.core.flow import Escalate, Prepare
from holdfast.runtime import CircuitBreaker, Fallback, Orchestrator, Recovery, UsageSnapshot, attempts_of
from holdfast.testing import ManualTime, MemoryRecorder
from model_server import (
    ModelServer,
    Reply,
    anthropic_answer,
    anthropic_error,
    model_server,
    openai_answer,
    openai_error,
    openai_stream,
)


@pytest.fixture
def server() -> Iterator[ModelServer]:
    with model_server() as made:
        yield made


@pytest.fixture
def ask_openai(server: ModelServer) -> Iterator[Callable[[], Any]]:
    with openai.OpenAI(api_key="k", base_url=f"{server.url}/v1", max_retries=0) as client:
        yield lambda: client.chat.completions.create(
            model="gpt-4o-mini", messages=[{"role": "user", "content": "hi"}]
        )


@pytest.fixture
def ask_anthropic(server: ModelServer) -> Iterator[Callable[[], Any]]:
    with anthropic.Anthropic(api_key="k", base_url=server.url, max_retries=0) as client:
        yield lambda: client.messages.create(
            model="claude-test-1", max_tokens=10, messages=[{"role": "user", "content": "hi"}]
        )


def orchestrator(clock: ManualTime, **more: Any) -> Orchestrator:
    return Orchestrator(role="r", phase="p", clock=clock, **more)


def test_retry_after_in_seconds_wins(server: ModelServer, ask_openai: Callable[[], Any]) -> None:
    """After a 429 the session waits as long as the header says, calls again, and the turn succeeds."""
    server.replies = [openai_error(429, "rate_limit_exceeded", "slow down", retry_after="7"), openai_answer()]
    clock = ManualTime()
    with orchestrator(clock).session() as session:
        answer, usage = session.run_turn(ask_openai, "gpt-4o-mini")
    assert answer.choices[0].message.content == "hello"
    assert usage == UsageSnapshot(9, 3)
    assert clock.slept == [7.0]
    assert [event.event_type for event in session.recovery.events] == ["succeeded"]


def test_retry_after_as_a_date(server: ModelServer, ask_openai: Callable[[], Any]) -> None:
    """A Retry-After that is a date is read against the session's clock."""
    clock = ManualTime()
    when = formatdate(clock.unix() + 20, usegmt=True)
    server.replies = [
        openai_error(429, "rate_limit_exceeded", "slow down", retry_after=when),
        openai_answer(),
    ]
    with orchestrator(clock).session() as session:
        session.run_turn(ask_openai, "gpt-4o-mini")
    assert clock.slept == [pytest.approx(20, abs=1)]


@pytest.mark.parametrize(
    "reply",
    [
        anthropic_error(529, "overloaded_error", "Overloaded"),
        anthropic_error(503, "api_error", "unavailable"),
        anthropic_error(429, "rate_limit_error", "slow down"),
        Reply(drop=True),
        Reply(body={"type": "message"}, cut=True),
    ],
    ids=["529", "503", "429", "dropped", "truncated"],
)
def test_passing_failures_are_recovered_from(
    server: ModelServer, ask_anthropic: Callable[[], Any], reply: Reply
) -> None:
    """Overload, unavailability, a dropped connection and a body cut short are waited out and called again."""
    server.replies = [reply, reply, anthropic_answer()]
    clock = ManualTime()
    with orchestrator(clock).session() as session:
        answer, usage = session.run_turn(ask_anthropic, "claude-test-1")
    assert answer.content[0].text == "hello"
    assert usage == UsageSnapshot(11, 4)
    assert len(clock.slept) == 2
    assert len(server.requests) == 3


def test_switches_to_the_next_provider(
    server: ModelServer, ask_openai: Callable[[], Any], ask_anthropic: Callable[[], Any]
) -> None:
    """A key that is not accepted is not tried again: the next provider is asked at once, and its usage counted."""
    server.replies = [openai_error(401, "invalid_api_key", "Incorrect API key"), anthropic_answer()]
    clock = ManualTime()
    recovery = Recovery(fallbacks=[Fallback("claude-test-1", ask_anthropic)])
    with orchestrator(clock, recovery=recovery).session() as session:
        answer, _ = session.run_turn(ask_openai, "gpt-4o-mini")
    assert answer.content[0].text == "hello"
    assert clock.slept == []
    assert list(session.tracker.per_model()) == ["claude-test-1"]
    assert "agent.recovery.provider_switched" in [event.event for event in session.events]


def test_fallback_with_an_open_circuit_is_passed_over(
    server: ModelServer, ask_openai: Callable[[], Any], ask_anthropic: Callable[[], Any]
) -> None:
    """A fallback that is known to be down is not asked."""
    server.replies = [openai_error(401, "invalid_api_key", "no"), anthropic_answer()]
    down = CircuitBreaker("down", failure_threshold=1)
    down.record_failure()
    fallbacks = [
        Fallback("gpt-4o", lambda: pytest.fail("was called"), circuit_breaker=down),
        Fallback("claude-test-1", ask_anthropic),
    ]
    with orchestrator(ManualTime(), recovery=Recovery(fallbacks=fallbacks)).session() as session:
        assert session.run_turn(ask_openai, "gpt-4o-mini")[0].content[0].text == "hello"


def test_an_open_circuit_leads_to_the_fallback(server: ModelServer, ask_anthropic: Callable[[], Any]) -> None:
    """Where the first provider's circuit is open the next one is asked, without a wait."""
    server.replies = [anthropic_answer()]
    breaker = CircuitBreaker("openai", failure_threshold=1)
    breaker.record_failure()
    clock = ManualTime()
    recovery = Recovery(fallbacks=[Fallback("claude-test-1", ask_anthropic)])
    with orchestrator(clock, recovery=recovery, circuit_breaker=breaker).session() as session:
        assert (
            session.run_turn(lambda: pytest.fail("was called"), "gpt-4o-mini")[0].content[0].text == "hello"
        )
    assert clock.slept == []


def test_smaller_context_through_the_hook(server: ModelServer) -> None:
    """After a context overflow the hook shrinks what is sent, and the call is made again."""
    server.replies = [
        openai_error(400, "context_length_exceeded", "This model's maximum context length is 128000 tokens."),
        openai_answer(),
    ]
    messages: list[dict[str, str]] = [{"role": "user", "content": "x" * 1000}]

    def shrink(step: Prepare) -> bool:
        messages[0]["content"] = messages[0]["content"][:100]
        return True

    with (
        openai.OpenAI(api_key="k", base_url=f"{server.url}/v1", max_retries=0) as client,
        orchestrator(ManualTime(), recovery=Recovery(shrink_context=shrink)).session() as session,
    ):
        session.run_turn(
            lambda: client.chat.completions.create(model="gpt-4o-mini", messages=messages),  # type: ignore[arg-type]
            "gpt-4o-mini",
        )
    assert [len(request["messages"][0]["content"]) for request in server.requests] == [1000, 100]


def test_what_cannot_succeed_is_not_repeated(server: ModelServer, ask_openai: Callable[[], Any]) -> None:
    """An invalid request raises the client's own error after one call."""
    server.replies = [openai_error(400, "invalid_request_error", "Unknown parameter: 'foo'.")]
    clock = ManualTime()
    with orchestrator(clock).session() as session, pytest.raises(openai.BadRequestError):
        session.run_turn(ask_openai, "gpt-4o-mini")
    assert len(server.requests) == 1
    assert clock.slept == []


def test_gives_up_with_the_attempts(server: ModelServer, ask_openai: Callable[[], Any]) -> None:
    """Where nothing helps the last error comes through, says what was tried, and a human is told."""
    server.replies = [openai_error(503, "server_error", "unavailable")]
    told: list[Escalate] = []
    with orchestrator(ManualTime(), recovery=Recovery(escalate=told.append)).session() as session:
        with pytest.raises(openai.InternalServerError) as caught:
            session.run_turn(ask_openai, "gpt-4o-mini")
        assert session.run_tool("still", lambda: "alive") == "alive"
    attempts = attempts_of(caught.value)
    assert [attempt.number for attempt in attempts] == [1, 2, 3]
    assert all(attempt.failure is not None for attempt in attempts)
    assert len(told) == 1
    assert told[0].attempts == 3


def test_recover_false_only_classifies(server: ModelServer, ask_openai: Callable[[], Any]) -> None:
    """Without recovery one call is made, and its failure is in the books and the events."""
    server.replies = [openai_error(429, "rate_limit_exceeded", "slow down", retry_after="7"), openai_answer()]
    clock = ManualTime()
    with orchestrator(clock, recover=False).session() as session, pytest.raises(openai.RateLimitError):
        session.run_turn(ask_openai, "gpt-4o-mini")
    assert clock.slept == []
    assert len(server.requests) == 1
    failed = [event for event in session.events if event.event == "turn.failed"]
    assert failed[0].failure_class == "rate_limit"


def test_async_recovery(server: ModelServer) -> None:
    """The async session recovers just so."""
    server.replies = [openai_error(429, "rate_limit_exceeded", "slow down", retry_after="7"), openai_answer()]
    clock = ManualTime()

    async def run() -> Any:
        async with (
            openai.AsyncOpenAI(api_key="k", base_url=f"{server.url}/v1", max_retries=0) as client,
            orchestrator(clock).asession() as session,
        ):
            return await session.arun_turn(
                lambda: client.chat.completions.create(
                    model="gpt-4o-mini", messages=[{"role": "user", "content": "hi"}]
                ),
                "gpt-4o-mini",
            )

    answer, usage = asyncio.run(run())
    assert answer.choices[0].message.content == "hello"
    assert usage == UsageSnapshot(9, 3)
    assert clock.slept == [7.0]


def _stream(client: openai.OpenAI) -> Any:
    return client.chat.completions.create(
        model="gpt-4o-mini",
        messages=[{"role": "user", "content": "hi"}],
        stream=True,
        stream_options={"include_usage": True},
    )


def test_stream_is_recovered_until_its_first_part(server: ModelServer) -> None:
    """A stream that cannot be opened is opened again; its usage is the one reported at its end."""
    server.replies = [openai_error(503, "server_error", "no"), openai_stream("Hel", "lo")]
    with (
        openai.OpenAI(api_key="k", base_url=f"{server.url}/v1", max_retries=0) as client,
        orchestrator(ManualTime()).session() as session,
    ):
        stream = session.stream_turn(lambda: _stream(client), "gpt-4o-mini")
        parts = list(stream)
    assert len(parts) == 5
    assert stream.text == "Hello"
    assert stream.usage == UsageSnapshot(9, 3)


def test_truncated_stream_keeps_what_it_used(server: ModelServer) -> None:
    """A stream that breaks off raises the client's error, and what came before is counted as an estimate."""
    server.replies = [openai_stream("Hello there, ", "this is cut", cut=True)]
    with (
        openai.OpenAI(api_key="k", base_url=f"{server.url}/v1", max_retries=0) as client,
        orchestrator(ManualTime()).session() as session,
    ):
        stream = session.stream_turn(lambda: _stream(client), "gpt-4o-mini")
        with pytest.raises((httpx.HTTPError, openai.APIError)):
            list(stream)
    assert stream.text == "Hello there, this is cut"
    assert stream.usage is not None
    assert stream.usage.output_tokens == 6
    assert stream.cost is not None
    assert stream.cost.source == "estimated"
    assert len(server.requests) == 1


def test_attempts_are_on_the_record(server: ModelServer, ask_openai: Callable[[], Any]) -> None:
    """The record shows the turn with one child per attempt: the failed one with its error, the good one with its
    tokens and its cost."""
    server.replies = [openai_error(429, "rate_limit_exceeded", "slow down", retry_after="7"), openai_answer()]
    with MemoryRecorder() as recorder, orchestrator(ManualTime()).session() as session:
        session.run_turn(ask_openai, "gpt-4o-mini")
    turn = recorder.span("turn 1")
    first, second = (span for span in recorder.spans if span.type == "agent:llm")
    assert {first.parent_id, second.parent_id} == {turn.id}
    assert (first.status, second.status, turn.status) == ("failed", "complete", "complete")
    assert first.error.type == "openai.RateLimitError"
    assert second.attributes["holdfast.attempt"] == 2
    assert second.attributes["gen_ai.usage.input_tokens"] == 9
    assert second.attributes["holdfast.cost.source"] == "computed"
    assert "agent.recovery.attempted" in [event.name for event in recorder.events]
