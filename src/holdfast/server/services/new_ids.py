"""Ids that the server makes for what clients send without one."""

from __future__ import annotations

import secrets

from holdfast.wire.pfid import RANDOM_BYTES, Pfid, encode_pfid, partition_of

__all__ = ["new_pfid"]


def new_pfid(account_id: str, now: int) -> str:
    """A PFID of the account's partition; `now` is in nanoseconds since 1970."""
    return encode_pfid(
        Pfid(
            milliseconds=now // 1_000_000,
            partition=partition_of(account_id),
            random=secrets.token_bytes(RANDOM_BYTES),
        )
    )
