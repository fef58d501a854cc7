"""Workers and their registry, which are Holdfast's own."""

from holdfast.core.lifecycle import (
    AgentRegistry,
    AgentStatus,
    AgentWorker,
    AgentWorkerEvent,
    InvalidTransitionError,
)

__all__ = ["AgentRegistry", "AgentStatus", "AgentWorker", "AgentWorkerEvent", "InvalidTransitionError"]
