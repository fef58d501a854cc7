"""Why a span failed, out of its exception events, its attributes and its status."""

from __future__ import annotations

from holdfast.server.services.otlp.conventions import Meaning
from holdfast.server.services.otlp.records import Attributes, TraceSpan
from holdfast.wire import attributes as names
from holdfast.wire.operations import RecordedError

__all__ = ["is_cancellation", "take_error"]

_CANCELLATIONS = frozenset({"CancelledError", "AbortError", "GeneratorExit", "KeyboardInterrupt"})
_TOLD = frozenset({"exception.type", "exception.message", "exception.stacktrace", "exception.escaped"})


def take_error(span: TraceSpan, meaning: Meaning) -> RecordedError:
    """The last exception of a failed span; without one what `error.type` and the status say. An exception
    that is told whole by the error is no event any more."""
    said: Attributes = {}
    for at in range(len(meaning.events) - 1, -1, -1):
        event = meaning.events[at][1]
        if event.name == "exception":
            said = event.attributes
            if _TOLD.issuperset(said):
                del meaning.events[at]
            break
    kind = said.get("exception.type") or meaning.attributes.get(names.ERROR_TYPE) or "error"
    message = said.get("exception.message") or meaning.attributes.get("error.message") or span.message
    stack = said.get("exception.stacktrace")
    category = meaning.attributes.get(names.FAILURE_CATEGORY)
    return RecordedError(
        type=str(kind),
        message=str(message),
        stack=str(stack) if stack is not None else None,
        category=category if isinstance(category, str) else None,
    )


def is_cancellation(error: RecordedError) -> bool:
    """Whether what ended a failed span was that somebody no longer wanted it."""
    return error.type.rpartition(".")[2] in _CANCELLATIONS
