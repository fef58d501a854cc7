"""What one exception has to say: its classes, status, codes, sentence and headers, whatever library it is of."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final, cast

from msgspec import Struct

from holdfast.core.failures.documents import Found
from holdfast.core.failures.plain import Json, embedded, plain, read, text_of

__all__ = ["Evidence", "examine"]

_ENDS: Final = frozenset({"Exception", "BaseException", "object"})
_STATUS_IN_TEXT: Final = re.compile(
    r"(?:\b(?:error code|status[_ ]?code|http status|http error|http|status|response code)\b[\s:='\"]{0,3}"
    r"(?:is )?|\bHTTP/\d(?:\.\d)?\s+|\b(?:client|server) error '|\breturned error: )([45]\d\d)\b"
    r"|\b([45]\d\d) (?:(?:client|server) error|status code)\b|\berror:? ([45]\d\d)(?= ?[{\[<\"'(-]|$)",
    re.IGNORECASE,
)
_LEADING_STATUS: Final = re.compile(r"^\s*\[?([45]\d\d)\b\]?(?:\s*[:\-–]\s|\s+(?=[A-Z{<\"'\[]))")
_CODE_IN_TEXT: Final = re.compile(
    r"\bAn error occurred \((\w+)\)|\bStatusCode\.([A-Z_]+)\b|\b(?:finish|stop)[_ ]reason:? (\w+)"
    r"|(?<!\[)\b(?:error[_ ])?(?:code|type|reason)\s?[=:]\s?['\"]?([A-Za-z]\w{3,60})\b"
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


def examine(error: BaseException) -> Evidence:
    """Read what there is. Never raises, whatever the exception does when it is looked at."""
    text = text_of(error)
    found = Found()
    response = read(error, "response")
    for document in _documents(error, response):
        found.look(document)
    if not found.messages:
        found.look(embedded(text))
    for attribute in ("code", "type", "error_code", "status", "reason"):
        value = plain(read(error, attribute))
        if isinstance(value, str) and (value.isalnum() or "_" in value):
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
        delay=found.delay if found.delay is not None else _seconds(read(error, "retry_after")),
        provider=_provider(error, response, text),
        plain_exception=not names,
    )


def _seconds(value: object) -> float | None:
    value = plain(value)
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


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
    ):
        yield plain(source)
    shaped = plain(response)
    if isinstance(shaped, dict):  # botocore
        yield {"error": shaped.get("Error", shaped)}
    elif response is not None and _was_read(response):
        yield plain(read(response, "text"))


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
        if isinstance(value, str) and value.isdecimal() and len(value) == 3:
            value = int(value)
        if isinstance(value, int) and 400 <= value <= 599:
            return value
    return None


def _status_in(text: str) -> int | None:
    if found := _LEADING_STATUS.search(text):
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
