"""What is told of a session when it opens."""

from __future__ import annotations

from msgspec import Struct

__all__ = ["SessionInfo"]


class SessionInfo(Struct, frozen=True, kw_only=True):
    """Who works on what. `handed_from` and `handoff_reason` say who handed the work over, and why."""

    role: str
    phase: str
    worker_id: str
    project_id: int | None = None
    handed_from: str | None = None
    handoff_reason: str | None = None
