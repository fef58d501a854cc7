"""The pieces of `prefactor_core` that programs also use one by one."""

from __future__ import annotations

import asyncio
import re
from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import ValidationError

from prefactor_core._ids import base32, new_id
from prefactor_core.config import PrefactorCoreConfig, QueueConfig
from prefactor_core.context_stack import SpanContextStack
from prefactor_core.exceptions import (
    ClientAlreadyInitializedError,
    ClientNotInitializedError,
    InstanceNotFoundError,
    OperationError,
    PrefactorCoreError,
    SpanNotFoundError,
)
from prefactor_core.managers.agent_instance import AgentInstanceManager
from prefactor_core.managers.span import SpanManager
from prefactor_core.models import AgentInstance, Span
from prefactor_core.operations import Operation, OperationType
from prefactor_core.queue.base import Queue, QueueClosedError
from prefactor_core.queue.executor import TaskExecutor
from prefactor_core.queue.memory import InMemoryQueue
from prefactor_core.schema_registry import SchemaRegistry
from prefactor_core.span_context import SpanContext
from prefactor_http.client import PrefactorHttpClient
from prefactor_http.config import HttpClientConfig

pytestmark = pytest.mark.anyio
HTTP = HttpClientConfig("http://127.0.0.1:9", "none")


# --- settings, records, errors


def test_settings_have_bounds() -> None:
    """Workers 1 to 20, retries from 0, a base above 0."""
    config = PrefactorCoreConfig(http_config=HTTP)
    assert config.queue_config == QueueConfig(num_workers=3, max_retries=3, retry_delay_base=1.0)
    assert config.schema_registry is None
    for wrong in ({"num_workers": 0}, {"num_workers": 21}, {"max_retries": -1}, {"retry_delay_base": 0}):
        with pytest.raises(ValidationError):
            QueueConfig(**wrong)


def test_models_are_plain_records_with_zoned_times() -> None:
    """Pending at first; each has its own containers."""
    instance, span = AgentInstance("i", "a"), Span("s", "i", "agent:llm")
    assert (instance.status, span.status, span.parent_span_id) == ("pending", "pending", None)
    assert instance.created_at.tzinfo is span.created_at.tzinfo is UTC
    assert instance.metadata is not AgentInstance("i", "a").metadata
    span.status = "active"
    assert span.payload == {}


def test_an_operation_cannot_be_changed() -> None:
    """Its type is one of six."""
    operation = Operation(OperationType.CREATE_SPAN, {}, datetime.now(UTC))
    assert (operation.idempotency_key, operation.metadata) == (None, {})
    with pytest.raises(AttributeError):
        operation.payload = {}  # type: ignore[misc]  # that is the point
    assert len(OperationType) == 6


def test_errors_have_one_base() -> None:
    """`except PrefactorCoreError` catches all of them; one says which operation it was."""
    for kind in (
        ClientNotInitializedError,
        ClientAlreadyInitializedError,
        InstanceNotFoundError,
        SpanNotFoundError,
    ):
        assert issubclass(kind, PrefactorCoreError)
    assert OperationError("no", operation_type="CREATE_SPAN").operation_type == "CREATE_SPAN"


def test_an_id_has_the_form_of_the_servers() -> None:
    """32 characters of Crockford's base 32, sortable by time, in the partition of its neighbour."""
    assert (base32(0, 10), base32(2**30 - 1, 6), base32(32**2 * 7 + 31, 4)) == (
        "0000000000",
        "zzzzzz",
        "070z",
    )
    first, second = new_id(), new_id("01kq3m7zceabc1230000000000000000")
    assert re.fullmatch("[0-7][0-9a-hjkmnp-tv-z]{31}", first)
    assert second[10:16] == "abc123"
    assert first[:10] <= second[:10]
    assert len({new_id(first) for _ in range(1000)}) == 1000


# --- the stack


async def test_the_stack_is_a_tasks_own() -> None:
    """A task sees what was open when it was made, and nobody sees what it pushes."""
    SpanContextStack.push("outer")

    async def work(name: str) -> list[str]:
        SpanContextStack.push(name)
        await asyncio.sleep(0)
        return SpanContextStack.get_stack()

    assert list(await asyncio.gather(work("a"), work("b"))) == [["outer", "a"], ["outer", "b"]]
    assert (SpanContextStack.peek(), SpanContextStack.depth()) == ("outer", 1)
    SpanContextStack.get_stack().append("a copy")
    assert SpanContextStack.pop() == "outer"
    assert SpanContextStack.is_empty()
    assert SpanContextStack.pop() is SpanContextStack.peek() is None


# --- queue and workers


async def test_a_queue_in_memory_is_first_in_first_out_and_drains_after_its_end() -> None:
    """After `close` nothing can be put, what is left can be taken, and who waits is woken."""
    queue: Queue[int] = InMemoryQueue()
    await queue.put(1)
    await queue.put(2)
    assert (queue.size(), queue.closed) == (2, False)
    await queue.close(num_waiters=1)
    with pytest.raises(QueueClosedError):
        await queue.put(3)
    assert [await queue.get(), await queue.get()] == [1, 2]
    with pytest.raises(QueueClosedError):
        await queue.get()
    other: Queue[int] = InMemoryQueue()
    waiting = [asyncio.create_task(other.get()) for _ in range(3)]
    await asyncio.sleep(0)
    await other.close()
    assert all(
        isinstance(one, QueueClosedError) for one in await asyncio.gather(*waiting, return_exceptions=True)
    )


async def test_workers_handle_all_and_retry_what_fails() -> None:
    """Every item is handled, failed ones as often as allowed; `stop` returns when the queue is empty."""
    queue: InMemoryQueue[str] = InMemoryQueue()
    tried: list[str] = []

    async def handler(item: str) -> None:
        tried.append(item)
        if item == "never" or tried.count(item) < 2:
            raise ValueError(item)

    executor = TaskExecutor(queue, handler, num_workers=2, max_retries=2, retry_delay_base=0.001)
    executor.start()
    executor.start()
    for item in ("a", "never", "b"):
        await queue.put(item)
    await executor.stop()
    assert {item: tried.count(item) for item in tried} == {"a": 2, "never": 3, "b": 2}
    assert queue.closed


# --- managers


class Recorded:
    """Takes operations, as a program does that brings its own way of sending."""

    def __init__(self) -> None:
        self.operations: list[Operation] = []

    async def __call__(self, operation: Operation) -> None:
        self.operations.append(operation)

    @property
    def said(self) -> list[tuple[str, Any]]:
        return [(one.type.name, one.payload.get("status")) for one in self.operations]


async def test_instances_are_managed_through_operations() -> None:
    """Register, start and finish, each with what it needs; a given id is used, else one is made."""
    sent = Recorded()
    manager = AgentInstanceManager(PrefactorHttpClient(HTTP), sent)
    assert (
        await manager.register("a", {"name": "1"}, {"external_identifier": "s"}, instance_id="mine") == "mine"
    )
    made = await manager.register("a", {}, {})
    assert len(made) == 32
    await manager.start("mine")
    await manager.finish("mine")
    await manager.start_with_idempotency_key("mine", "key-1")
    await manager.finish_with_idempotency_key("mine", idempotency_key="key-2")
    assert [one.type for one in sent.operations[2:]] == [
        OperationType.START_AGENT_INSTANCE,
        OperationType.FINISH_AGENT_INSTANCE,
    ] * 2
    assert [one.idempotency_key for one in sent.operations] == [None] * 4 + ["key-1", "key-2"]
    assert sent.operations[0].payload["agent_version"] == {"name": "1"}


async def test_spans_are_managed_through_operations() -> None:
    """A span is known from `prepare` to its end, and forgotten then."""
    sent = Recorded()
    manager = SpanManager(PrefactorHttpClient(HTTP), sent)
    span = manager.prepare("i", "agent:llm", parent_span_id="p")
    known = manager.get_span(span)
    assert known is not None
    assert (known.status, known.parent_span_id) == ("pending", "p")
    assert await manager.start(span, {"n": 1}) == span
    await manager.start(span, {"n": 2})
    assert (known.status, known.payload) == ("active", {"n": 1})
    await manager.update_payload(span, {"m": 2})
    assert known.payload == {"n": 1, "m": 2}
    await manager.finish(span, {"r": 1}, status="failed")
    assert manager.get_span(span) is None
    never = manager.prepare("i", "agent:llm")
    await manager.cancel_unstarted(never)
    await manager.cancel_unstarted(never)
    assert await manager.create("i", "agent:tool", payload={"x": 1}, span_id="own") == "own"
    assert sent.said == [
        ("CREATE_SPAN", "active"),
        ("UPDATE_SPAN_PAYLOAD", None),
        ("FINISH_SPAN", "failed"),
        ("CREATE_SPAN", "pending"),
        ("FINISH_SPAN", "cancelled"),
        ("CREATE_SPAN", "active"),
    ]


async def test_a_span_context_ends_once() -> None:
    """`finish` completes what was not ended, with the default payload and the merged result; what follows is idle."""
    sent = Recorded()
    manager = SpanManager(PrefactorHttpClient(HTTP), sent)
    context = SpanContext(manager.prepare("i", "t"), manager, default_payload={"a": 1})
    context.set_payload({"b": 2})
    context.set_result({"x": 1})
    context.set_result({"y": 2})
    await context.finish()
    await context.fail()
    await context.start({"late": True})
    await context.cancel()
    assert sent.said == [("CREATE_SPAN", "active"), ("FINISH_SPAN", "complete")]
    assert sent.operations[0].payload["payload"] == {"a": 1, "b": 2}
    assert sent.operations[1].payload["result_payload"] == {"x": 1, "y": 2}
    assert context.id == sent.operations[0].payload["id"]


async def test_many_spans_leave_nothing_behind() -> None:
    """Memory does not grow with the number of finished spans."""
    sent = Recorded()
    manager = SpanManager(PrefactorHttpClient(HTTP), sent)
    ids = [await manager.create("i", "t") for _ in range(1000)]
    for span in ids:
        await manager.finish(span)
    assert not [span for span in ids if manager.get_span(span)]


# --- schemas


def test_the_registry_refuses_a_second_schema_under_one_name() -> None:
    """`register` once, `register_unsafe` any number of times; a failed merge changes nothing."""
    registry, other = SchemaRegistry(), SchemaRegistry()
    registry.register("agent:llm", {"type": "object"})
    with pytest.raises(ValueError, match="agent:llm"):
        registry.register("agent:llm", {"type": "object"})
    registry.register_unsafe("agent:llm", {"type": "object", "title": "new"})
    assert registry.get("agent:llm") == {"type": "object", "title": "new"}
    assert registry.get("agent:other") is None
    other.register("agent:llm", {"type": "string"})
    other.register("agent:more", {})
    with pytest.raises(ValueError, match="agent:llm"):
        registry.merge(other)
    assert registry.list_schemas() == ["agent:llm"]
    assert not registry.has_schema("agent:more")


def test_the_registry_writes_only_what_there_is() -> None:
    """The parts of a schema version that are empty are left out."""
    registry = SchemaRegistry()
    registry.register("a", {"type": "object"})
    assert registry.to_agent_schema_version("v1") == {
        "external_identifier": "v1",
        "span_schemas": {"a": {"type": "object"}},
    }
    registry.register_result("a", {"type": "array"})
    registry.register_type("b", {"type": "object"}, None, "B", "a type", "{{x}}", data_risk={"x": 1})
    version = registry.to_agent_schema_version(external_id="v2")
    assert version["span_result_schemas"] == {"a": {"type": "array"}}
    assert version["span_type_schemas"] == [
        {
            "name": "b",
            "params_schema": {"type": "object"},
            "title": "B",
            "description": "a type",
            "template": "{{x}}",
            "data_risk": {"x": 1},
        }
    ]
