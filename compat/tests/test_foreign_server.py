"""The clients of `prefactor_core` with a server that is not Holdfast."""

from __future__ import annotations

import pytest

from prefactor_core import PrefactorCoreClient, PrefactorCoreConfig
from prefactor_http import HttpClientConfig
from tracing.documented_server import DocumentedServer
from waiting import wait_until

pytestmark = pytest.mark.anyio


async def test_a_program_records_to_any_server_of_this_api() -> None:
    """Nothing but documented requests and fields; nested, cancelled and failed spans, a judgement, the end."""
    with DocumentedServer() as server:
        config = PrefactorCoreConfig(http_config=HttpClientConfig(server.url, "secret"))
        async with PrefactorCoreClient(config) as client:
            agent = await client.create_agent_instance(
                "a", {"name": "1"}, {"external_identifier": "s", "quality_schemas": []}, environment_id="e"
            )
            await agent.start()
            async with agent.span("agent:llm", payload={"n": 1}) as outer:
                async with agent.span("agent:tool") as never:
                    await never.cancel()
                async with agent.span("agent:tool") as failed:
                    await failed.fail({"reason": "x"})
            await agent.record_quality("score", {"value": 1})
            await agent.finish("failed")
    row = server.instances[agent.id]
    assert (row["status"], row["quality"], row["environment_id"]) == ("failed", {"score": {"value": 1}}, "e")
    assert row["agent_schema_version"]["external_identifier"] == "s"
    assert server.spans[outer.id]["status"] == "complete"
    assert server.spans[never.id]["status"] == "cancelled"
    assert server.spans[failed.id]["parent_span_id"] == outer.id
    assert server.spans[failed.id]["result_payload"] == {"reason": "x"}


async def test_what_such_a_server_missed_is_delivered_by_the_next_process(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """While it fails the program goes on; a later client with the same address and token delivers the rest."""
    monkeypatch.setenv("HOLDFAST_FLUSH_TIMEOUT", "0.3")
    with DocumentedServer() as server:
        config = PrefactorCoreConfig(http_config=HttpClientConfig(server.url, "secret"))
        server.failures = [503] * 1000
        async with PrefactorCoreClient(config) as client:
            agent = await client.create_agent_instance("a", {}, {"external_identifier": "s"})
            async with agent.span("agent:llm"):
                pass
            await agent.finish()
        assert server.instances == {}
        server.failures = []
        monkeypatch.setenv("HOLDFAST_FLUSH_TIMEOUT", "10")
        async with PrefactorCoreClient(config) as client:
            later = await client.create_agent_instance("a", {}, {"external_identifier": "s"})
            wait_until(
                lambda: agent.id in server.instances and server.instances[agent.id]["status"] == "complete"
            )
            await later.finish()
    assert server.instances[later.id]["status"] == "complete"
