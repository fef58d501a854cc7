"""The circuit breaker that users hold: `holdfast.core.breaker` with a clock, around a call or a block."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from time import monotonic
from types import CoroutineType, TracebackType
from typing import ParamSpec, TypeVar, cast

from holdfast.core.breaker import Breaker, CircuitState, Permit
from holdfast.errors import CircuitOpenError, HoldfastError, InvalidInputError

__all__ = ["AsyncCircuitBreaker", "CircuitBreaker", "CircuitOpenError", "CircuitState", "Guard"]

P = ParamSpec("P")
T = TypeVar("T")


class CircuitBreaker:
    """One breaker for threads and tasks alike; `holdfast.core.breaker.Breaker` tells the rules.

    An `Exception` out of a guarded call counts as a failure, unless `counts` is given and says False to it:
    an invalid request, say, is no sign that a provider is down. Such an error, one of Holdfast's own, a
    cancellation and every other `BaseException` give the permit back without a verdict.
    """

    __slots__ = (
        "_breaker",
        "_clock",
        "_counts",
        "failure_threshold",
        "half_open_max_probes",
        "name",
        "recovery_timeout_seconds",
    )

    def __init__(
        self,
        name: str,
        failure_threshold: int = 5,
        recovery_timeout_seconds: float = 60.0,
        half_open_max_probes: int = 1,
        clock: Callable[[], float] = monotonic,
        *,
        counts: Callable[[Exception], bool] | None = None,
    ) -> None:
        self._breaker = Breaker(name, failure_threshold, recovery_timeout_seconds, half_open_max_probes)
        self.name = name
        self.failure_threshold = failure_threshold
        self.recovery_timeout_seconds = recovery_timeout_seconds
        self.half_open_max_probes = half_open_max_probes
        self._clock = clock
        self._counts = counts

    def call(self, fn: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """What `fn` returns; raises `CircuitOpenError` without calling it while the circuit is open.

        A function that returns a coroutine is refused with `InvalidInputError`: nothing would have run yet.
        """
        with self.guard():
            result = fn(*args, **kwargs)
            if type(result) is CoroutineType:
                cast("CoroutineType[object, object, object]", result).close()
                raise InvalidInputError("fn", "returned a coroutine", "use acall")
            return result

    async def acall(self, coro_factory: Callable[P, Awaitable[T]], *args: P.args, **kwargs: P.kwargs) -> T:
        """As `call`, for a function that returns an awaitable."""
        with self.guard():
            return await coro_factory(*args, **kwargs)

    def guard(self) -> Guard:
        """A context manager around one call, in sync and in async code: `with breaker.guard(): …`. Entering
        it raises `CircuitOpenError` while the circuit is open."""
        return Guard(self)

    def acquire(self) -> Permit:
        """A permit that the caller settles with `success`, `failure` or `release`, on every way out."""
        return self._breaker.acquire(self._clock())

    def success(self, permit: Permit) -> None:
        self._breaker.success(permit)

    def failure(self, permit: Permit) -> None:
        self._breaker.failure(permit, self._clock())

    def release(self, permit: Permit) -> None:
        """No verdict: the place is free again and nothing is counted."""
        self._breaker.release(permit)

    def settle(self, permit: Permit, error: BaseException | None) -> None:
        """What `guard` does on the way out: `success`, `failure` or `release`, by the error or its lack."""
        if error is None:
            self._breaker.success(permit)
            return
        failed = False
        try:
            failed = self._is_failure(error)
        finally:  # `counts` may raise: the permit is given back even then
            if failed:
                self._breaker.failure(permit, self._clock())
            else:
                self._breaker.release(permit)

    def _is_failure(self, error: BaseException) -> bool:
        if not isinstance(error, Exception) or isinstance(error, HoldfastError):
            return False
        return self._counts is None or self._counts(error)

    def record_success(self) -> None:
        self._breaker.record_success(self._clock())

    def record_failure(self) -> None:
        self._breaker.record_failure(self._clock())

    def state(self) -> CircuitState:
        return self._breaker.state(self._clock())

    def is_open(self) -> bool:
        """Whether a call now would be refused outright; half-open is not open."""
        return self.state() is CircuitState.OPEN

    def reset(self) -> None:
        self._breaker.reset()


class Guard:
    """One guarded call. It is entered once."""

    __slots__ = ("_breaker", "_permit")

    def __init__(self, breaker: CircuitBreaker) -> None:
        self._breaker = breaker
        self._permit: Permit | None = None

    def __enter__(self) -> None:
        self._permit = self._breaker.acquire()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._permit is not None:
            self._breaker.settle(self._permit, error)


class AsyncCircuitBreaker:
    """The same breaker for code that awaits each of its methods. It decides nothing itself and never waits:
    `breaker` is the one that does, and may be shared with threads."""

    __slots__ = ("breaker",)

    def __init__(
        self,
        name: str,
        failure_threshold: int = 5,
        recovery_timeout_seconds: float = 60.0,
        half_open_max_probes: int = 1,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self.breaker = CircuitBreaker(
            name, failure_threshold, recovery_timeout_seconds, half_open_max_probes, clock
        )

    @property
    def name(self) -> str:
        return self.breaker.name

    async def call(self, coro_factory: Callable[P, Awaitable[T]], *args: P.args, **kwargs: P.kwargs) -> T:
        return await self.breaker.acall(coro_factory, *args, **kwargs)

    async def record_success(self) -> None:
        self.breaker.record_success()

    async def record_failure(self) -> None:
        self.breaker.record_failure()

    async def state(self) -> CircuitState:
        return self.breaker.state()

    async def is_open(self) -> bool:
        return self.breaker.is_open()

    async def reset(self) -> None:
        self.breaker.reset()
