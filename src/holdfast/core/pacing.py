"""A call's way through the rate limits: it takes its place, sleeps until that comes, and says what it took."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from holdfast.core.flow import Flow, Sleep
from holdfast.core.ports import Notices
from holdfast.core.ratelimit import RateLimiter, Slot
from holdfast.errors import RateWaitTooLongError
from holdfast.wire.agent_events import AgentEventName, AgentEventStatus

__all__ = ["Pace", "Place"]


class Place:
    """One call's place. `went` or `left` it, once; what comes after is ignored."""

    __slots__ = ("_limiter", "_now", "_slot")

    def __init__(self, limiter: RateLimiter, slot: Slot, now: Callable[[], float]) -> None:
        self._limiter = limiter
        self._slot = slot
        self._now = now

    def went(self, tokens: int) -> None:
        """The call was made, and took so many tokens."""
        self._limiter.settle(self._slot, tokens, self._now())

    def left(self) -> None:
        """The call was not made."""
        self._limiter.release(self._slot, self._now())


class Pace:
    """The rate limits of a session, by model or tool. A limiter that is there for `other` keys limits each of them
    on its own."""

    __slots__ = ("_limiters", "_notices", "_now", "_other")

    def __init__(
        self,
        limiters: Mapping[str, RateLimiter],
        notices: Notices,
        now: Callable[[], float],
        *,
        other: RateLimiter | None = None,
    ) -> None:
        self._limiters = limiters
        self._notices = notices
        self._now = now
        self._other = other

    def place(self, key: str, tokens: int, ends_at: float | None) -> Flow[Place | None]:
        """A place for a call of about so many tokens, once its turn has come; None where nothing limits it. Raises
        `RateWaitTooLongError` at once where that would be after `ends_at`."""
        limiter = self._limiters.get(key, self._other)
        if limiter is None:
            return None
        now = self._now()
        slot = limiter.reserve(key, now, tokens=tokens, max_wait=None if ends_at is None else ends_at - now)
        if not isinstance(slot, Slot):
            raise RateWaitTooLongError(key, slot)
        place = Place(limiter, slot, self._now)
        if slot.wait > 0:
            self._notices.tell(
                AgentEventName.RATE_LIMIT_WAITED,
                AgentEventStatus.RUNNING,
                f"{key}: waits {slot.wait:.3g} s",
                {"key": key, "seconds": slot.wait},
            )
            try:
                yield Sleep(seconds=slot.wait, reason=f"the rate limit of {key}")
            except BaseException:
                place.left()
                raise
        return place
