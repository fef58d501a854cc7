"""PFIDs: the 32-character ids of the HTTP API, in Crockford's base 32, sorted by the time they were made.

Ten characters of milliseconds since 1970 (48 bits, so the first is at most `7`), six of a partition
(30 bits), sixteen of randomness (80 bits). Every account has one partition.
"""

from __future__ import annotations

import hashlib
from typing import Final

from msgspec import Struct

from holdfast.errors import InvalidInputError

__all__ = ["PARTITION_LIMIT", "RANDOM_BYTES", "Pfid", "decode_pfid", "encode_pfid", "is_pfid", "partition_of"]

PARTITION_LIMIT: Final = 1 << 30
RANDOM_BYTES: Final = 10
_TIME_LIMIT: Final = 1 << 48
_DIGITS: Final = "0123456789abcdefghjkmnpqrstvwxyz"
_VALUES: Final = {digit: value for value, digit in enumerate(_DIGITS)}
_LENGTH: Final = 32


class Pfid(Struct, frozen=True, kw_only=True):
    """A PFID taken apart. `milliseconds` since 1970; `random` is ten bytes."""

    milliseconds: int
    partition: int
    random: bytes


def encode_pfid(parts: Pfid) -> str:
    """Raises `InvalidInputError` for a part that does not fit its place."""
    if not 0 <= parts.milliseconds < _TIME_LIMIT:
        raise InvalidInputError("milliseconds", f"{parts.milliseconds} does not fit", "use 48 bits")
    if not 0 <= parts.partition < PARTITION_LIMIT:
        raise InvalidInputError("partition", f"{parts.partition} does not fit", "use 30 bits")
    if len(parts.random) != RANDOM_BYTES:
        raise InvalidInputError("random", f"{len(parts.random)} bytes", f"use {RANDOM_BYTES}")
    number = (parts.milliseconds << 30 | parts.partition) << 80 | int.from_bytes(parts.random, "big")
    return "".join(_DIGITS[number >> shift & 31] for shift in range(5 * (_LENGTH - 1), -1, -5))


def decode_pfid(text: str) -> Pfid:
    """Raises `InvalidInputError` for what is not a PFID; capitals and look-alike letters are not."""
    if len(text) != _LENGTH or text[0] > "7" or not _VALUES.keys() >= set(text):
        raise InvalidInputError("id", f"{text[:40]!r} is not a PFID", "see POST /api/v1/pfid/generate")
    number = 0
    for digit in text:
        number = number << 5 | _VALUES[digit]
    return Pfid(
        milliseconds=number >> 110,
        partition=number >> 80 & PARTITION_LIMIT - 1,
        random=(number & (1 << 80) - 1).to_bytes(RANDOM_BYTES, "big"),
    )


def is_pfid(text: str) -> bool:
    try:
        decode_pfid(text)
    except InvalidInputError:
        return False
    return True


def partition_of(account_id: str) -> int:
    """The partition of an account: that of its id where this is a PFID, else 30 bits of the id's SHA-256."""
    if is_pfid(account_id):
        return decode_pfid(account_id).partition
    return int.from_bytes(hashlib.sha256(account_id.encode()).digest()[:4], "big") % PARTITION_LIMIT
