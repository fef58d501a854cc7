"""The HTTP client of the agent-recording API, under its old name."""

from prefactor_http.client import PrefactorHttpClient
from prefactor_http.config import HttpClientConfig
from prefactor_http.exceptions import (
    PrefactorApiError,
    PrefactorAuthError,
    PrefactorClientError,
    PrefactorHttpError,
    PrefactorNotFoundError,
    PrefactorRetryExhaustedError,
    PrefactorValidationError,
)
from prefactor_http.models import AgentInstance, AgentSpan, BulkItem, BulkOutput, BulkRequest, BulkResponse

__all__ = [
    "AgentInstance",
    "AgentSpan",
    "BulkItem",
    "BulkOutput",
    "BulkRequest",
    "BulkResponse",
    "HttpClientConfig",
    "PrefactorApiError",
    "PrefactorAuthError",
    "PrefactorClientError",
    "PrefactorHttpClient",
    "PrefactorHttpError",
    "PrefactorNotFoundError",
    "PrefactorRetryExhaustedError",
    "PrefactorValidationError",
]
