"""What a user of the published client writes. Run with its own interpreter: URL and token as arguments.

Prints the run's id, waits for a line on standard input, and goes on. `modern` tells the releases that know
cancelling, quality and the check of the token from the first one.
"""

from __future__ import annotations

import asyncio
import json
import sys

from prefactor_core import PrefactorCoreClient, PrefactorCoreConfig  # type: ignore[import-not-found,unused-ignore]
from prefactor_http import HttpClientConfig  # type: ignore[import-not-found,unused-ignore]

SCHEMAS = {
    "external_identifier": "v1",
    "span_schemas": {"agent:llm": {"type": "object"}, "agent:tool": {"type": "object"}},
}


async def main(url: str, token: str, modern: bool) -> None:
    config = PrefactorCoreConfig(http_config=HttpClientConfig(api_url=url, api_token=token))
    async with PrefactorCoreClient(config) as client:
        agent = await client.create_agent_instance(
            agent_id="published",
            agent_version={"name": "published", "external_identifier": "1"},
            agent_schema_version=SCHEMAS
            | ({"quality_schemas": [{"name": "tone", "schema": {}}]} if modern else {}),
        )
        await agent.start()
        spans = {}
        if modern:
            async with agent.span("agent:llm") as outer:
                await outer.start({"prompt": "Hello"})
                async with agent.span("agent:tool", payload={"name": "search"}) as inner:
                    inner.set_result({"hits": 3})
                await outer.complete({"response": "Hi"})
            async with agent.span("agent:tool") as unwanted:
                await unwanted.cancel()
            async with agent.span("agent:tool") as begun:
                await begun.start({"n": 1})
                await begun.cancel()
            spans = {"outer": outer.id, "inner": inner.id, "unwanted": unwanted.id, "begun": begun.id}
            await client.record_quality(agent.id, "tone", {"score": 1})
        else:
            async with agent.span("agent:llm") as outer:
                async with agent.span("agent:tool") as inner:
                    inner.set_result({"hits": 3})
                outer.set_result({"response": "Hi"})
        print(json.dumps({"run": agent.id, "spans": spans}), flush=True)
        await asyncio.to_thread(sys.stdin.readline)
        async with agent.span("agent:tool") as late:
            late.set_result({"late": True})
        await agent.finish()
    print("done", flush=True)


asyncio.run(main(sys.argv[1], sys.argv[2], sys.argv[3] == "modern"))
