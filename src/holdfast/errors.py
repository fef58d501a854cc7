"""Every exception that Holdfast raises, in one tree.

An error carries its data as attributes, so that a caller decides by field and never by text. What a
caller may see from the recording side is only what it asked for: recording calls themselves never raise.
"""

from __future__ import annotations


class HoldfastError(Exception):
    """The root: `except HoldfastError` catches all that Holdfast itself raises."""


# --- settings and input -----------------------------------------------------------------------------


class InvalidInputError(HoldfastError, ValueError):
    """A value given by the caller cannot be used. `field` names it, `fix` says what would be right."""

    def __init__(self, field: str, problem: str, fix: str = "") -> None:
        super().__init__(f"{field}: {problem}" + (f" ({fix})" if fix else ""))
        self.field = field
        self.problem = problem
        self.fix = fix


class SettingError(InvalidInputError):
    """A setting from an argument, the environment or the settings file has a value that cannot be used."""


class SchemaConflictError(InvalidInputError):
    """Two different schemas were registered under one span type name."""


# --- the record -------------------------------------------------------------------------------------


class RecordingError(HoldfastError):
    """Something about the record, away from the agent's own path (spool files, delivery, the server)."""


class SpoolError(RecordingError):
    """The spool directory cannot be used as asked. `path` says which."""

    def __init__(self, path: str, problem: str) -> None:
        super().__init__(f"{path}: {problem}")
        self.path = path
        self.problem = problem


class DeliveryError(RecordingError):
    """A request to the server failed.

    `status` is the HTTP status, or None where no answer came. `retry_after` is the server's wish in
    seconds, or None. `permanent` says that the same request can never succeed.
    """

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        retry_after: float | None = None,
        permanent: bool = False,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.retry_after = retry_after
        self.permanent = permanent
