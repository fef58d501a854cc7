"""Making text from anywhere fit to be looked at: nothing invisible, nothing that moves the text around it."""

from __future__ import annotations

import re
from typing import Final

__all__ = ["clean", "clip", "one_line"]

_ANSI: Final = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]{0,512}(?:\x07|\x1b\\)|[@-Z\\-_])")
# Control characters, bidirectional controls, zero-width characters other than the joiners that emoji and
# many scripts need, tags, lone surrogates.
_ODD: Final = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\ud800-\udfff\U000e0000-\U000e007f]"
)


def clean(text: str) -> str:
    """Terminal colours taken out; other control, direction and zero-width characters made visible.

    Lines end in `\\n` whatever they ended in. Lone surrogates become U+FFFD.
    """
    if "\x1b" in text:
        text = _ANSI.sub("", text)
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    return _ODD.sub(_visible, text)


def _visible(found: re.Match[str]) -> str:
    code = ord(found[0])
    if code < 0x20:
        return chr(0x2400 + code)
    if 0xD800 <= code <= 0xDFFF:
        return "\ufffd"
    return f"⟨U+{code:04X}⟩"


def clip(text: str, limit: int) -> str:
    """The beginning of a text, with an ellipsis where something was left out."""
    return text if len(text) <= limit else text[: limit - 1] + "…"


def one_line(text: str, limit: int) -> str:
    """The beginning of a text as one line, cleaned: for names and table cells."""
    return clip(" ".join(clean(text[: limit * 4]).split()), limit)
