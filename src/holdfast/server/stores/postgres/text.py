"""Text that PostgreSQL cannot hold, made into text that it can."""

from __future__ import annotations

import re
from typing import Final

from psycopg.abc import Buffer
from psycopg.adapt import AdaptersMap
from psycopg.types.string import StrBinaryDumper, StrDumper

__all__ = ["accept_any_text"]

_IMPOSSIBLE: Final = re.compile("[\x00\ud800-\udfff]")


def accept_any_text(adapters: AdaptersMap) -> None:
    """From now on U+0000 and lone surrogates are sent as U+FFFD: whoever looks for a name that has one
    finds nothing instead of an error."""
    adapters.register_dumper(str, _AnyBinaryText)
    adapters.register_dumper(str, _AnyText)  # the last is preferred where either would do


def _possible(value: str) -> str:
    return _IMPOSSIBLE.sub("\N{REPLACEMENT CHARACTER}", value)


class _AnyText(StrDumper):
    def dump(self, obj: str) -> Buffer | None:
        return super().dump(obj if obj.isascii() and "\0" not in obj else _possible(obj))


class _AnyBinaryText(StrBinaryDumper):
    def dump(self, obj: str) -> Buffer | None:
        return super().dump(obj if obj.isascii() and "\0" not in obj else _possible(obj))
