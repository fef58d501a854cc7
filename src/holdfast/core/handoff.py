"""A handoff: one role gives its work, and what it knows, to another."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct, field

from holdfast.wire.agent_events import emitted_now

__all__ = ["Handoff"]


class Handoff(Struct, frozen=True):
    """Who gave what to whom, and why. `context` is kept as given: whoever makes the handoff copies it.

    `target_worker_id` is empty until a worker of the target role exists; `created_at` is ISO 8601 in UTC.
    """

    source_role: str
    target_role: str
    phase: str
    reason: str
    context: Mapping[str, object] = field(default_factory=dict[str, object])
    project_id: int | None = None
    target_worker_id: str = ""
    created_at: str = field(default_factory=emitted_now)

    def to_dict(self) -> dict[str, object]:
        return {
            "source_role": self.source_role,
            "target_role": self.target_role,
            "phase": self.phase,
            "reason": self.reason,
            "context": dict(self.context),
            "project_id": self.project_id,
            "target_worker_id": self.target_worker_id,
            "created_at": self.created_at,
        }
