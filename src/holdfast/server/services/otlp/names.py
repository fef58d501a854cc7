"""Every name under which instrumentations have written what the record has one name for.

Sources: the OpenTelemetry GenAI conventions from 1.27 to 1.41, OpenInference, OpenLLMetry (Traceloop), the
Vercel AI SDK from 3 to 6, pydantic-ai and Logfire, Google's ADK, Langfuse, MLflow.
"""

from __future__ import annotations

from enum import StrEnum, auto
from typing import Final

from holdfast.wire import attributes as names
from holdfast.wire.vocabulary import SpanType

__all__ = ["INDEXED", "KINDS", "MEANINGS", "MESSAGE_EVENTS", "PROVIDERS", "Content"]


class Content(StrEnum):
    """What goes into a span's payload and result instead of its attributes."""

    INPUT_MESSAGES = auto()
    OUTPUT_MESSAGES = auto()
    SYSTEM = auto()
    TOOLS = auto()
    ARGUMENTS = auto()
    TOOL_RESULT = auto()
    INPUT = auto()
    OUTPUT = auto()
    DOCUMENTS = auto()
    ANSWER_TEXT = auto()
    ANSWER_CALLS = auto()


_SPELLINGS: Final[dict[str | Content, tuple[str, ...]]] = {
    names.OPERATION: (names.OPERATION,),
    names.PROVIDER: (
        names.PROVIDER,
        "gen_ai.system",
        "llm.provider",
        "llm.system",
        "ai.model.provider",
        "llm.vendor",
    ),
    names.REQUEST_MODEL: (
        names.REQUEST_MODEL,
        "llm.model_name",
        "llm.request.model",
        "embedding.model_name",
        "reranker.model_name",
        "ai.model.id",
        "langfuse.observation.model.name",
        "mlflow.chat.model",
    ),
    names.RESPONSE_MODEL: (names.RESPONSE_MODEL, "llm.response.model", "ai.response.model"),
    names.FINISH_REASONS: (names.FINISH_REASONS, "ai.response.finishReason", "llm.response.finish_reason"),
    "gen_ai.response.id": ("gen_ai.response.id", "ai.response.id", "llm.response.id"),
    names.INPUT_TOKENS: (
        names.INPUT_TOKENS,
        "gen_ai.usage.prompt_tokens",
        "llm.token_count.prompt",
        "llm.usage.prompt_tokens",
        "llm.usage.input_tokens",
        "ai.usage.inputTokens",
        "ai.usage.promptTokens",
        "ai.usage.tokens",  # of embeddings
        "gen_ai.aggregated_usage.input_tokens",
    ),
    names.OUTPUT_TOKENS: (
        names.OUTPUT_TOKENS,
        "gen_ai.usage.completion_tokens",
        "llm.token_count.completion",
        "llm.usage.completion_tokens",
        "llm.usage.output_tokens",
        "ai.usage.outputTokens",
        "ai.usage.completionTokens",
        "gen_ai.aggregated_usage.output_tokens",
    ),
    names.CACHE_READ_TOKENS: (
        names.CACHE_READ_TOKENS,
        "gen_ai.usage.cache_read_input_tokens",
        "gen_ai.usage.input_tokens.cached",
        "gen_ai.usage.details.cache_read_tokens",
        "gen_ai.usage.details.cache_read_input_tokens",
        "gen_ai.usage.details.cached_tokens",
        "llm.token_count.prompt_details.cache_read",
        "llm.usage.cache_read_input_tokens",
        "ai.usage.cachedInputTokens",
        "ai.usage.inputTokenDetails.cacheReadTokens",
    ),
    names.CACHE_WRITE_TOKENS: (
        names.CACHE_WRITE_TOKENS,
        "gen_ai.usage.cache_write.input_tokens",
        "gen_ai.usage.cache_creation_input_tokens",
        "gen_ai.usage.details.cache_write_tokens",
        "gen_ai.usage.details.cache_creation_input_tokens",
        "llm.token_count.prompt_details.cache_write",
        "llm.usage.cache_creation_input_tokens",
        "ai.usage.inputTokenDetails.cacheWriteTokens",
    ),
    names.REASONING_TOKENS: (
        names.REASONING_TOKENS,
        "gen_ai.usage.reasoning_tokens",
        "gen_ai.usage.output_tokens.reasoning",
        "gen_ai.usage.details.reasoning_tokens",
        "llm.token_count.completion_details.reasoning",
        "llm.usage.reasoning_tokens",
        "ai.usage.reasoningTokens",
        "ai.usage.outputTokenDetails.reasoningTokens",
    ),
    names.COST_USD: (names.COST_USD, "gen_ai.usage.cost", "llm.cost.total", "operation.cost"),
    names.TOOL_NAME: (names.TOOL_NAME, "tool.name", "ai.toolCall.name"),
    names.TOOL_CALL_ID: (names.TOOL_CALL_ID, "ai.toolCall.id", "tool_call.id", "tool.id"),
    "gen_ai.tool.description": ("gen_ai.tool.description", "tool.description"),
    names.AGENT_NAME: (
        names.AGENT_NAME,
        "agent_name",
        "agent.name",
        "graph.node.id",
        "ai.telemetry.functionId",
    ),
    Content.INPUT_MESSAGES: (
        "gen_ai.input.messages",
        "pydantic_ai.all_messages",
        "gen_ai.prompt",
        "ai.prompt.messages",
        "ai.prompt",
    ),
    Content.OUTPUT_MESSAGES: ("gen_ai.output.messages", "gen_ai.completion"),
    Content.SYSTEM: ("gen_ai.system_instructions",),
    Content.TOOLS: ("gen_ai.tool.definitions", "ai.prompt.tools", "llm.tools"),
    Content.ARGUMENTS: (
        "gen_ai.tool.call.arguments",
        "tool_arguments",
        "ai.toolCall.args",
        "ai.toolCall.input",
        "gcp.vertex.agent.tool_call_args",
    ),
    Content.TOOL_RESULT: (
        "gen_ai.tool.call.result",
        "tool_response",
        "ai.toolCall.result",
        "ai.toolCall.output",
        "gcp.vertex.agent.tool_response",
    ),
    Content.INPUT: (
        "input.value",
        "traceloop.entity.input",
        "langfuse.observation.input",
        "mlflow.spanInputs",
        "gcp.vertex.agent.llm_request",
        "request_data",
        "gen_ai.retrieval.query.text",
        "ai.value",
        "ai.values",
        "tool.parameters",  # of some the arguments, of others the schema: what came in is surer
    ),
    Content.OUTPUT: (
        "output.value",
        "traceloop.entity.output",
        "langfuse.observation.output",
        "mlflow.spanOutputs",
        "gcp.vertex.agent.llm_response",
        "response_data",
        "final_result",
        "ai.response.object",
    ),
    Content.DOCUMENTS: ("gen_ai.retrieval.documents",),
    Content.ANSWER_TEXT: ("ai.response.text", "ai.result.text"),
    Content.ANSWER_CALLS: ("ai.response.toolCalls", "ai.result.toolCalls"),
}

MEANINGS: Final[dict[str, tuple[str | Content, int]]] = {
    spelling: (meaning, rank)
    for meaning, spellings in _SPELLINGS.items()
    for rank, spelling in enumerate(spellings)
}
"""What an attribute says, and how far it stands behind others that say the same."""

INDEXED: Final[dict[str, Content]] = {
    "gen_ai.prompt.": Content.INPUT_MESSAGES,
    "gen_ai.completion.": Content.OUTPUT_MESSAGES,
    "llm.input_messages.": Content.INPUT_MESSAGES,
    "llm.output_messages.": Content.OUTPUT_MESSAGES,
    "llm.prompts.": Content.INPUT,
    "llm.choices.": Content.OUTPUT,
    "llm.tools.": Content.TOOLS,
    "llm.request.functions.": Content.TOOLS,
    "retrieval.documents.": Content.DOCUMENTS,
    "reranker.output_documents.": Content.DOCUMENTS,
    "reranker.input_documents.": Content.INPUT,
    "embedding.embeddings.": Content.INPUT,
}
"""Lists that are written as one attribute for each leaf, such as `gen_ai.prompt.0.role`."""

_LLM, _TOOL, _AGENT = SpanType.LLM, SpanType.TOOL, SpanType.AGENT
_STEP, _RETRIEVAL = SpanType.STEP, SpanType.RETRIEVAL

KINDS: Final[dict[str, dict[str, SpanType]]] = {
    names.OPERATION: {
        "chat": _LLM,
        "text_completion": _LLM,
        "generate_content": _LLM,
        "embeddings": _LLM,
        "responses": _LLM,
        "execute_tool": _TOOL,
        "invoke_agent": _AGENT,
        "invoke_workflow": _AGENT,
        "handle_conversation_turn": _AGENT,
        "create_agent": _STEP,
        "plan": _STEP,
        "retrieval": _RETRIEVAL,
        "search_memory": _RETRIEVAL,
    },
    "openinference.span.kind": {
        "llm": _LLM,
        "embedding": _LLM,
        "tool": _TOOL,
        "agent": _AGENT,
        "retriever": _RETRIEVAL,
        "reranker": _RETRIEVAL,
        "chain": _STEP,
        "guardrail": _STEP,
        "evaluator": _STEP,
        "prompt": _STEP,
        "unknown": _STEP,
    },
    "traceloop.span.kind": {"workflow": _AGENT, "agent": _AGENT, "tool": _TOOL, "task": _STEP},
    "llm.request.type": {"chat": _LLM, "completion": _LLM, "embedding": _LLM, "rerank": _RETRIEVAL},
    "langfuse.observation.type": {
        "generation": _LLM,
        "embedding": _LLM,
        "tool": _TOOL,
        "agent": _AGENT,
        "retriever": _RETRIEVAL,
        "chain": _STEP,
        "guardrail": _STEP,
        "evaluator": _STEP,
        "span": _STEP,
    },
    "mlflow.spanType": {
        "llm": _LLM,
        "chat_model": _LLM,
        "embedding": _LLM,
        "tool": _TOOL,
        "agent": _AGENT,
        "retriever": _RETRIEVAL,
        "reranker": _RETRIEVAL,
        "chain": _STEP,
    },
}
"""The attributes that say what a span is, the surest first, and what their values (in lower case) mean."""

PROVIDERS: Final = {
    "azure": "azure.ai.openai",
    "az.ai.openai": "azure.ai.openai",
    "az.ai.inference": "azure.ai.inference",
    "aws": "aws.bedrock",
    "bedrock": "aws.bedrock",
    "amazon": "aws.bedrock",
    "vertex_ai": "gcp.vertex_ai",
    "vertexai": "gcp.vertex_ai",
    "gemini": "gcp.gemini",
    "google": "gcp.gen_ai",
    "google_genai": "gcp.gen_ai",
    "google-gla": "gcp.gemini",
    "google-vertex": "gcp.vertex_ai",
    "mistralai": "mistral_ai",
    "mistral": "mistral_ai",
    "xai": "x_ai",
    "watsonx": "ibm.watsonx.ai",
}
"""Older and other names (in lower case) of providers, and what the GenAI conventions call them now."""

MESSAGE_EVENTS: Final = {
    "gen_ai.system.message": "system",
    "gen_ai.user.message": "user",
    "gen_ai.assistant.message": "assistant",
    "gen_ai.tool.message": "tool",
    "gen_ai.choice": "assistant",
    "gen_ai.content.prompt": "user",
    "gen_ai.content.completion": "assistant",
}
"""Events that hold a message, and whose it is."""
