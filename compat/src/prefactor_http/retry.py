"""Calling again, with a growing and jittered wait."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from typing import Any

from prefactor_http.config import HttpClientConfig
from prefactor_http.exceptions import PrefactorRetryExhaustedError

__all__ = ["RetryHandler"]

_JITTER = 0.25


class RetryHandler:
    """Runs an operation until it succeeds, fails for good, or `max_retries` more attempts have failed."""

    def __init__(self, config: HttpClientConfig) -> None:
        self._config = config

    def delay(self, retry: int) -> float:
        """Seconds to wait before retry number `retry`, counted from 0."""
        config = self._config
        planned = min(config.initial_retry_delay * config.retry_multiplier**retry, config.max_retry_delay)
        return planned * random.uniform(1 - _JITTER, 1 + _JITTER)  # noqa: S311 - spreads load, guards nothing

    async def execute(
        self,
        operation: Callable[..., Any],
        is_retryable: Callable[[Exception], bool],
        *args: Any,
        **kwargs: Any,
    ) -> Any:
        """What `operation(*args, **kwargs)` returns.

        An error that `is_retryable` refuses is raised as it is; after the last attempt
        `PrefactorRetryExhaustedError` carries the last one. Cancellation is never retried.
        """
        attempts = self._config.max_retries + 1
        last: Exception | None = None
        for attempt in range(attempts):
            if attempt:
                await asyncio.sleep(self.delay(attempt - 1))
            try:
                return await operation(*args, **kwargs)
            except Exception as error:
                if not is_retryable(error):
                    raise
                last = error
        raise PrefactorRetryExhaustedError(f"gave up after {attempts} attempts: {last}", last) from last
