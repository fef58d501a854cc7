"""How recording goes, as this server process has seen it since it started: counts by account."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Final

from msgspec import Struct

from holdfast.wire.spool_state import SpoolState

__all__ = ["HEALTH_MINUTES", "HealthView", "IngestHealth"]

HEALTH_MINUTES: Final = 60
_MINUTE_NS: Final = 60_000_000_000
_CLIENTS: Final = 500


class HealthView(Struct, frozen=True, kw_only=True):
    """Operations since `since` (nanoseconds since 1970): those that were kept, refused (by error code), and
    dropped because their run has been erased. `minutes` are the operations kept in each of the last
    `HEALTH_MINUTES` minutes, the running one last. `clients` is what the processes that sent something in that
    time said last of their spools."""

    since: int
    kept: int
    refused: dict[str, int]
    dropped: int
    minutes: tuple[int, ...]
    clients: tuple[SpoolState, ...] = ()


class _Counts:
    def __init__(self) -> None:
        self.kept = 0
        self.dropped = 0
        self.refused: Counter[str] = Counter()
        self.minutes: Counter[int] = Counter()
        self.clients: dict[str, tuple[int, SpoolState]] = {}


class IngestHealth:
    """Thread-safe, and quick: every request passes here."""

    def __init__(self, clock: Callable[[], int]) -> None:
        self._clock = clock
        self._since = clock()
        self._lock = threading.Lock()
        self._accounts: dict[str, _Counts] = {}

    def note(self, account_id: str, *, kept: int = 0, dropped: int = 0, refused: Iterable[str] = ()) -> None:
        minute = self._clock() // _MINUTE_NS
        with self._lock:
            counts = self._accounts.get(account_id)
            if counts is None:
                counts = self._accounts[account_id] = _Counts()
            counts.kept += kept
            counts.dropped += dropped
            counts.refused.update(refused)
            counts.minutes[minute] += kept
            if len(counts.minutes) > 2 * HEALTH_MINUTES:
                for old in [one for one in counts.minutes if one <= minute - HEALTH_MINUTES]:
                    del counts.minutes[old]

    def heard(self, account_id: str, state: SpoolState) -> None:
        """A client told how its spool stands. Of the clients of an account the last 500 are remembered."""
        minute = self._clock() // _MINUTE_NS
        with self._lock:
            counts = self._accounts.setdefault(account_id, _Counts())
            counts.clients.pop(state.client, None)
            counts.clients[state.client] = minute, state
            if len(counts.clients) > _CLIENTS:
                del counts.clients[next(iter(counts.clients))]

    def of(self, account_id: str) -> HealthView:
        last = self._clock() // _MINUTE_NS
        with self._lock:
            counts = self._accounts.get(account_id) or _Counts()
            return HealthView(
                since=self._since,
                kept=counts.kept,
                refused=dict(counts.refused),
                dropped=counts.dropped,
                minutes=tuple(counts.minutes[last - back] for back in reversed(range(HEALTH_MINUTES))),
                clients=tuple(
                    state for minute, state in counts.clients.values() if minute > last - HEALTH_MINUTES
                ),
            )
