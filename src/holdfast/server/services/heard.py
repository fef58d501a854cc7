"""Which live runs asked for word lately: a run that waits for a person says nothing else for hours."""

from __future__ import annotations

import threading
from collections.abc import Collection
from typing import Final

__all__ = ["Heard"]

_MOST: Final = 1_000_000


class Heard:
    """Thread-safe. Only in memory: after a restart the next question comes within half a minute."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._when: dict[tuple[str, str], int] = {}

    def note(self, account_id: str, run_ids: Collection[str], now: int) -> None:
        with self._lock:
            if len(self._when) > _MOST:  # somebody makes ids up
                self._when.clear()
            for run_id in run_ids:
                self._when[account_id, run_id] = now

    def since(self, account_id: str, run_id: str, then: int) -> bool:
        """Whether the run asked at that time or later."""
        with self._lock:
            return self._when.get((account_id, run_id), -1) >= then

    def all_since(self, then: int) -> dict[str, list[str]]:
        """The runs that asked at that time or later, by account."""
        found: dict[str, list[str]] = {}
        with self._lock:
            for (account_id, run_id), when in self._when.items():
                if when >= then:
                    found.setdefault(account_id, []).append(run_id)
        return found

    def forget(self, before: int) -> None:
        """Drop what was noted before that time."""
        with self._lock:
            self._when = {run: when for run, when in self._when.items() if when >= before}
