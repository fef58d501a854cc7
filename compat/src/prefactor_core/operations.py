"""The unit of work that travels through a queue."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum, auto
from typing import Any

__all__ = ["Operation", "OperationType"]


class OperationType(Enum):
    REGISTER_AGENT_INSTANCE = auto()
    START_AGENT_INSTANCE = auto()
    FINISH_AGENT_INSTANCE = auto()
    CREATE_SPAN = auto()
    FINISH_SPAN = auto()
    UPDATE_SPAN_PAYLOAD = auto()


@dataclass(frozen=True)
class Operation:
    """What is to be recorded, as of `timestamp` (UTC, whenever it is carried out)."""

    type: OperationType
    payload: dict[str, Any]
    timestamp: datetime
    idempotency_key: str | None = None
    metadata: dict[str, Any] = field(default_factory=dict)
