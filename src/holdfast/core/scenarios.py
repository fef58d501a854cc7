"""The seven scenarios that recipes are written for, and how an exception comes to one."""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from holdfast.core.failures import Failure, classify
from holdfast.wire.vocabulary import FailureCategory

__all__ = ["FailureScenario", "classify_exception", "scenario_for", "scenario_of"]


class FailureScenario(StrEnum):
    """What went wrong, in the seven cases that recipes are written for."""

    LLM_TIMEOUT = "llm_timeout"
    LLM_ERROR = "llm_error"
    TOOL_EXECUTION_ERROR = "tool_execution_error"
    CONTEXT_OVERFLOW = "context_overflow"
    DEPENDENCY_TIMEOUT = "dependency_timeout"
    MEMORY_CORRUPTION = "memory_corruption"
    PROVIDER_FAILURE = "provider_failure"


_SCENARIOS: Final[Mapping[FailureCategory, FailureScenario]] = MappingProxyType(
    {
        FailureCategory.TIMEOUT: FailureScenario.LLM_TIMEOUT,
        FailureCategory.CONTEXT_OVERFLOW: FailureScenario.CONTEXT_OVERFLOW,
        FailureCategory.TOOL_ERROR: FailureScenario.TOOL_EXECUTION_ERROR,
        FailureCategory.CONNECTION_ERROR: FailureScenario.PROVIDER_FAILURE,
        FailureCategory.PROVIDER_UNAVAILABLE: FailureScenario.PROVIDER_FAILURE,
        FailureCategory.AUTH: FailureScenario.PROVIDER_FAILURE,
        FailureCategory.QUOTA_EXHAUSTED: FailureScenario.PROVIDER_FAILURE,
    }
)


_WORDS: Final = (
    (FailureScenario.LLM_TIMEOUT, r"\b(?:timeout|timed out)\b"),
    (FailureScenario.CONTEXT_OVERFLOW, r"\b(?:token limit|maximum context|context length|too many tokens)\b"),
    (FailureScenario.MEMORY_CORRUPTION, r"\b(?:corrupt\w*|malformed)\b"),
    (
        FailureScenario.PROVIDER_FAILURE,
        r"(?:^|\b(?:http|error|status|code):? )(?:401|502|503)\b|\b(?:gateway|unavailable|authentication)\b",
    ),
    (FailureScenario.TOOL_EXECUTION_ERROR, r"\btool\b.*\b(?:error|failed)\b"),
    (FailureScenario.DEPENDENCY_TIMEOUT, r"\b(?:dependency|downstream|upstream|external service)\b"),
)
"""The scenarios' own words, in order: for errors of which nothing but words is known."""

_VAGUE: Final = frozenset(
    {
        FailureCategory.UNKNOWN,
        FailureCategory.NOT_AN_ERROR,
        FailureCategory.TOOL_ERROR,
        FailureCategory.INVALID_REQUEST,
        FailureCategory.MALFORMED_OUTPUT,
        FailureCategory.PROVIDER_UNAVAILABLE,
    }
)


def scenario_for(category: FailureCategory) -> FailureScenario:
    """The scenario that a category belongs to; `LLM_ERROR` is the rest."""
    return _SCENARIOS.get(category, FailureScenario.LLM_ERROR)


def scenario_of(failure: Failure) -> FailureScenario:
    """The scenario that a failure belongs to."""
    return scenario_for(failure.category)


def classify_exception(error: BaseException) -> FailureScenario:
    """The scenario of an exception: by type, status and provider code, and by words where these are silent.

    A bare `json.JSONDecodeError` is the corrupt memory of an agent; a model's answer that cannot be read is
    an `LLM_ERROR`, as is anything that nobody knows.
    """
    if type(error).__name__ == "JSONDecodeError":
        return FailureScenario.MEMORY_CORRUPTION
    failure = classify(error)
    if failure.category in _VAGUE and failure.status is None and failure.code is None:
        text = str(error).lower()
        for scenario, words in _WORDS:
            if re.search(words, text, re.DOTALL):
                return scenario
    if (
        failure.category is FailureCategory.TOOL_ERROR
    ):  # code that runs here, and nobody says that it is a tool
        return FailureScenario.LLM_ERROR
    return scenario_of(failure)
