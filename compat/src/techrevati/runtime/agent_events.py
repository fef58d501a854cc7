"""Events, which are Holdfast's own. The enums have the members of the original and further ones."""

from holdfast.runtime import AgentEvent, AgentEventName, AgentEventStatus, AgentFailureClass

__all__ = ["AgentEvent", "AgentEventName", "AgentEventStatus", "AgentFailureClass"]
