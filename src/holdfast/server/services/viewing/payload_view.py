"""A payload as a bounded list of lines that a page can show, however large or odd the payload is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final, cast

from holdfast.server.services.clean_text import clean, one_line
from holdfast.server.services.json_read import as_object, decode_json
from holdfast.server.services.viewing.chat_view import Chat, read_chat

__all__ = ["JsonLine", "LineKind", "PayloadView", "show_merged", "show_payload"]

_LINES: Final = 400
_ITEMS: Final = 50
_DEPTH: Final = 24
_TEXT: Final = 2_000
_KEY: Final = 120
_INLINE: Final = 100
_POINTER: Final = 1_000
_FACTS: Final = 5
_OPEN_BELOW: Final = 40


class LineKind(StrEnum):
    """What a line is. `OPEN` and `CLOSE` come in pairs around the lines inside a container."""

    OPEN = "open"
    CLOSE = "close"
    TEXT = "text"
    BLOCK = "block"  # a text that is long or has several lines
    NUMBER = "number"
    WORD = "word"  # true, false, null
    EMPTY = "empty"  # {} or []
    MARK = "mark"  # put there by the recorder: redacted, truncated, …
    MORE = "more"  # what this view leaves out


@dataclass(frozen=True, slots=True, kw_only=True)
class JsonLine:
    """One line. `key` is None inside arrays of plain values and at the top. `at` is the RFC 6901 pointer of a
    text that was clipped, where the whole of it can be fetched (None where the way there is too long for an
    address); `note` says how much there is. `broken` says how what begins here breaks its schema."""

    kind: LineKind
    key: str | None = None
    text: str = ""
    note: str = ""
    unfolded: bool = True
    at: str | None = None
    broken: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PayloadView:
    """`plain` is set instead of `lines` where the bytes are no JSON. `clipped`: the raw payload has more."""

    size: int
    lines: tuple[JsonLine, ...] = ()
    plain: str | None = None
    chat: Chat | None = None
    clipped: bool = False


def show_payload(
    data: bytes | None, *, limit: int = _LINES, broken: Mapping[str, str] | None = None
) -> PayloadView | None:
    """How to show some JSON; None for none at all. `limit` is the most lines; `broken` says what is wrong where,
    by RFC 6901 pointers."""
    if data is None or data == b"null":
        return None
    try:
        value = decode_json(data)
    except ValueError:
        text = data[: _TEXT * 4].decode("utf-8", "replace")
        return PayloadView(size=len(data), plain=clean(text), clipped=len(data) > _TEXT * 4)
    walk = _Walk(limit, broken or {})
    lines = tuple(walk.lines(None, value, "", 0))
    return PayloadView(size=len(data), lines=lines, chat=read_chat(value), clipped=walk.clipped)


def show_merged(start: bytes | None, finish: bytes | None) -> PayloadView | None:
    """How to show the attributes of a start and of a finish as one object, the finish's values winning."""
    if finish is None or finish == b"null":
        return show_payload(start)
    if start is None or start == b"null":
        return show_payload(finish)
    try:
        merged = as_object(decode_json(start)) | as_object(decode_json(finish))
    except ValueError:
        return show_payload(finish)
    walk = _Walk(_LINES, {})
    lines = tuple(walk.lines(None, merged, "", 0))
    return PayloadView(size=len(start) + len(finish), lines=lines, clipped=walk.clipped)


class _Walk:
    def __init__(self, limit: int, broken: Mapping[str, str]) -> None:
        self.left = limit
        self._broken = broken
        self.clipped = False
        self._total = limit

    def lines(self, key: str | None, value: object, at: str | None, depth: int) -> Iterator[JsonLine]:
        problem = "" if at is None else self._broken.get(at, "")
        for line in self._lines(key, value, at, depth):
            yield replace(line, broken=problem) if problem else line
            problem = ""

    def _lines(self, key: str | None, value: object, at: str | None, depth: int) -> Iterator[JsonLine]:
        self.left -= 1
        if isinstance(value, dict | list):
            yield from self._container(key, cast("dict[str, object] | list[object]", value), at, depth)
        elif isinstance(value, str):
            yield self._text(key, value, at)
        elif isinstance(value, bool) or value is None:
            word = "null" if value is None else str(value).lower()
            yield JsonLine(kind=LineKind.WORD, key=key, text=word)
        else:
            yield JsonLine(kind=LineKind.NUMBER, key=key, text=str(value)[:_INLINE])

    def _container(
        self, key: str | None, value: dict[str, object] | list[object], at: str | None, depth: int
    ) -> Iterator[JsonLine]:
        array = isinstance(value, list)
        if not value:
            yield JsonLine(kind=LineKind.EMPTY, key=key, text="[]" if array else "{}")
            return
        mark = None if array else _mark(as_object(value))
        if mark is not None:
            yield JsonLine(kind=LineKind.MARK, key=key, text=mark)
            return
        size = len(value)
        note = f"{size} item{'s' * (size != 1)}" if array else f"{size} key{'s' * (size != 1)}"
        if depth >= _DEPTH:
            self.clipped = True
            yield JsonLine(kind=LineKind.MORE, key=key, text=f"nested deeper: {note}")
            return
        unfolded = depth == 0 or (size <= _ITEMS and self._total - self.left < _OPEN_BELOW)
        yield JsonLine(kind=LineKind.OPEN, key=key, text="[" if array else "{", note=note, unfolded=unfolded)
        pairs = enumerate(value) if isinstance(value, list) else value.items()
        for shown, (name, item) in enumerate(pairs):
            if shown >= _ITEMS or self.left <= 0:
                self.clipped = True
                yield JsonLine(kind=LineKind.MORE, text=f"{size - shown:,} more of {size:,}")
                break
            label = one_line(str(name), _KEY)
            yield from self.lines(label, item, _inside(at, str(name)), depth + 1)
        yield JsonLine(kind=LineKind.CLOSE)

    def _text(self, key: str | None, value: str, at: str | None) -> JsonLine:
        if len(value) <= _INLINE and "\n" not in value:
            return JsonLine(kind=LineKind.TEXT, key=key, text=clean(value))
        if len(value) <= _TEXT:
            return JsonLine(kind=LineKind.BLOCK, key=key, text=clean(value))
        self.clipped = True
        return JsonLine(
            kind=LineKind.BLOCK,
            key=key,
            text=clean(value[:_TEXT]),
            note=f"the first {_TEXT:,} of {len(value):,} characters",
            at=at,
        )


def _inside(at: str | None, token: str) -> str | None:
    """The pointer one step further in; None where it would be too long for an address."""
    if at is None or len(at) + len(token) > _POINTER:
        return None
    return f"{at}/{token.replace('~', '~0').replace('/', '~1')}"


def _mark(value: dict[str, object]) -> str | None:
    """What a container says that the recorder put in the place of something else."""
    if "$redacted" in value and len(value) == 1:
        return f"redacted: {one_line(str(value['$redacted']), _INLINE)}"
    if "$cycle" in value and len(value) == 1:
        return "inside itself: a reference back to a container around this one"
    if "$truncated" in value and len(value) == 1:
        told = as_object(value["$truncated"])
        known = list(told.items())[:_FACTS]
        facts = ", ".join(f"{one_line(name, 40)} {one_line(str(fact), 40)}" for name, fact in known)
        return f"truncated when it was recorded ({facts})" if facts else "truncated when it was recorded"
    if "$bytes" in value and len(value) <= 2:
        size = as_object(value.get("$truncated")).get("bytes", len(str(value["$bytes"])) * 3 // 4)
        return f"{one_line(str(size), 20)} bytes that are no text"
    if "$sensitive" in value:
        return f"sensitive: {one_line(str(value['$sensitive']), _INLINE)}"
    return None
