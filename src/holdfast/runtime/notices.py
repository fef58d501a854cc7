"""A session's events: made with its role and phase, kept for a while, handed to the sink and the record."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Mapping
from typing import Final

from holdfast.core.ports import Record
from holdfast.runtime.sinks import EventSink
from holdfast.wire.agent_events import (
    AgentEvent,
    AgentEventName,
    AgentEventStatus,
    AgentFailureClass,
    emitted_now,
)

__all__ = ["SessionEvents"]

_LOG: Final = logging.getLogger("holdfast")

_SAID_BY_PIECES: Final = frozenset(
    {
        AgentEventName.AGENT_STARTED,
        AgentEventName.AGENT_COMPLETED,
        AgentEventName.AGENT_FAILED,
        AgentEventName.AGENT_CANCELLED,
        AgentEventName.AGENT_TOOL_CALLED,
        AgentEventName.AGENT_TOOL_COMPLETED,
        AgentEventName.AGENT_TOOL_FAILED,
        AgentEventName.TURN_STARTED,
        AgentEventName.TURN_COMPLETED,
        AgentEventName.TURN_FAILED,
    }
)
"""What the record shows as the beginning and end of its pieces; to say it again would double it."""


class SessionEvents:
    """Threads and tasks may share it. A sink that raises is logged the first time and passed over."""

    __slots__ = ("_kept", "_phase", "_project_id", "_record", "_role", "_sink", "_sink_raised", "count")

    def __init__(
        self, role: str, phase: str, project_id: int | None, sink: EventSink, record: Record, keep: int
    ) -> None:
        self._role = role
        self._phase = phase
        self._project_id = project_id
        self._sink = sink
        self._sink_raised = False
        self._record = record
        self._kept = deque[AgentEvent](maxlen=keep)
        self.count = 0

    @property
    def latest(self) -> list[AgentEvent]:
        """The latest events, oldest first: a copy. `count` says how many there were in all."""
        return list(self._kept)

    def tell(
        self,
        name: AgentEventName,
        status: AgentEventStatus,
        detail: str | None = None,
        data: Mapping[str, object] | None = None,
        failure_class: AgentFailureClass | None = None,
    ) -> None:
        self.emit(
            AgentEvent(
                name,
                status,
                emitted_now(),
                self._role,
                self._phase,
                self._project_id,
                failure_class,
                detail,
                data,
            )
        )

    def emit(self, event: AgentEvent) -> None:
        self.count += 1
        self._kept.append(event)
        try:
            self._sink.emit(event)
        except Exception as error:  # noqa: BLE001 - a sink that raises never breaks a session
            if not self._sink_raised:
                self._sink_raised = True
                _LOG.warning("the event sink raised; the session goes on without it", exc_info=error)
        if event.event not in _SAID_BY_PIECES:
            self._record.note(event)
