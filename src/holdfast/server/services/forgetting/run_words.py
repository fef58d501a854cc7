"""The small language that selects runs: `agent = "support bot" and status in (failed, cancelled) and begun < 90d`.

Conditions joined by `and`; a field, a comparison, a value. Texts with anything but letters, digits and `._-:/@`
stand in double quotes. Times are ISO 8601, or how long ago: `12h`, `30d`, `8w`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from holdfast._clock import parse_span, parse_utc
from holdfast.errors import ApiError, InvalidInputError
from holdfast.server.services.reading import invalid
from holdfast.server.stores.reads.run_selection import RunCondition
from holdfast.wire.vocabulary import Comparison, InstanceStatus, Purpose, RunField

__all__ = ["moment_of", "parse_conditions"]

_LONGEST: Final = 10_000
_MOST: Final = 20
_TOKEN: Final = re.compile(
    r'\s*(?:"((?:[^"\\]|\\.)*)"|([\w.\-:/@+]+)|(!=|<=|>=|[=<>~(),])|(\S))', re.DOTALL | re.ASCII
)
_ESCAPED: Final = re.compile(r"\\(.)", re.DOTALL)
_TIMES: Final = (RunField.BEGUN, RunField.FINISHED)
_TIME_WORDS: Final = (Comparison.BEFORE, Comparison.UNTIL, Comparison.AFTER, Comparison.SINCE)
_TEXT_WORDS: Final = (Comparison.EQUAL, Comparison.UNEQUAL, Comparison.IN)
_CHOICES: Final = {
    RunField.STATUS: tuple(status.value for status in InstanceStatus),
    RunField.PURPOSE: tuple(purpose.value for purpose in Purpose),
}


def parse_conditions(words: str, now: int) -> list[RunCondition]:
    """Raises `ApiError` 422, which names the field of the condition that cannot be used, or `where`."""
    if len(words) > _LONGEST:
        raise invalid("where", f"must not be longer than {_LONGEST} characters")
    reader = _Reader(words)
    found: list[RunCondition] = []
    while True:
        found.append(_condition(reader, now))
        if len(found) > _MOST:
            raise invalid("where", f"must not have more than {_MOST} conditions")
        if reader.ended:
            return found
        joined = reader.take()
        if joined != ("word", "and"):
            raise invalid("where", f"between conditions stands `and`, not {joined[1]!r}")


def moment_of(text: str, now: int, field: str) -> int:
    """Nanoseconds since 1970 of an ISO 8601 time, or of `30d` ago. Raises `ApiError` 422."""
    ago = parse_span(text)
    if ago is not None:
        return max(0, now - ago)
    try:
        return parse_utc(text, field)
    except InvalidInputError:
        raise invalid(field, f"{text[:40]!r} is no time; write 2026-01-31 or 30d") from None


class _Reader:
    """Gives tokens: ("text" | "word" | "sign", value)."""

    def __init__(self, words: str) -> None:
        self._tokens = list(_tokens(words))
        self._at = 0
        if not self._tokens:
            raise invalid("where", 'is empty; write for example: agent = "support" and begun < 90d')

    @property
    def ended(self) -> bool:
        return self._at >= len(self._tokens)

    def take(self) -> tuple[str, str]:
        if self.ended:
            raise invalid("where", "ends in the middle of a condition")
        self._at += 1
        return self._tokens[self._at - 1]


def _tokens(words: str) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    for text, word, sign, odd in _TOKEN.findall(words):
        if odd:
            raise invalid("where", f"{odd!r} is not understood; texts with such signs stand in double quotes")
        if word:
            found.append(("word", word))
        elif sign:
            found.append(("sign", sign))
        else:
            found.append(("text", _ESCAPED.sub(r"\1", text)))
    return found


def _condition(reader: _Reader, now: int) -> RunCondition:
    kind, name = reader.take()
    try:
        field = RunField(name) if kind == "word" else None
    except ValueError:
        field = None
    if field is None:
        raise invalid("where", f"{name[:60]!r} is no field; there are {', '.join(RunField)}")
    _, sign = reader.take()
    allowed = _TIME_WORDS if field in _TIMES else _TEXT_WORDS
    if field is RunField.NAME:
        allowed = (*_TEXT_WORDS, Comparison.CONTAINS)
    if sign not in allowed:
        raise invalid(field.value, f"is compared with {', '.join(allowed)}, not with {sign[:20]!r}")
    comparison = Comparison(sign)
    if field in _TIMES:
        moment = moment_of(_value(reader, field), now, field.value)
        return RunCondition(field=field, comparison=comparison, moment=moment)
    texts = _values(reader, field) if comparison is Comparison.IN else [_value(reader, field)]
    _check_choices(field, texts)
    return RunCondition(field=field, comparison=comparison, texts=texts)


def _value(reader: _Reader, field: RunField) -> str:
    kind, value = reader.take()
    if kind == "sign" or not value:
        raise invalid(field.value, f"needs a value, not {value!r}")
    return value


def _values(reader: _Reader, field: RunField) -> list[str]:
    if reader.take() != ("sign", "("):
        raise invalid(field.value, "`in` is followed by values in brackets: in (a, b)")
    found = [_value(reader, field)]
    while (token := reader.take()) != ("sign", ")"):
        if token != ("sign", ","):
            raise invalid(field.value, f"values are parted by commas, not by {token[1]!r}")
        found.append(_value(reader, field))
    return found


def _check_choices(field: RunField, texts: Sequence[str]) -> None:
    choices = _CHOICES.get(field)
    for text in texts:
        if choices is not None and text not in choices:
            raise _no_choice(field, text, choices)


def _no_choice(field: RunField, text: str, choices: Sequence[str]) -> ApiError:
    return invalid(field.value, f"is one of {', '.join(choices)}, not {text[:60]!r}")
