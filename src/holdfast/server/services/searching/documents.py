"""What of a run, a span and an event can be searched for: the values in its JSON, not their keys, and its names.

Of a span at most 32,000 characters: of its error 6,000, of its result 12,000, of its payload what is left. A text
that is longer loses its middle: the messages of a turn end with the newest.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final, cast

from holdfast.server.services.json_read import decode_json
from holdfast.server.stores.search.source import EventTexts, RunTexts, SpanTexts

__all__ = ["LONGEST_TEXT", "event_text", "run_text", "span_text"]

LONGEST_TEXT: Final = 32_000
_ERROR: Final = 6_000
_RESULT: Final = 12_000
_ATTRIBUTES: Final = 4_000
_BLOB: Final = re.compile(r"data:[\w/+.;-]*;base64,|[A-Za-z0-9+/=_-]{256}")
_MARKS: Final = ("$redacted", "$truncated", "$bytes", "$sensitive", "$cycle")
"""What the recorder puts in the place of something else has no words of the record."""


def span_text(span: SpanTexts) -> str:
    parts = [
        span.name or "",
        _values(span.error, _ERROR),
        _values(span.result_payload, _RESULT),
        "",
        _values(span.attributes, _ATTRIBUTES),
        _values(span.finish_attributes, _ATTRIBUTES),
    ]
    parts[3] = _values(span.payload, LONGEST_TEXT - sum(map(len, parts)) - len(parts))
    return "\n".join(filter(None, parts))


def run_text(run: RunTexts, judgements: Iterable[tuple[str, bytes | None, str | None]]) -> str:
    parts = [run.id, run.name or "", run.external_identifier or ""]
    parts += [_values(run.error, _ERROR), run.termination_reason or ""]
    parts += [_values(run.attributes, _ATTRIBUTES), _values(run.finish_attributes, _ATTRIBUTES)]
    for name, payload, summary in judgements:
        parts += [name, _values(payload, _ATTRIBUTES), summary or ""]
    return "\n".join(filter(None, parts))[:LONGEST_TEXT]


def event_text(event: EventTexts) -> str:
    return f"{event.name}\n{_values(event.payload, LONGEST_TEXT // 2)}".strip()


def _values(data: bytes | None, limit: int) -> str:
    """The strings and numbers in a JSON value, a line each, in their order."""
    if data is None:
        return ""
    try:
        value = decode_json(data)
    except ValueError:
        return data[:limit].decode("utf-8", "replace")
    text = "\n".join(_strings(value))
    if len(text) <= limit:
        return text
    half = limit // 2
    return f"{text[: limit - half - 3]}\n…\n{text[len(text) - half :]}"


def _strings(value: object) -> list[str]:
    found: list[str] = []
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, str):
            if len(one) < 256 or not _BLOB.match(one):
                found.append(one)
        elif isinstance(one, dict):
            inner = cast("dict[str, object]", one)
            if not any(mark in inner for mark in _MARKS):
                waiting.extend(reversed(inner.values()))
        elif isinstance(one, list):
            waiting.extend(reversed(cast("list[object]", one)))
        elif isinstance(one, int | float) and one is not True and one is not False:
            found.append(str(one))
    return found
