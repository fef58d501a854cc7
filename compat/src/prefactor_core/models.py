"""Instances and spans as the client remembers them."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

__all__ = ["AgentInstance", "Span"]


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass
class AgentInstance:
    """`status` is pending, active, complete, failed or cancelled. Times are UTC."""

    id: str
    agent_id: str
    status: str = "pending"
    created_at: datetime = field(default_factory=_now)
    started_at: datetime | None = None
    finished_at: datetime | None = None
    metadata: dict[str, Any] = field(default_factory=dict)


@dataclass
class Span:
    """`status` is pending, active, complete, failed or cancelled. Times are UTC."""

    id: str
    instance_id: str
    schema_name: str
    parent_span_id: str | None = None
    status: str = "pending"
    payload: dict[str, Any] = field(default_factory=dict)
    created_at: datetime = field(default_factory=_now)
    started_at: datetime | None = None
    finished_at: datetime | None = None
