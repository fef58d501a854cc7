"""What the HTTP layer raises. An answer of the server becomes the class that fits its status."""

from __future__ import annotations

from typing import Any

__all__ = [
    "PrefactorApiError",
    "PrefactorAuthError",
    "PrefactorClientError",
    "PrefactorHttpError",
    "PrefactorNotFoundError",
    "PrefactorRetryExhaustedError",
    "PrefactorValidationError",
    "error_for",
]


class PrefactorHttpError(Exception):
    """The base of all that this package raises."""


class PrefactorApiError(PrefactorHttpError):
    """The server answered with an error. `code` is its word for it, `status_code` the HTTP status."""

    def __init__(self, message: str, code: str, status_code: int) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.status_code = status_code


class PrefactorAuthError(PrefactorApiError):
    """401 or 403."""


class PrefactorNotFoundError(PrefactorApiError):
    """404."""


class PrefactorValidationError(PrefactorApiError):
    """400 or 422. `errors` maps each refused field to what is wrong with it."""

    def __init__(self, message: str, code: str, status_code: int, errors: dict[str, Any]) -> None:
        super().__init__(message, code, status_code)
        self.errors = errors


class PrefactorRetryExhaustedError(PrefactorHttpError):
    """Every attempt failed. `last_error` is what the last one met."""

    def __init__(self, message: str, last_error: Exception | None = None) -> None:
        super().__init__(message)
        self.last_error = last_error


class PrefactorClientError(PrefactorHttpError):
    """The request never became an answer: a broken connection, or an answer that is not JSON."""


def error_for(status: int, body: Any) -> PrefactorApiError:
    """The error that an answer of `status` with this decoded body (or None) stands for."""
    said: dict[str, Any] = body if isinstance(body, dict) else {}
    message = str(said.get("message") or f"the server answered {status}")
    code = str(said.get("code") or "unknown_error")
    if status in (401, 403):
        return PrefactorAuthError(message, code, status)
    if status == 404:
        return PrefactorNotFoundError(message, code, status)
    if status in (400, 422):
        errors = said.get("errors")
        return PrefactorValidationError(message, code, status, errors if isinstance(errors, dict) else {})
    return PrefactorApiError(message, code, status)
