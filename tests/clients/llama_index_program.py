"""A LlamaIndex agent with a model that needs no network. Sends its spans as the environment says."""

# mypy: ignore-errors
from __future__ import annotations

import asyncio

from llama_index.core.agent.workflow import FunctionAgent
from llama_index.core.base.llms.types import ChatMessage, ChatResponse, LLMMetadata
from llama_index.core.llms.callbacks import llm_chat_callback
from llama_index.core.llms.function_calling import FunctionCallingLLM
from llama_index.core.llms.llm import ToolSelection
from llama_index.core.tools import FunctionTool
from openinference.instrumentation.llama_index import LlamaIndexInstrumentor
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor


class Scripted(FunctionCallingLLM):
    """Calls the tool, then answers."""

    asked: int = 0

    @property
    def metadata(self):
        return LLMMetadata(is_function_calling_model=True, model_name="scripted")

    @llm_chat_callback()
    async def achat(self, messages, **options):
        self.asked += 1
        call = ToolSelection(tool_id="c1", tool_name="weather", tool_kwargs={"city": "Oslo"})
        extra = {"tool_calls": [call]} if self.asked == 1 else {}
        message = ChatMessage("" if extra else "sunny", role="assistant", additional_kwargs=extra)
        usage = {"prompt_tokens": 5, "completion_tokens": 2, "total_tokens": 7}
        return ChatResponse(message=message, raw={"usage": usage})

    def get_tool_calls_from_response(self, response, error_on_no_tool_call=True, **options):
        return response.message.additional_kwargs.get("tool_calls", [])

    def _prepare_chat_with_tools(self, tools, user_msg=None, chat_history=None, **options):
        return {"messages": chat_history or []}

    def chat(self, messages, **options):
        raise NotImplementedError

    complete = stream_complete = stream_chat = chat
    acomplete = astream_complete = astream_chat = chat


def weather(city: str) -> str:
    """The weather of a city."""
    return f"sunny in {city}"


async def main() -> None:
    agent = FunctionAgent(tools=[FunctionTool.from_defaults(weather)], llm=Scripted(), streaming=False)
    await agent.run("weather in Oslo?")


provider = TracerProvider(resource=Resource.create({"service.name": "llama-index"}))
provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
LlamaIndexInstrumentor().instrument(tracer_provider=provider)
asyncio.run(main())
provider.shutdown()
