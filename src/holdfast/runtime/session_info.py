"""What is told of a session when it opens."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct, field

__all__ = ["SessionInfo"]


class SessionInfo(Struct, frozen=True, kw_only=True):
    """Who works on what. `handed_from` and `handoff_reason` say who handed the work over, and why. `controls` is
    what holds the session, see `holdfast.runtime.controls`."""

    role: str
    phase: str
    worker_id: str
    project_id: int | None = None
    handed_from: str | None = None
    handoff_reason: str | None = None
    controls: Mapping[str, object] = field(default_factory=dict[str, object])
