"""A crew with a model that needs no network. Sends its spans as the environment says."""

# mypy: ignore-errors
from __future__ import annotations

from crewai import Agent, BaseLLM, Crew, Task
from crewai.tools import tool
from openinference.instrumentation.crewai import CrewAIInstrumentor
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

ANSWERS = iter(
    [
        'Thought: look\nAction: weather\nAction Input: {"city": "Oslo"}',
        "Thought: I now know the final answer\nFinal Answer: sunny",
    ]
)


class Scripted(BaseLLM):
    def call(self, messages, *arguments, **options):
        return next(ANSWERS)

    def supports_function_calling(self):
        return False


@tool("weather")
def weather(city: str) -> str:
    """The weather of a city."""
    return f"sunny in {city}"


provider = TracerProvider(resource=Resource.create({"service.name": "crewai"}))
provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
CrewAIInstrumentor().instrument(tracer_provider=provider)
greeter = Agent(
    role="greeter", goal="greet", backstory="kind", llm=Scripted(model="scripted"), tools=[weather]
)
task = Task(description="weather in Oslo?", expected_output="a word", agent=greeter)
assert "sunny" in str(Crew(agents=[greeter], tasks=[task]).kickoff())
provider.shutdown()
