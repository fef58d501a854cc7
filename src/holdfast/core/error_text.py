"""An error as one line of text, whatever its class does."""

from __future__ import annotations

__all__ = ["error_text"]


def error_text(error: BaseException) -> str:
    """Its class and what it says. Where `str` of it raises, as it may in a class of an application's own, the class
    alone: what was to be told about it must not be lost with it."""
    name = type(error).__name__
    try:
        return f"{name}: {error}"
    except Exception:  # noqa: BLE001 - somebody else's `__str__`
        return name
