"""What the bodies of error responses hold, whatever their shape."""

from __future__ import annotations

from typing import Any, Final

from holdfast.core.failures.plain import Json, parse
from holdfast.core.failures.waits import duration

__all__ = ["Found"]

_CODE_KEYS: Final = (
    "code",
    "type",
    "status",
    "reason",
    "error_code",
    "errorcode",
    "error_type",
    "errortype",
    "__type",
    "finish_reason",
    "finishreason",
    "blockreason",
    "quotaid",
)
_MESSAGE_KEYS: Final = (
    "message",
    "error_message",
    "error_description",
    "msg",
    "detail",
    "title",
    "errormessage",
)
_NESTED_KEYS: Final = (
    "error",
    "errors",
    "detail",
    "details",
    "metadata",
    "innererror",
    "inner_error",
    "raw",
    "body",
    "response",
    "violations",
    "promptfeedback",
    "message",
)


class Found:
    """Codes, sentences, status and delay of all the documents of one exception, in the order of reading."""

    def __init__(self) -> None:
        self.codes: list[str] = []
        self.messages: list[str] = []
        self.status: int | None = None
        self.delay: float | None = None

    def look(self, document: Json, depth: int = 0) -> None:
        if depth > 5:
            return
        if isinstance(document, str):
            inner = parse(document)
            if isinstance(inner, dict | list):
                self.look(inner, depth + 1)
            elif document.strip() and (depth or not document.lstrip().startswith("<")):  # not a proxy's page
                self.messages.append(document)
        elif isinstance(document, list):
            for item in document:
                self.look(item, depth + 1)
        elif isinstance(document, dict):
            self._look_into({key.lower(): value for key, value in document.items()}, depth)

    def _look_into(self, document: dict[str, Any], depth: int) -> None:
        for key in _CODE_KEYS:
            self._code(document.get(key))
        for key in ("status_code", "statuscode", "http_status"):
            self._code(document.get(key))
        if isinstance(delay := document.get("retrydelay"), str):
            self.delay = duration(delay)
        elif isinstance(delay := document.get("retry_after"), int | float) and not isinstance(delay, bool):
            self.delay = float(delay)
        for key in _MESSAGE_KEYS:
            value = document.get(key)
            if isinstance(value, str) and value.strip() and parse(value) is None:
                self.messages.append(value)
        for key in _NESTED_KEYS:
            if key in document and not (key in _MESSAGE_KEYS and _is_sentence(document[key])):
                self.look(document[key], depth + 1)

    def _code(self, value: Any) -> None:
        if isinstance(value, str) and 0 < len(value) <= 120 and value != "error":
            if value.isdecimal():
                self._status(int(value))
            else:
                self.codes.append(value)
        elif isinstance(value, int) and not isinstance(value, bool):
            self._status(value)

    def _status(self, value: int) -> None:
        if self.status is None and 400 <= value <= 599:
            self.status = value


def _is_sentence(value: Any) -> bool:
    """Whether the value is a sentence rather than a document written out."""
    return isinstance(value, str) and parse(value) is None
