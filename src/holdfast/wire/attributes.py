"""The attribute names that Holdfast reads out of a span or writes into it: the field's (OpenTelemetry GenAI
semantic conventions) where it has one, `holdfast.…` where it has none."""

from __future__ import annotations

from typing import Final

OPERATION: Final = "gen_ai.operation.name"
PROVIDER: Final = "gen_ai.provider.name"
REQUEST_MODEL: Final = "gen_ai.request.model"
RESPONSE_MODEL: Final = "gen_ai.response.model"
FINISH_REASONS: Final = "gen_ai.response.finish_reasons"
INPUT_TOKENS: Final = "gen_ai.usage.input_tokens"
OUTPUT_TOKENS: Final = "gen_ai.usage.output_tokens"
CACHE_READ_TOKENS: Final = "gen_ai.usage.cache_read.input_tokens"
CACHE_WRITE_TOKENS: Final = "gen_ai.usage.cache_creation.input_tokens"
REASONING_TOKENS: Final = "gen_ai.usage.reasoning.output_tokens"
TOOL_NAME: Final = "gen_ai.tool.name"
TOOL_CALL_ID: Final = "gen_ai.tool.call.id"
AGENT_NAME: Final = "gen_ai.agent.name"
CONVERSATION_ID: Final = "gen_ai.conversation.id"
ERROR_TYPE: Final = "error.type"

AGENT_ID: Final = "gen_ai.agent.id"

ROLE: Final = "holdfast.role"
PHASE: Final = "holdfast.phase"
PROJECT: Final = "holdfast.project_id"
HANDED_FROM: Final = "holdfast.handoff.from"
HANDOFF_REASON: Final = "holdfast.handoff.reason"
TURNS: Final = "holdfast.turns"

COST_USD: Final = "holdfast.cost.usd"
COST_SOURCE: Final = "holdfast.cost.source"
COST_VERSION: Final = "holdfast.cost.price_version"
USAGE_REPEATED: Final = "holdfast.usage.repeated"
"""True on a span whose tokens and cost are those of spans inside it: totals leave them out."""
USAGE_ESTIMATED: Final = "holdfast.usage.estimated"
TIME_SYNTHETIC: Final = "holdfast.time.synthetic"
FAILURE_CATEGORY: Final = "holdfast.failure.category"
ATTEMPT: Final = "holdfast.attempt"
REDACTED: Final = "holdfast.redacted"
TRUNCATED: Final = "holdfast.truncated"
CLOSED_EARLY: Final = "holdfast.closed_early"
RUN_ID: Final = "holdfast.run.id"
"""The run that a span from elsewhere belongs to."""
RUN_INPUT: Final = "holdfast.run.input"
RUN_OUTPUT: Final = "holdfast.run.output"
