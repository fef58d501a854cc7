"""What one exception has to say: its classes, status, codes, sentence and headers, whatever library it is of."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final, cast

from msgspec import Struct

from holdfast.core.failures.plain import Json, embedded, parse, plain, read, text_of
from holdfast.core.failures.waits import duration

__all__ = ["Evidence", "examine"]

_ENDS: Final = frozenset({"Exception", "BaseException", "object"})
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
_STATUS_IN_TEXT: Final = re.compile(
    r"(?:\b(?:error code|status[_ ]?code|http status|http error|statuscode|http|status|response code)\b[\s:='\"]{0,3}(?:is )?"
    r"|\bHTTP/\d(?:\.\d)?\s+|\bgot status: |\b(?:client|server) error '|\breturned error: )([45]\d\d)\b"
    r"|\b([45]\d\d) (?:client|server) error\b"
    r"|^\s*\[?([45]\d\d)\b\]?(?::|(?= (?:[A-Z{<\"'])))",
    re.IGNORECASE | re.MULTILINE,
)
_LEADING_CAPITAL: Final = re.compile(r"^\s*\[?([45]\d\d)\b\]?(?:\s*[:\-–]\s|\s+(?=[A-Z{<\"'\[]))")
_CODE_IN_TEXT: Final = re.compile(
    r"\bAn error occurred \((\w+)\)|\bStatusCode\.([A-Z_]+)\b|\b(?:error[_ ])?(?:code|type|reason)\s?[=:]\s?['\"]?([A-Za-z]\w{3,60})\b"
    r"|\b(?:finish|stop)[_ ]reason:? (\w+)"
)
_LEADING_CODE: Final = re.compile(r"^([a-z]+(?:_[a-z]+)+)\s?:\s")
_CLASS_IN_TEXT: Final = re.compile(
    r"(?:^|[\s\n:(])((?:[A-Za-z_]\w*\.)*[A-Z]\w*(?:Error|Exception|Timeout|Interrupt))\b(?=[:(]|\s-|$)"
)
_PROVIDERS: Final = (
    ("azure", ("azure", "openai.azure.com")),
    ("bedrock", ("bedrock", "botocore", "amazonaws")),
    ("vertex", ("vertexai", "aiplatform.googleapis")),
    ("google", ("google", "generativelanguage", "gemini")),
    ("openrouter", ("openrouter",)),
    ("groq", ("groq",)),
    ("mistral", ("mistral",)),
    ("cohere", ("cohere",)),
    ("deepseek", ("deepseek",)),
    ("together", ("together.ai", "together.xyz", "api.together")),
    ("fireworks", ("fireworks",)),
    ("huggingface", ("huggingface",)),
    ("ollama", ("ollama",)),
    ("xai", ("x.ai", "xai_sdk")),
    ("anthropic", ("anthropic", "claude")),
    ("openai", ("openai",)),
)


class Evidence(Struct, frozen=True, kw_only=True):
    """`names` are class names, nearest first, without those that every exception has; `said_names` are class
    names that the text mentions. `codes` are the provider's words as it wrote them. `message` is the
    provider's sentence where one could be told apart, else the text."""

    names: tuple[str, ...]
    said_names: tuple[str, ...]
    status: int | None
    codes: tuple[str, ...]
    text: str
    message: str
    headers: Mapping[str, str]
    delay: float | None
    provider: str | None
    plain_exception: bool


class _Found:
    """What the documents of one exception hold, collected on the way through them."""

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
            elif depth and document.strip():
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
            if key in document and not (key in _MESSAGE_KEYS and parse_is_text(document[key])):
                self.look(document[key], depth + 1)

    def _code(self, value: Any) -> None:
        if isinstance(value, str) and 0 < len(value) <= 120 and value != "error":
            if value.isdigit():
                self._status(int(value))
            else:
                self.codes.append(value)
        elif isinstance(value, int) and not isinstance(value, bool):
            self._status(value)

    def _status(self, value: int) -> None:
        if self.status is None and 400 <= value <= 599:
            self.status = value


def parse_is_text(value: Any) -> bool:
    """Whether the value is a sentence rather than a document written out."""
    return isinstance(value, str) and parse(value) is None


def examine(error: BaseException) -> Evidence:
    """Read what there is. Never raises, whatever the exception does when it is looked at."""
    text = text_of(error)
    found = _Found()
    response = read(error, "response")
    for document in _documents(error, response):
        found.look(document)
    if not found.messages:
        found.look(embedded(text))
    for attribute in ("code", "type", "error_code", "status", "reason"):
        value = plain(read(error, attribute))
        if isinstance(value, str) and value.isupper() | ("_" in value) | value.isalnum():
            found.codes.append(value)
    found.codes.extend(code for match in _CODE_IN_TEXT.finditer(text) for code in match.groups() if code)
    found.codes.extend(match[1] for match in _LEADING_CODE.finditer(text))
    names = tuple(_class_names(error))
    headers = _headers(error, response)
    return Evidence(
        names=names,
        said_names=tuple(dict.fromkeys(_CLASS_IN_TEXT.findall(text))),
        status=_status(error, response) or found.status or _status_in(text),
        codes=tuple(dict.fromkeys(found.codes)),
        text=text,
        message=" ".join(dict.fromkeys(found.messages)) or text,
        headers=headers,
        delay=found.delay,
        provider=_provider(error, response, text),
        plain_exception=not names,
    )


def _class_names(error: BaseException) -> Iterator[str]:
    for cls in type(error).__mro__:
        name = text_of(type.__dict__["__name__"].__get__(cls))
        if name.rpartition(".")[2] not in _ENDS:
            yield name


def _documents(error: BaseException, response: object) -> Iterator[Json]:
    for source in (
        read(error, "body"),
        read(error, "details"),
        read(error, "error"),
        read(error, "doc_body"),
    ):
        yield plain(source)
    shaped = plain(response)
    if isinstance(shaped, dict):  # botocore
        yield {"error": shaped.get("Error", shaped)}
    elif response is not None and _was_read(response):
        text = plain(read(response, "text"))
        if isinstance(text, str):
            yield parse(text)


def _was_read(response: object) -> bool:
    """Whether the body is already in memory: looking at an unread one would wait for the network."""
    if read(response, "is_closed") is False:
        return False
    raw = read(response, "raw")
    return raw is None or read(raw, "closed") is True


def _headers(error: BaseException, response: object) -> dict[str, str]:
    for source in (read(response, "headers"), read(error, "headers"), read(error, "response_headers")):
        shaped = plain(source)
        if isinstance(shaped, dict) and shaped:
            return {key.lower(): text_of(value) for key, value in shaped.items()}
    shaped = plain(response)
    if isinstance(shaped, dict):
        metadata = shaped.get("ResponseMetadata")
        inner = cast("dict[str, Any]", metadata).get("HTTPHeaders") if isinstance(metadata, dict) else None
        if isinstance(inner, dict):
            return {key.lower(): text_of(value) for key, value in cast("dict[str, Any]", inner).items()}
    return {}


def _status(error: BaseException, response: object) -> int | None:
    candidates = [
        plain(read(error, name)) for name in ("status_code", "http_status", "status", "code", "http_code")
    ]
    candidates += [plain(read(response, name)) for name in ("status_code", "status")]
    shaped = plain(response)
    if isinstance(shaped, dict):
        metadata = shaped.get("ResponseMetadata")
        if isinstance(metadata, dict):
            candidates.append(cast("dict[str, Any]", metadata).get("HTTPStatusCode"))
    for value in candidates:
        if isinstance(value, str) and value.isdigit() and len(value) == 3:
            value = int(value)
        if isinstance(value, int) and 400 <= value <= 599:
            return value
    return None


def _status_in(text: str) -> int | None:
    if found := _LEADING_CAPITAL.search(text):
        return int(found[1])
    found = _STATUS_IN_TEXT.search(text)
    return int(next(group for group in found.groups() if group)) if found else None


def _provider(error: BaseException, response: object, text: str) -> str | None:
    given = plain(read(error, "llm_provider"))
    if isinstance(given, str) and given:
        return given
    module = text_of(read(type(error), "__module__")).lower()
    hints = (text_of(read(response, "url")).lower(), module, text[:2000].lower())
    for hint in hints:
        for provider, marks in _PROVIDERS:
            if any(mark in hint for mark in marks):
                return provider
    return None
