"""An agent of each framework with a model that needs no network, run in an environment of its own:
`python framework_agents.py <framework>`. Sends its spans as the environment says."""

# mypy: ignore-errors
from __future__ import annotations

import sys

from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor


def pydantic_ai(provider: TracerProvider) -> None:
    from pydantic_ai import Agent
    from pydantic_ai.models.test import TestModel

    Agent.instrument_all()
    agent = Agent(TestModel(), name="greeter")

    @agent.tool_plain
    def weather(city: str) -> str:
        return f"sunny in {city}"

    agent.run_sync("weather in Oslo?")


def langchain(provider: TracerProvider) -> None:
    from langchain_core.language_models.fake_chat_models import GenericFakeChatModel
    from langchain_core.messages import AIMessage
    from langchain_core.prompts import ChatPromptTemplate
    from langchain_core.runnables import RunnableLambda
    from langchain_core.tools import tool
    from openinference.instrumentation.langchain import LangChainInstrumentor

    LangChainInstrumentor().instrument(tracer_provider=provider)

    @tool
    def weather(city: str) -> str:
        """The weather of a city."""
        return f"sunny in {city}"

    usage = {"input_tokens": 7, "output_tokens": 2, "total_tokens": 9}
    model = GenericFakeChatModel(messages=iter([AIMessage("Oslo", usage_metadata=usage)]))
    prompt = ChatPromptTemplate.from_messages([("system", "be brief"), ("user", "{q}")])
    chain = prompt | model | RunnableLambda(lambda said: weather.invoke({"city": said.content}))
    chain.invoke({"q": "where?"})


def openai_agents(provider: TracerProvider) -> None:
    from agents import Agent, Model, ModelResponse, Runner, Usage, function_tool, generation_span
    from openai.types.responses import ResponseFunctionToolCall, ResponseOutputMessage, ResponseOutputText
    from openinference.instrumentation.openai_agents import OpenAIAgentsInstrumentor

    OpenAIAgentsInstrumentor().instrument(tracer_provider=provider)
    call = ResponseFunctionToolCall(
        call_id="c1", name="weather", arguments='{"city":"Oslo"}', type="function_call"
    )
    text = ResponseOutputText(text="sunny", annotations=[], type="output_text")
    answer = ResponseOutputMessage(
        id="m1", content=[text], role="assistant", status="completed", type="message"
    )

    class Scripted(Model):
        outputs = iter([[call], [answer]])

        async def get_response(self, *args, **kwargs):
            tokens = {"input_tokens": 5, "output_tokens": 2}
            with generation_span(model="scripted", input=[{"role": "user", "content": "?"}], usage=tokens):
                usage = Usage(requests=1, input_tokens=5, output_tokens=2, total_tokens=7)
                return ModelResponse(output=next(self.outputs), usage=usage, response_id=None)

        def stream_response(self, *args, **kwargs):
            raise NotImplementedError

    @function_tool
    def weather(city: str) -> str:
        return f"sunny in {city}"

    Runner.run_sync(Agent(name="greeter", model=Scripted(), tools=[weather]), "weather?")


def main(framework: str) -> None:
    provider = TracerProvider(resource=Resource.create({"service.name": framework}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    trace.set_tracer_provider(provider)
    {"pydantic-ai": pydantic_ai, "langchain": langchain, "openai-agents": openai_agents}[framework](provider)
    provider.shutdown()


if __name__ == "__main__":
    main(sys.argv[1])
