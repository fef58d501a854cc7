"""Telemetry never raises into agent code: what goes wrong inside a recording call ends here."""

from __future__ import annotations

import logging
import threading
from time import monotonic
from typing import Final

__all__ = ["Guard"]

_LOG: Final = logging.getLogger("holdfast")
_SECONDS_BETWEEN_LINES: Final = 60.0


class Guard:
    """Takes the exceptions of recording calls: counted, and logged once a minute; under test raised again."""

    __slots__ = ("_lock", "_next_line", "_unsaid", "count", "raise_errors")

    def __init__(self, *, raise_errors: bool = False) -> None:
        self.raise_errors = raise_errors
        self.count = 0
        self._unsaid = 0
        self._next_line = 0.0
        self._lock = threading.Lock()

    def took(self, error: Exception, doing: str) -> None:
        """A bug of ours, in the `except` block. Raises `error` again when the client was told to."""
        if self.raise_errors:
            raise error
        unsaid = self._count()
        if unsaid:
            _LOG.warning(
                "could not record %s (%d such calls since the last such line); the agent goes on. "
                "Please report this with the traceback below.",
                doing,
                unsaid,
                exc_info=error,
            )

    def misused(self, error: Exception, what: str) -> None:
        """A caller's mistake that is mended or left out. Raises `error` again when the client was told to."""
        if self.raise_errors:
            raise error
        self.dropped(f"{what} cannot be used as given: {error}")

    def dropped(self, what: str) -> None:
        """Count and log a call that asked for something that cannot be done, such as an unknown span's end."""
        unsaid = self._count()
        if unsaid:
            _LOG.warning("%s (%d such calls since the last such line)", what, unsaid)

    def _count(self) -> int:
        """How many calls a line now would speak for; 0 where it is not yet time for one."""
        with self._lock:
            self.count += 1
            self._unsaid += 1
            if monotonic() < self._next_line:
                return 0
            self._next_line = monotonic() + _SECONDS_BETWEEN_LINES
            unsaid, self._unsaid = self._unsaid, 0
            return unsaid

    def rearm(self) -> None:
        """To be called in a forked child: another thread of the parent may have held the lock."""
        self._lock = threading.Lock()
