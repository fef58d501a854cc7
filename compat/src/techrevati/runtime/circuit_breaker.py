"""The circuit breaker, which is Holdfast's own: one for threads and tasks."""

from holdfast.core.breaker import CircuitState
from holdfast.runtime import AsyncCircuitBreaker, CircuitBreaker, CircuitOpenError

__all__ = ["AsyncCircuitBreaker", "CircuitBreaker", "CircuitOpenError", "CircuitState"]
