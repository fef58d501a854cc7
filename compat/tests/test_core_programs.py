"""Programs as users of `prefactor_core` write them, run as they are against a server of ours."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
import time
from collections import deque
from contextlib import AbstractAsyncContextManager, suppress
from typing import Any

import pytest
from serverside import Shown

from prefactor_core import (
    AgentInstanceHandle,
    ClientAlreadyInitializedError,
    ClientNotInitializedError,
    Operation,
    OperationType,
    PrefactorCoreClient,
    PrefactorCoreConfig,
    Queue,
    QueueClosedError,
    QueueConfig,
    SchemaRegistry,
    SpanContext,
    SpanContextStack,
)
from prefactor_http import HttpClientConfig
from waiting import wait_until

pytestmark = pytest.mark.anyio

VERSION = {"name": "1.0.0", "external_identifier": "v1.0.0", "description": "a test"}
SCHEMAS = {"external_identifier": "s1", "span_schemas": {"agent:llm": {"type": "object"}}}


def _config(shown: Shown, **more: Any) -> PrefactorCoreConfig:
    return PrefactorCoreConfig(http_config=shown.http_config, **more)


async def test_the_quick_start(shown: Shown) -> None:
    """Nested spans with a schema registry: the tree, the payloads, the results and the rendered summary."""
    registry = SchemaRegistry()
    registry.register_type(
        name="agent:llm",
        params_schema={"type": "object", "properties": {"model": {"type": "string"}}},
        result_schema={"type": "object", "properties": {"response": {"type": "string"}}},
        title="LLM call",
        description="A call to a model.",
        template="{{model}}: {{prompt}} → {{response}}",
    )
    registry.register("agent:tool", {"type": "object"})
    config = PrefactorCoreConfig(
        http_config=HttpClientConfig(api_url=shown.url, api_token=shown.token),
        schema_registry=registry,
    )
    async with PrefactorCoreClient(config) as client:
        instance = await client.create_agent_instance(
            agent_id="my-agent",
            agent_version={"name": "My Agent", "external_identifier": "v1.0.0"},
        )
        await instance.start()
        async with instance.span("agent:llm") as span:
            await span.start({"model": "claude", "prompt": "Hello"})
            async with instance.span("agent:tool", payload={"name": "search"}) as inner:
                inner.set_result({"hits": 3})
            await span.complete({"response": "Hi"})
        await instance.finish()

    run = shown.run(instance.id)
    assert (run["status"], run["span_counts"]["complete"]) == ("complete", 2)
    spans = shown.spans(instance.id)
    outer = spans[span.id]
    assert outer["payload"] == {"model": "claude", "prompt": "Hello"}
    assert outer["result_payload"] == {"response": "Hi"}
    wait_until(lambda: shown.spans(instance.id)[span.id]["summary"] == "claude: Hello → Hi")
    assert (outer["schema_title"], outer["parent_span_id"]) == ("LLM call", None)
    assert spans[inner.id]["parent_span_id"] == span.id
    assert (spans[inner.id]["payload"], spans[inner.id]["result_payload"]) == (
        {"name": "search"},
        {"hits": 3},
    )


async def test_an_agent_with_all_that_can_happen_to_its_spans(shown: Shown) -> None:
    """Cancelled before and after the start, failed by hand and by an exception, started late, given a parent."""
    async with PrefactorCoreClient(_config(shown)) as client:
        agent = await client.create_agent_instance("busy", VERSION, SCHEMAS)
        await agent.start()
        async with agent.span("agent:step") as unwanted:
            await unwanted.cancel()
        async with agent.span("agent:step", payload={"n": 1}) as begun:
            await begun.start()
            begun.set_payload({"late": True})
            await begun.cancel()
        async with agent.span("agent:tool") as failed:
            failed.set_result({"partial": 1})
            await failed.fail({"reason": "no such file"})
            await failed.complete({"ignored": True})
        raising = await _raise_in(agent.span("agent:tool"))
        root = await agent.create_span("agent:workflow", payload={"kind": "root"})
        async with agent.span("agent:step", parent_span_id=root) as child:
            assert SpanContextStack.peek() == child.id
            await child.finish()
        async with agent.span("agent:step") as orphan:
            pass
        await agent.finish_span(root, {"steps": 1})
        await agent.finish_span(root, {"steps": 2})
        task = asyncio.create_task(_sleeper(agent.span("agent:wait")))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await agent.finish("failed")
        await agent.finish("complete")

    assert shown.run(agent.id)["status"] == "failed"
    spans = shown.spans(agent.id)
    assert spans[unwanted.id]["status"] == "cancelled"
    assert (spans[begun.id]["status"], spans[begun.id]["payload"]) == ("cancelled", {"n": 1, "late": True})
    assert spans[failed.id]["status"] == "failed"
    assert spans[failed.id]["result_payload"] == {"partial": 1, "reason": "no such file"}
    assert (spans[raising.id]["status"], spans[raising.id]["payload"]) == ("failed", {"by": 0})
    assert spans[raising.id]["error"]["type"] == "ZeroDivisionError"
    assert spans[child.id]["parent_span_id"] == root
    assert (spans[child.id]["status"], spans[orphan.id]["parent_span_id"]) == ("complete", None)
    assert (spans[root]["status"], spans[root]["result_payload"]) == ("complete", {"steps": 1})
    (waited,) = [row for row in spans.values() if row["schema_name"] == "agent:wait"]
    assert waited["status"] == "cancelled"


async def _raise_in(span: AbstractAsyncContextManager[SpanContext]) -> SpanContext:
    context: SpanContext | None = None
    with suppress(ZeroDivisionError):
        async with span as context:
            context.set_payload({"by": 0})
            raise ZeroDivisionError("by hand")
    assert context is not None
    return context


async def _sleeper(span: Any) -> None:
    async with span:
        await asyncio.Event().wait()


async def test_concurrent_tasks_have_their_own_parents(shown: Shown) -> None:
    """Each of a hundred tasks nests in its own span, and in that of the task that made it."""
    async with PrefactorCoreClient(_config(shown)) as client:
        agent = await client.create_agent_instance("parallel", VERSION, SCHEMAS)
        await agent.start()

        async def work() -> tuple[str, str]:
            async with agent.span("outer") as outer:
                await asyncio.sleep(0)
                async with agent.span("inner") as inner:
                    await asyncio.sleep(0)
            return outer.id, inner.id

        async with agent.span("root") as root:
            pairs = await asyncio.gather(*(work() for _ in range(40)))
        assert SpanContextStack.is_empty()
        await agent.finish()
    spans = shown.spans(agent.id)
    for outer, inner in pairs:
        assert (spans[inner]["parent_span_id"], spans[outer]["parent_span_id"]) == (outer, root.id)


async def test_spans_of_two_instances_do_not_become_each_others_parents(shown: Shown) -> None:
    """The innermost span counts within its own instance."""
    async with PrefactorCoreClient(_config(shown)) as client:
        one = await client.create_agent_instance("one", VERSION, SCHEMAS)
        two = await client.create_agent_instance("two", VERSION, SCHEMAS)
        async with one.span("a") as a, two.span("b") as b, one.span("c") as c:
            pass
    assert shown.spans(one.id)[c.id]["parent_span_id"] == a.id
    assert shown.spans(two.id)[b.id]["parent_span_id"] is None


class Backpack(Queue[Operation]):
    """A queue as a user may write one."""

    def __init__(self) -> None:
        self.seen: list[Operation] = []
        self._items: deque[Operation] = deque()
        self._ready = asyncio.Event()
        self._closed = False

    async def put(self, item: Operation) -> None:
        if self._closed:
            raise QueueClosedError("closed")
        self.seen.append(item)
        self._items.append(item)
        self._ready.set()

    async def get(self) -> Operation:
        while not self._items:
            if self._closed:
                raise QueueClosedError("closed")
            self._ready.clear()
            await self._ready.wait()
        return self._items.popleft()

    def size(self) -> int:
        return len(self._items)

    async def close(self, num_waiters: int = 1) -> None:
        self._closed = True
        self._ready.set()

    @property
    def closed(self) -> bool:
        return self._closed


async def test_a_queue_of_the_callers_own_sees_every_operation_and_is_drained(shown: Shown) -> None:
    """Operations are put on it in order; workers bring them to the spool, the last of them while closing."""
    queue = Backpack()
    config = _config(shown, queue_config=QueueConfig(num_workers=2, max_retries=1, retry_delay_base=0.01))
    client = PrefactorCoreClient(config, queue=queue)
    await client.initialize()
    agent = await client.create_agent_instance("queued", VERSION, SCHEMAS, instance_id="queued-1")
    await agent.start()
    async with agent.span("agent:llm", payload={"n": 1}) as span:
        span.set_result({"m": 2})
    await agent.finish()
    await client.close()
    assert [operation.type for operation in queue.seen] == [
        OperationType.REGISTER_AGENT_INSTANCE,
        OperationType.START_AGENT_INSTANCE,
        OperationType.CREATE_SPAN,
        OperationType.FINISH_SPAN,
        OperationType.FINISH_AGENT_INSTANCE,
    ]
    assert all(operation.timestamp.tzinfo is not None for operation in queue.seen)
    assert (queue.size(), shown.run("queued-1")["status"]) == (0, "complete")
    assert shown.spans("queued-1")[span.id]["result_payload"] == {"m": 2}


async def test_what_later_releases_added(shown: Shown) -> None:
    """Purpose, environment, external identifier, status of the end, judgements, keys, own span ids."""
    registry = SchemaRegistry()
    registry.register_quality("score", {"type": "object"}, template="{{ value }} of 5")
    async with PrefactorCoreClient(_config(shown, schema_registry=registry)) as client:
        agent = await client.create_agent_instance(
            agent_id="judged",
            agent_version=VERSION,
            external_schema_version_id="mine-7",
            purpose="eval",
            external_identifier="case-1",
        )
        await client.instance_manager.start_with_idempotency_key(agent.id, "start-1")
        await client.instance_manager.start_with_idempotency_key(agent.id, "start-1")
        async with client.span(agent.id, "agent:step", span_id="my-own-span", payload={"a": 1}):
            pass
        await agent.record_quality("score", {"value": 4})
        await client.instance_manager.finish_with_idempotency_key(agent.id, "end-1", "cancelled")
        await agent.record_quality("remark", {"text": "after the end"})
        with pytest.raises(ValueError, match="64"):
            await client.instance_manager.start_with_idempotency_key(agent.id, "k" * 65)
    run = shown.run(agent.id)
    assert (run["status"], run["purpose"], run["external_identifier"]) == ("cancelled", "eval", "case-1")
    assert run["quality_payloads"] == {"score": {"value": 4}, "remark": {"text": "after the end"}}
    wait_until(lambda: shown.run(agent.id)["quality_summaries"].get("score") == "4 of 5")
    assert list(shown.spans(agent.id)) == ["my-own-span"]


async def test_the_life_of_a_client(shown: Shown) -> None:
    """Once initialized it cannot be again; before and after, every use raises."""
    client = PrefactorCoreClient(_config(shown))
    with pytest.raises(ClientNotInitializedError):
        await client.create_agent_instance("a", VERSION, SCHEMAS)
    with pytest.raises(ClientNotInitializedError):
        _ = client.instance_manager
    await client.initialize()
    with pytest.raises(ClientAlreadyInitializedError):
        await client.initialize()
    with pytest.raises(ValueError, match="agent_schema_version"):
        await client.create_agent_instance("a", VERSION)
    await client.close()
    await client.close()
    with pytest.raises(ClientNotInitializedError):
        await client.create_span("x", "y")
    with pytest.raises(ClientNotInitializedError):
        await client.finish_span("x")
    with pytest.raises(ClientNotInitializedError):
        async with client.span("x", "y"):
            pass


async def test_what_was_begun_elsewhere_is_recorded_too(shown: Shown) -> None:
    """One client registers, a second one starts, adds a span and ends it: all by id."""
    async with PrefactorCoreClient(_config(shown)) as first, PrefactorCoreClient(_config(shown)) as second:
        agent = await first.create_agent_instance("shared", VERSION, SCHEMAS)
        assert AgentInstanceHandle(instance_id=agent.id, client=second).id == agent.id
        root = await first.create_span(agent.id, "agent:root")
        await asyncio.to_thread(lambda: None)
        await second.instance_manager.start(agent.id)
        child = await second.create_span(agent.id, "agent:child", parent_span_id=root)
        await second.finish_span(child, {"done": True})
        await first.finish_span(root)
        await second.instance_manager.finish(agent.id)
    spans = shown.spans(agent.id)
    assert (spans[child]["parent_span_id"], spans[child]["result_payload"]) == (root, {"done": True})
    assert spans[root]["status"] == "complete"


async def test_an_instance_that_nobody_finished_does_not_stay_open(shown: Shown) -> None:
    """Closing the client ends it as cancelled."""
    async with PrefactorCoreClient(_config(shown)) as client:
        agent = await client.create_agent_instance("left", VERSION, SCHEMAS)
        await agent.start()
        left = await agent.create_span("agent:left")
    assert shown.run(agent.id)["status"] == "cancelled"
    assert shown.spans(agent.id)[left]["status"] == "cancelled"


async def test_without_a_server_nothing_waits_and_nothing_raises(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ids are there at once, a hundred spans are recorded, and what was recorded waits in the spool."""
    monkeypatch.setenv("HOLDFAST_FLUSH_TIMEOUT", "0.1")
    config = PrefactorCoreConfig(http_config=HttpClientConfig("http://127.0.0.1:9", "none"))
    async with PrefactorCoreClient(config) as client:
        agent = await client.create_agent_instance("lonely", VERSION, SCHEMAS)
        assert len(agent.id) == 32
        await agent.start()
        for number in range(100):
            async with agent.span("agent:step", payload={"n": number}) as span:
                assert span.id
        await agent.finish()


async def test_what_cannot_be_recorded_is_left_out_and_the_agent_goes_on(
    shown: Shown, caplog: pytest.LogCaptureFixture
) -> None:
    """A version and schemas of the wrong shape, payloads that are no JSON, an unknown status: nothing raises."""
    async with PrefactorCoreClient(_config(shown)) as client:
        agent = await client.create_agent_instance("odd", {"name": 7}, {"span_schemas": "none"})
        async with agent.span("agent:step", payload={"when": object()}) as span:
            span.set_result({"who": {1, 2}})
        await agent.finish("splendid")  # type: ignore[arg-type]  # that is the point
    assert shown.run(agent.id)["status"] == "complete"
    assert shown.spans(agent.id)[span.id]["status"] == "complete"
    assert "cannot be used as given" in caplog.text


async def test_ids_are_in_the_partition_of_the_agent(shown: Shown) -> None:
    """A server that keeps one partition per account takes the ids that are made here for its own."""
    agent_id = "01kq3m7zce" + "abc123" + "0" * 16
    before = time.time()
    async with PrefactorCoreClient(_config(shown)) as client:
        agent = await client.create_agent_instance(agent_id, VERSION, SCHEMAS)
        span = await agent.create_span("agent:step")
        await agent.finish_span(span)
        await agent.finish()
    digits = "0123456789abcdefghjkmnpqrstvwxyz"
    for made in (agent.id, span):
        assert made[10:16] == "abc123"
        milliseconds = sum(digits.index(digit) << 5 * (9 - place) for place, digit in enumerate(made[:10]))
        assert before - 1 <= milliseconds / 1000 <= time.time() + 1


_KILLED = """
import asyncio, os, signal, sys
from prefactor_core import PrefactorCoreClient, PrefactorCoreConfig
from prefactor_http import HttpClientConfig

async def main():
    client = PrefactorCoreClient(PrefactorCoreConfig(http_config=HttpClientConfig(*sys.argv[1:])))
    await client.initialize()
    agent = await client.create_agent_instance("killed", {}, {"external_identifier": "s"}, instance_id="killed-1")
    await agent.start()
    for number in range(50):
        async with agent.span("agent:step", payload={"n": number}):
            pass
    os.kill(os.getpid(), signal.SIGKILL)

asyncio.run(main())
"""


async def test_a_killed_program_loses_nothing_and_its_instance_ends(shown: Shown) -> None:
    """What it recorded is delivered by the next process, which also says that it died."""
    command = [sys.executable, "-c", _KILLED, shown.url, shown.token]
    done = await asyncio.to_thread(subprocess.run, command, check=False)
    assert done.returncode == -signal.SIGKILL
    async with PrefactorCoreClient(_config(shown)) as client:
        agent = await client.create_agent_instance("next", VERSION, SCHEMAS)
        await agent.start()
        await asyncio.to_thread(wait_until, lambda: _status(shown, "killed-1") == "failed")
        await agent.finish()
    assert len(shown.spans("killed-1")) == 50


def _status(shown: Shown, run_id: str) -> str | None:
    return next((row["status"] for row in shown.runs() if row["id"] == run_id), None)
