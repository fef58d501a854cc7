"""Two payloads as lines, with what only one of them has."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import suppress
from difflib import SequenceMatcher
from typing import Final

from holdfast.server.services.clean_text import clean, clip
from holdfast.server.services.json_read import decode_json
from holdfast.server.web.compare.pages import DiffKind, DiffLine, TextDiff

__all__ = ["text_diff"]

_BYTES: Final = 256 << 10
_LINES: Final = 600
_WIDTH: Final = 400
_LINE_END: Final = re.compile(r"(?<!\\)\\n")
_AROUND: Final = 3
"""Lines without a difference that are shown around one with."""


def text_diff(title: str, a: bytes | None, b: bytes | None) -> TextDiff | None:
    """JSON laid out with a line a value, other text as it is; None where neither run has any. At most `_LINES`
    lines of each are compared, of `_WIDTH` characters."""
    if a is None and b is None:
        return None
    if a == b:
        return TextDiff(title=title, lines=(), same=True, note="")
    lines_a, cut_a = _lines(a)
    lines_b, cut_b = _lines(b)
    cut = cut_a or cut_b
    shown = tuple(_compared(lines_a, lines_b))
    return TextDiff(
        title=title,
        lines=shown,
        same=not cut and all(line.kind is DiffKind.BOTH for line in shown),
        note="Shown in part: see the spans themselves for the rest." if cut else "",
    )


def _lines(data: bytes | None) -> tuple[list[str], bool]:
    if data is None:
        return [], False
    cut = len(data) > _BYTES
    text = data[:_BYTES].decode("utf-8", "replace")
    if not cut:
        with suppress(ValueError, RecursionError):  # what is no JSON is shown as it is
            text = json.dumps(decode_json(data), indent=1, ensure_ascii=False, sort_keys=True)
        text = _LINE_END.sub("\n", text)  # texts inside are read line by line
    lines = clean(text).split("\n")
    cut = cut or len(lines) > _LINES or any(len(line) > _WIDTH for line in lines[:_LINES])
    return [clip(line, _WIDTH) for line in lines[:_LINES]], cut


def _compared(a: list[str], b: list[str]) -> Iterator[DiffLine]:
    if not a or not b:
        yield from _told(DiffKind.ONLY_A, a)
        yield from _told(DiffKind.ONLY_B, b)
        return
    for number, group in enumerate(SequenceMatcher(None, a, b, autojunk=False).get_grouped_opcodes(_AROUND)):
        left_out = group[0][1] if number == 0 else 1
        if left_out:
            yield DiffLine(kind=DiffKind.GAP, text="…")
        for _, a_from, a_to, b_from, b_to in group:
            if a[a_from:a_to] == b[b_from:b_to]:
                yield from _told(DiffKind.BOTH, a[a_from:a_to])
            else:
                yield from _told(DiffKind.ONLY_A, a[a_from:a_to])
                yield from _told(DiffKind.ONLY_B, b[b_from:b_to])


def _told(kind: DiffKind, lines: list[str]) -> Iterator[DiffLine]:
    return (DiffLine(kind=kind, text=line) for line in lines)
