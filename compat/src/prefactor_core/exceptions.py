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
    """An operation cannot be carried out. `operation_type` names it."""

    def __init__(self, message: str, operation_type: str | None = None) -> None:
        super().__init__(message)
        self.operation_type = operation_type


class InstanceNotFoundError(PrefactorCoreError):
    """No instance of that id was made by this client."""


class SpanNotFoundError(PrefactorCoreError):
    """No span of that id was made by this client, or it is finished and forgotten."""
