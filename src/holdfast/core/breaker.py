"""The circuit breaker as a state machine: told the time, it gives permits and hears what became of them."""

from __future__ import annotations

from math import isfinite
from threading import Lock

from holdfast.errors import CircuitOpenError, InvalidInputError
from holdfast.wire.runtime_vocabulary import CircuitState

__all__ = ["Breaker", "CircuitOpenError", "CircuitState", "Permit"]


class Permit:
    """Leave to make one call, from `Breaker.acquire`. It is settled once; what comes after is ignored."""

    __slots__ = ("epoch", "settled")

    def __init__(self, epoch: int) -> None:
        self.epoch = epoch
        self.settled = False


class Breaker:
    """closed → open after `failure_threshold` failures in a row; open → half-open after
    `recovery_timeout_seconds`; half-open lets `half_open_max_probes` calls through at a time, closes on the
    first that succeeds and opens again on the first that fails.

    `now` is in seconds on any clock that does not run backwards, the same for all calls. Threads and tasks
    may share a breaker: nothing here waits or calls back.

    A permit belongs to the state in which it was given. The outcome of a call that began before the circuit
    last changed says nothing about how things stand now, and counts for nothing. A permit must be settled on
    every way out of the call: `release` where there is no verdict, as after a cancellation.
    """

    __slots__ = (
        "_epoch",
        "_failures",
        "_lock",
        "_opened_at",
        "_probes",
        "_state",
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
    ) -> None:
        if failure_threshold < 1:
            raise InvalidInputError("failure_threshold", f"{failure_threshold} is below 1", "say 1 or more")
        if half_open_max_probes < 1:
            raise InvalidInputError(
                "half_open_max_probes", f"{half_open_max_probes} would never close again", "say 1 or more"
            )
        if not (isfinite(recovery_timeout_seconds) and recovery_timeout_seconds >= 0):
            raise InvalidInputError(
                "recovery_timeout_seconds", f"{recovery_timeout_seconds} is no duration", "say 0 or more"
            )
        self.name = name
        self.failure_threshold = failure_threshold
        self.recovery_timeout_seconds = recovery_timeout_seconds
        self.half_open_max_probes = half_open_max_probes
        self._lock = Lock()
        self._state = CircuitState.CLOSED
        self._epoch = 0
        self._failures = 0
        self._probes = 0
        self._opened_at = 0.0

    def acquire(self, now: float) -> Permit:
        """Leave to make one call at `now`; raises `CircuitOpenError` where there is none."""
        with self._lock:
            if self._state is not CircuitState.CLOSED:
                self._admit_probe(now)
            return Permit(self._epoch)

    def success(self, permit: Permit) -> None:
        with self._lock:
            if self._settle(permit):
                self._succeeded()

    def failure(self, permit: Permit, now: float) -> None:
        with self._lock:
            if self._settle(permit):
                self._failed(now)

    def release(self, permit: Permit) -> None:
        """The call ended without a verdict: its place is free again and nothing is counted."""
        with self._lock:
            self._settle(permit)

    def record_success(self, now: float) -> None:
        """A call that had no permit succeeded. While the circuit is open this changes nothing."""
        with self._lock:
            self._half_open_if_due(now)
            if self._state is not CircuitState.OPEN:
                self._succeeded()

    def record_failure(self, now: float) -> None:
        """A call that had no permit failed. While the circuit is open this changes nothing."""
        with self._lock:
            self._half_open_if_due(now)
            if self._state is not CircuitState.OPEN:
                self._failed(now)

    def state(self, now: float) -> CircuitState:
        """The state at `now`: half-open once the timeout has passed, before any call."""
        with self._lock:
            self._half_open_if_due(now)
            return self._state

    def reset(self) -> None:
        """Close, and forget what was counted. Calls in flight no longer count."""
        with self._lock:
            self._change(CircuitState.CLOSED)

    def _admit_probe(self, now: float) -> None:
        self._half_open_if_due(now)
        if self._state is CircuitState.OPEN:
            raise CircuitOpenError(self.name, self._opened_at + self.recovery_timeout_seconds - now)
        if self._probes >= self.half_open_max_probes:
            raise CircuitOpenError(self.name, 0.0)
        self._probes += 1

    def _settle(self, permit: Permit) -> bool:
        """Whether the permit's outcome still counts."""
        if permit.settled:
            return False
        permit.settled = True
        if permit.epoch != self._epoch:
            return False
        if self._state is CircuitState.HALF_OPEN:
            self._probes -= 1
        return True

    def _succeeded(self) -> None:
        if self._state is CircuitState.HALF_OPEN:
            self._change(CircuitState.CLOSED)
        self._failures = 0

    def _failed(self, now: float) -> None:
        self._failures += 1
        if self._state is CircuitState.HALF_OPEN or self._failures >= self.failure_threshold:
            self._change(CircuitState.OPEN)
            self._opened_at = now

    def _half_open_if_due(self, now: float) -> None:
        if self._state is CircuitState.OPEN and now - self._opened_at >= self.recovery_timeout_seconds:
            self._change(CircuitState.HALF_OPEN)

    def _change(self, state: CircuitState) -> None:
        self._state = state
        self._epoch += 1
        self._failures = 0
        self._probes = 0
