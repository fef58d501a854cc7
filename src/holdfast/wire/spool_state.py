"""How the spool of a recording process stands, as it tells with each request: a header beside the operations."""

from __future__ import annotations

from typing import Final

import msgspec
from msgspec import Struct

__all__ = ["SPOOL_HEADER", "SpoolState", "read_spool_state"]

SPOOL_HEADER: Final = "X-Holdfast-Spool"
_LONGEST: Final = 400


class SpoolState(Struct, frozen=True, kw_only=True):
    """`client` names the process (`host:pid`). `lost`: operations that could not be kept since it started;
    `waiting`: bytes that are not delivered yet; `behind`: seconds since all was delivered, 0 where all is."""

    client: str
    lost: int = 0
    waiting: int = 0
    behind: float = 0.0

    def header(self) -> str:
        """The value of `SPOOL_HEADER`: JSON in ASCII."""
        return msgspec.json.encode(self).decode().encode("ascii", "replace").decode("ascii")


_decode: Final = msgspec.json.Decoder(SpoolState).decode


def read_spool_state(header: str | None) -> SpoolState | None:
    """None for what is no such header: nothing depends on it."""
    if header is None or len(header) > _LONGEST:
        return None
    try:
        state = _decode(header)
    except (msgspec.DecodeError, UnicodeError):
        return None
    usable = (
        state.client.isprintable() and state.lost >= 0 and state.waiting >= 0 and 0 <= state.behind < 1e12
    )
    return state if usable else None
