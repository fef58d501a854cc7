"""What a user of `prefactor-langchain` writes, with a model that needs no network. URL and token as arguments."""

# mypy: ignore-errors
from __future__ import annotations

import asyncio
import sys

from langchain.agents import create_agent
from langchain_core.language_models.fake_chat_models import GenericFakeChatModel
from langchain_core.messages import AIMessage
from langchain_core.tools import tool
from prefactor_langchain import PrefactorMiddleware


class Scripted(GenericFakeChatModel):
    def bind_tools(self, tools, **options):
        return self


@tool
def weather(city: str) -> str:
    """The weather of a city."""
    return f"sunny in {city}"


async def main(url: str, token: str) -> None:
    middleware = PrefactorMiddleware.from_config(
        api_url=url, api_token=token, agent_id="langchain-user", agent_name="greeter"
    )
    call = {"name": "weather", "args": {"city": "Oslo"}, "id": "c1"}
    usage = {"input_tokens": 7, "output_tokens": 2, "total_tokens": 9}
    answers = [
        AIMessage("", tool_calls=[call], usage_metadata=usage),
        AIMessage("sunny", usage_metadata=usage),
    ]
    agent = create_agent(Scripted(messages=iter(answers)), tools=[weather], middleware=[middleware])
    await agent.ainvoke({"messages": [{"role": "user", "content": "weather in Oslo?"}]})
    await middleware.close()


asyncio.run(main(*sys.argv[1:3]))
