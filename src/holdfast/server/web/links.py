"""Addresses of pages, and what is read out of them."""

from __future__ import annotations

from typing import Final
from urllib.parse import quote, unquote, urlencode

__all__ = ["id_from_path", "number_in", "raw_path", "run_path"]

_LARGEST: Final = (1 << 63) - 1


def run_path(run_id: str) -> str:
    """The path of a run's page. Ids are any text: they are quoted twice, since servers undo one quoting
    before they look at the slashes."""
    quoted = quote(quote(run_id, safe=""), safe="")
    if not run_id.strip("."):
        quoted = run_id.replace(".", "%252E")  # a path of dots would be taken as a step up
    return f"/runs/{quoted}"


def raw_path(run_id: str, **what: str) -> str:
    """Where the bytes of a part of a run are served as plain text."""
    return f"{run_path(run_id)}/raw?{urlencode(what)}"


def id_from_path(part: str) -> str:
    return unquote(part)


def number_in(text: str | None) -> int | None:
    """A number that databases take."""
    if text is None or not text.isascii() or not text.isdigit() or len(text) > len(str(_LARGEST)):
        return None
    number = int(text)
    return number if number <= _LARGEST else None
