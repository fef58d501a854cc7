"""Ids as servers of this API expect them: sortable by time, and in the partition of the account.

An id is 32 characters of Crockford's base 32: milliseconds since 1970 (10 characters), a partition (6), random
(16). All ids of one account share the partition, so that a new one takes over that of an id which came from
the server.
"""

from __future__ import annotations

import os
import re
import time
from typing import Final

__all__ = ["new_id"]

_DIGITS: Final = "0123456789abcdefghjkmnpqrstvwxyz"
_PAIRS: Final = tuple(one + other for one in _DIGITS for other in _DIGITS)
_SHAPE: Final = re.compile(r"[0-7][0-9abcdefghjkmnpqrstvwxyz]{31}")


def new_id(neighbour: str | None = None) -> str:
    """A new id, in the partition of `neighbour` where that is such an id, else in a random one."""
    if neighbour is not None and _SHAPE.fullmatch(neighbour):
        partition = neighbour[10:16]
    else:
        partition = base32(int.from_bytes(os.urandom(4)), 6)
    chance = int.from_bytes(os.urandom(10))
    return base32(time.time_ns() // 1_000_000, 10) + partition + base32(chance, 16)


def base32(number: int, length: int) -> str:
    """The lowest `5 * length` bits of `number`; `length` is even."""
    return "".join([_PAIRS[number >> shift & 1023] for shift in range(5 * length - 10, -1, -10)])
