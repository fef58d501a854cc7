"""Who is to blame for an answer such as 500: the server, or something in the very request.

Proof against the request is that the server accepts others before and after it. Where nothing else waits to be
sent, the operation that was accepted last serves as the other one: it takes effect only once, however often it
comes. A ping would prove less, since a server whose database is gone may still answer it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

__all__ = ["MOST_ATTEMPTS", "Part", "Standing"]

MOST_ATTEMPTS: Final = 8
"""So often is an operation repeated that alone fails inside a server that works, before it is set aside like
a refused one: it would hold up all that comes after it."""
_BEFORE_HALVING: Final = 3
"""So often does a part fail, with no proof either way, before it is halved. That is harmless, if slow to
send, where it was the server's fault."""
_LARGEST_SAMPLE: Final = 64 << 10


@dataclass(slots=True)
class Standing:
    """How exporter and server get on, over all batches. `failures` counts those since the last success."""

    failures: int = 0
    successes: int = 0
    sample: bytes | None = None

    def succeeded(self, record: bytes) -> None:
        """The server took a request, this record among others."""
        self.failures = 0
        self.successes += 1
        if len(record) <= _LARGEST_SAMPLE:
            self.sample = record


@dataclass(slots=True, kw_only=True)
class Part:
    """Records of a batch that travel in one request. `hunted`: it was cut from one that made the server fail."""

    records: list[bytes]
    hunted: bool = False
    failures: int = 0
    _proofs: int = 0
    _failed_at: int = -1

    def failed(self, standing: Standing) -> None:
        """It made the server fail, as it seems; again, if it did before."""
        if self.failures and self._failed_at != standing.successes:
            self._proofs += 1
        self.failures += 1
        self._failed_at = standing.successes

    def unproven(self, standing: Standing) -> bool:
        """Whether nothing was accepted since this failed, and it is time to know why."""
        suspected = self.hunted or self.failures >= _BEFORE_HALVING
        return suspected and self.failures > 0 and self._failed_at == standing.successes

    @property
    def guilty(self) -> bool:
        """Whether a single record has failed so often, others being accepted in between, that it is to blame."""
        return len(self.records) == 1 and self._proofs + 1 >= MOST_ATTEMPTS

    def halves(self) -> list[Part]:
        """What to send in its place: two halves once that helps to find the culprit, else the part itself."""
        if len(self.records) == 1 or not (self._proofs or self.failures >= _BEFORE_HALVING):
            return [self]
        middle = len(self.records) // 2
        return [Part(records=half, hunted=True) for half in (self.records[:middle], self.records[middle:])]
