"""What instances and spans are made, started and finished with."""

from prefactor_core.managers.agent_instance import AgentInstanceHandle, AgentInstanceManager
from prefactor_core.managers.span import SpanManager

__all__ = ["AgentInstanceHandle", "AgentInstanceManager", "SpanManager"]
