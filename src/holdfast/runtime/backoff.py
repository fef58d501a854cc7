"""`backoff_delay` with the process's own random numbers."""

from __future__ import annotations

import random

from holdfast.core import recovery
from holdfast.core.recovery import JitterMode

__all__ = ["backoff_delay"]


def backoff_delay(
    attempt: int,
    base: float = 2.0,
    jitter: bool | JitterMode = JitterMode.DECORRELATED,
    cap: float = 60.0,
    prev_delay: float = 0.0,
) -> float:
    """Seconds to wait before retry number `attempt`; see `holdfast.core.recovery.backoff_delay`."""
    return recovery.backoff_delay(attempt, base, jitter, cap, prev_delay, draw=random.uniform)
