"""What `classify` answers, and what follows from a category alone."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from msgspec import Struct

from holdfast.wire.agent_events import AgentFailureClass
from holdfast.wire.vocabulary import FailureCategory

__all__ = ["RETRYABLE", "Failure"]

RETRYABLE: Final = frozenset(
    {
        FailureCategory.RATE_LIMIT,
        FailureCategory.TIMEOUT,
        FailureCategory.PROVIDER_UNAVAILABLE,
        FailureCategory.CONNECTION_ERROR,
        FailureCategory.MALFORMED_OUTPUT,
    }
)
"""Where the same request may succeed a little later. `UNKNOWN` is not here: nobody repeats what nobody
understands."""

_CLASSES: Final[Mapping[FailureCategory, AgentFailureClass]] = MappingProxyType(
    {
        FailureCategory.RATE_LIMIT: AgentFailureClass.RATE_LIMIT,
        FailureCategory.QUOTA_EXHAUSTED: AgentFailureClass.RATE_LIMIT,
        FailureCategory.TIMEOUT: AgentFailureClass.LLM_TIMEOUT,
        FailureCategory.CONTEXT_OVERFLOW: AgentFailureClass.CONTEXT_OVERFLOW,
        FailureCategory.AUTH: AgentFailureClass.DEPENDENCY_FAILED,
        FailureCategory.PROVIDER_UNAVAILABLE: AgentFailureClass.DEPENDENCY_FAILED,
        FailureCategory.CONNECTION_ERROR: AgentFailureClass.DEPENDENCY_FAILED,
        FailureCategory.INVALID_REQUEST: AgentFailureClass.VALIDATION_ERROR,
        FailureCategory.CONTENT_FILTER: AgentFailureClass.PROMPT_REJECTION,
        FailureCategory.MALFORMED_OUTPUT: AgentFailureClass.LLM_ERROR,
        FailureCategory.TOOL_ERROR: AgentFailureClass.TOOL_ERROR,
    }
)


class Failure(Struct, frozen=True, kw_only=True):
    """Why something failed.

    `retryable` says that the same request may succeed later; `retry_after` is the other side's wish in
    seconds, None where it has none. `status` is an HTTP status, `code` the provider's own word, `reason` one
    short sentence on which evidence decided. `cause` is set on a `tool_error`: what failed below the tool.
    """

    category: FailureCategory
    retryable: bool = False
    retry_after: float | None = None
    provider: str | None = None
    status: int | None = None
    code: str | None = None
    reason: str = ""
    cause: Failure | None = None

    @property
    def failure_class(self) -> AgentFailureClass:
        """The coarser name that events carry."""
        return _CLASSES.get(self.category, AgentFailureClass.UNKNOWN)
