"""The records of the HTTP API."""

from prefactor_http.models.agent_instance import (
    AgentInstance,
    AgentInstanceSpanCounts,
    AgentSchemaVersionForRegister,
    AgentVersionForRegister,
    FinishInstanceRequest,
    RegisterAgentInstanceRequest,
    SpanTypeSchemaForCreate,
    TimestampRequest,
)
from prefactor_http.models.agent_span import AgentSpan, CreateAgentSpanRequest, FinishSpanRequest
from prefactor_http.models.base import (
    ApiError,
    ApiResponse,
    DetailedApiError,
    ListResponse,
    PaginationOutput,
    Sorting,
)
from prefactor_http.models.bulk import BulkItem, BulkOutput, BulkRequest, BulkResponse

__all__ = [
    "AgentInstance",
    "AgentInstanceSpanCounts",
    "AgentSchemaVersionForRegister",
    "AgentSpan",
    "AgentVersionForRegister",
    "ApiError",
    "ApiResponse",
    "BulkItem",
    "BulkOutput",
    "BulkRequest",
    "BulkResponse",
    "CreateAgentSpanRequest",
    "DetailedApiError",
    "FinishInstanceRequest",
    "FinishSpanRequest",
    "ListResponse",
    "PaginationOutput",
    "RegisterAgentInstanceRequest",
    "Sorting",
    "SpanTypeSchemaForCreate",
    "TimestampRequest",
]
