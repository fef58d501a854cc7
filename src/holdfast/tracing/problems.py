"""One log line a minute for each kind of problem, however often it happens."""

from __future__ import annotations

import logging
import threading
import time
from typing import Final

from holdfast.tracing.verdict import Problem

__all__ = ["ProblemLog"]

_logger: Final = logging.getLogger("holdfast")
_QUIET_SECONDS: Final = 60.0


class ProblemLog:
    """Logs to "holdfast" and remembers the last problem. Serves several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._logged_at: dict[Problem, float] = {}
        self._unlogged: dict[Problem, int] = {}
        self.last: str | None = None

    def report(self, problem: Problem, detail: str) -> None:
        """Log now, or count for the line that comes a minute after the last of this kind."""
        now = time.monotonic()
        with self._lock:
            self.last = f"{problem} ({detail})"
            count = self._unlogged.get(problem, 0) + 1
            due = now - self._logged_at.get(problem, -_QUIET_SECONDS) >= _QUIET_SECONDS
            self._unlogged[problem] = 0 if due else count
            if due:
                self._logged_at[problem] = now
        if due:
            times = f", {count} times" if count > 1 else ""
            _logger.warning("%s (%s%s). Run `holdfast doctor`.", problem, detail, times)

    def solved(self) -> None:
        """Delivery works again."""
        self.last = None
