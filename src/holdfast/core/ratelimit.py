"""Rate limits: how long a call must wait for its turn, computed and never polled.

A token bucket per key, for requests and for tokens. A call is told when both will have enough for it; it sleeps
that long and goes. Its share is taken from the buckets as they will be at that moment, and who comes later goes
no sooner than that: first come, first served, and nobody is overtaken for ever.
"""

from __future__ import annotations

from math import isfinite
from threading import Lock
from typing import Final

from msgspec import Struct
from msgspec.structs import asdict

from holdfast.errors import InvalidInputError

__all__ = ["RateLimit", "RateLimiter", "Slot"]


class RateLimit(Struct, frozen=True, kw_only=True):
    """What a key may use. None is no limit. `burst` is how many seconds' worth may be used at once after a
    pause: 60 is what providers with limits per minute grant; small values spread calls evenly."""

    requests_per_minute: float | None = None
    tokens_per_minute: float | None = None
    burst: float = 60.0

    def __post_init__(self) -> None:
        for name, value in asdict(self).items():
            if value is not None and not (isfinite(value) and value > 0):
                raise InvalidInputError(
                    name, f"{value} is no rate", "give a number above 0, or None for no limit"
                )


class Slot:
    """A call's place: it may go after `wait` seconds. `tokens` is what was taken for it."""

    __slots__ = ("key", "open", "tokens", "wait")

    def __init__(self, key: str, tokens: int, wait: float) -> None:
        self.key = key
        self.tokens = tokens
        self.wait = wait
        self.open = True


_IDLE_KEYS: Final = 1024


class RateLimiter:
    """One limit, for each key on its own (a provider, a model, a tenant). Threads and tasks may share it.

    `now` is in seconds on one clock that does not run backwards. Over any stretch of t seconds the calls that
    went for one key took at most rate × (burst + t) and one call more; what a call takes beyond its estimate
    is debt for those that follow.
    """

    def __init__(self, limit: RateLimit) -> None:
        self.limit = limit
        self._lock = Lock()
        self._keys: dict[str, _Buckets] = {}
        self._sweep_at = _IDLE_KEYS

    def reserve(
        self, key: str, now: float, *, tokens: int = 0, max_wait: float | None = None
    ) -> Slot | float:
        """A place for one call of about `tokens` tokens. With `max_wait` a call that would wait longer takes
        nothing, and the answer is the seconds that it would have waited."""
        if tokens < 0:
            raise InvalidInputError("tokens", f"{tokens} is negative", "give an estimate of 0 or more")
        with self._lock:
            buckets = self._buckets(key, now)
            goes_at = buckets.ready_at(tokens)
            wait = goes_at - now
            if max_wait is not None and wait > max_wait:
                return wait
            buckets.refill(goes_at)
            buckets.take(1, tokens)
            return Slot(key, tokens, wait)

    def settle(self, slot: Slot, tokens: int, now: float) -> None:
        """The call went and took `tokens`: the difference to its estimate is given back or taken. Once."""
        self._close(slot, 0, tokens - slot.tokens, now)

    def release(self, slot: Slot, now: float) -> None:
        """The call did not go: its place is free for those who come. Who waits already waits as computed."""
        self._close(slot, -1, -slot.tokens, now)

    @property
    def keys(self) -> int:
        """How many keys are kept: those that still owe something, and about a thousand more."""
        return len(self._keys)

    def _close(self, slot: Slot, requests: int, tokens: int, now: float) -> None:
        with self._lock:
            if slot.open:
                slot.open = False
                self._buckets(slot.key, now).take(requests, tokens)

    def _buckets(self, key: str, now: float) -> _Buckets:
        found = self._keys.get(key)
        if found is None:
            if len(self._keys) >= self._sweep_at:
                self._forget_idle(now)
                self._sweep_at = len(self._keys) + _IDLE_KEYS
            found = self._keys[key] = _Buckets(self.limit, now)
        found.refill(now)
        return found

    def _forget_idle(self, now: float) -> None:
        """Full buckets are as good as none. Where many keys are busy there are as many buckets."""
        for key, buckets in list(self._keys.items()):
            buckets.refill(now)
            if buckets.full:
                del self._keys[key]


class _Buckets:
    """What is left of requests and of tokens at the moment `_at`, which lies ahead while calls wait for theirs;
    negative is debt. Rates are per second."""

    __slots__ = ("_at", "_request_cap", "_request_rate", "_requests", "_token_cap", "_token_rate", "_tokens")

    def __init__(self, limit: RateLimit, now: float) -> None:
        self._request_rate = None if limit.requests_per_minute is None else limit.requests_per_minute / 60
        self._token_rate = None if limit.tokens_per_minute is None else limit.tokens_per_minute / 60
        self._requests = self._request_cap = max(1.0, (self._request_rate or 0.0) * limit.burst)
        self._tokens = self._token_cap = (self._token_rate or 0.0) * limit.burst
        self._at = now

    @property
    def full(self) -> bool:
        return self._requests >= self._request_cap and self._tokens >= self._token_cap

    def refill(self, now: float) -> None:
        passed = now - self._at
        if passed > 0:
            self._at = now
            self._requests = min(self._request_cap, self._requests + passed * (self._request_rate or 0.0))
            self._tokens = min(self._token_cap, self._tokens + passed * (self._token_rate or 0.0))

    def ready_at(self, tokens: int) -> float:
        """When a call may go, after all that came before it. One larger than the burst goes when that is full."""
        wait = 0.0
        if self._request_rate is not None and self._requests < 1:
            wait = (1 - self._requests) / self._request_rate
        if self._token_rate is not None and self._tokens < min(tokens, self._token_cap):
            wait = max(wait, (min(tokens, self._token_cap) - self._tokens) / self._token_rate)
        return self._at + wait

    def take(self, requests: int, tokens: int) -> None:
        if self._request_rate is not None:
            self._requests = min(self._request_cap, self._requests - requests)
        if self._token_rate is not None:
            self._tokens = min(self._token_cap, self._tokens - tokens)
