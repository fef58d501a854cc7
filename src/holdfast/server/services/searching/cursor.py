"""Places in a search, as the outside sees them. The keys of documents count the runs of all accounts: shown as
they are they would tell one how many the others have."""

from __future__ import annotations

import hashlib
import secrets
from typing import Final

__all__ = ["SearchCursors"]

_KEY: Final = 8
_SALT: Final = 6


class SearchCursors:
    """`secret` is the same for all servers of one record, and not known outside. That a cursor is one of ours is
    not proved: one that is made up is a place like any other, and what may be seen there is asked anyway."""

    def __init__(self, secret: str) -> None:
        self._secret = secret.encode()

    def seal(self, key: int) -> str:
        salt = secrets.token_bytes(_SALT)
        return (salt + self._blended(salt, key.to_bytes(_KEY))).hex()

    def open(self, cursor: str) -> int | None:
        """None for what cannot be a cursor."""
        try:
            raw = bytes.fromhex(cursor)
        except ValueError:
            return None
        if len(raw) != _SALT + _KEY:
            return None
        key = int.from_bytes(self._blended(raw[:_SALT], raw[_SALT:]))
        return key if key < 1 << 62 else None

    def _blended(self, salt: bytes, data: bytes) -> bytes:
        stream = hashlib.blake2b(salt, key=self._secret[:64], digest_size=_KEY).digest()
        return bytes(a ^ b for a, b in zip(data, stream, strict=True))
