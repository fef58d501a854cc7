"""What the client raises when it is used wrongly. Recording itself never raises."""

from __future__ import annotations

__all__ = [
    "ClientAlreadyInitializedError",
    "ClientNotInitializedError",
    "InstanceNotFoundError",
    "OperationError",
    "PrefactorCoreError",
    "SpanNotFoundError",
]


class PrefactorCoreError(Exception):
    """The base of all that this package raises."""


class ClientNotInitializedError(PrefactorCoreError):
    """The client was used before `initialize()` or after `close()`."""


class ClientAlreadyInitializedError(PrefactorCoreError):
    """`initialize()` was called a second time."""


class OperationError(PrefactorCoreError):
    """For handlers and queues of the caller's own: an operation cannot be carried out. `operation_type` names it."""

    def __init__(self, message: str, operation_type: str | None = None) -> None:
        super().__init__(message)
        self.operation_type = operation_type


class InstanceNotFoundError(PrefactorCoreError):
    """Never raised by this client, which records what belongs to unknown instances too; kept for `except`."""


class SpanNotFoundError(PrefactorCoreError):
    """Never raised by this client, which ends unknown spans by their ids too; kept for `except`."""
