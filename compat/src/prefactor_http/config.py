"""Where the server is and how patient the client is."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["HttpClientConfig"]


@dataclass
class HttpClientConfig:
    """Settings of one `PrefactorHttpClient`. Times are seconds.

    The wait before retry `n` (from 0) is `initial_retry_delay * retry_multiplier**n`, at most
    `max_retry_delay`, give or take a quarter. `max_retries` counts what comes after the first attempt.
    """

    api_url: str
    api_token: str
    request_timeout: float = 30.0
    connect_timeout: float = 10.0
    max_retries: int = 3
    initial_retry_delay: float = 1.0
    max_retry_delay: float = 60.0
    retry_multiplier: float = 2.0
    retry_on_status_codes: tuple[int, ...] = (429, 500, 502, 503, 504)
    default_idempotency_key: str | None = None
