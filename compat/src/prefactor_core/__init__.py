"""Recording of agents, for programs that know it by this name; on Holdfast."""

from prefactor_core.client import PrefactorCoreClient
from prefactor_core.config import PrefactorCoreConfig, QueueConfig
from prefactor_core.context_stack import SpanContextStack
from prefactor_core.exceptions import (
    ClientAlreadyInitializedError,
    ClientNotInitializedError,
    InstanceNotFoundError,
    OperationError,
    PrefactorCoreError,
    SpanNotFoundError,
)
from prefactor_core.managers import AgentInstanceHandle, AgentInstanceManager, SpanManager
from prefactor_core.models import AgentInstance, Span
from prefactor_core.operations import Operation, OperationType
from prefactor_core.queue import InMemoryQueue, Queue, QueueClosedError, TaskExecutor
from prefactor_core.schema_registry import SchemaRegistry
from prefactor_core.span_context import SpanContext

__all__ = [
    "AgentInstance",
    "AgentInstanceHandle",
    "AgentInstanceManager",
    "ClientAlreadyInitializedError",
    "ClientNotInitializedError",
    "InMemoryQueue",
    "InstanceNotFoundError",
    "Operation",
    "OperationError",
    "OperationType",
    "PrefactorCoreClient",
    "PrefactorCoreConfig",
    "PrefactorCoreError",
    "Queue",
    "QueueClosedError",
    "QueueConfig",
    "SchemaRegistry",
    "Span",
    "SpanContext",
    "SpanContextStack",
    "SpanManager",
    "SpanNotFoundError",
    "TaskExecutor",
]
