"""Changing what is managed: one transaction a change, once for every idempotency key."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import msgspec
from msgspec import Struct

from holdfast.errors import ApiError
from holdfast.server.services.auth import Principal
from holdfast.server.services.new_ids import new_pfid
from holdfast.server.services.reading import NAME_LENGTH, invalid, text
from holdfast.server.stores.base import Store, WriteTransaction
from holdfast.server.stores.retrying import in_transaction
from holdfast.wire.pfid import decode_pfid, is_pfid, partition_of
from holdfast.wire.vocabulary import ErrorCode

__all__ = ["Changes", "chosen_id", "not_found", "required_text"]

_LONGEST_KEY: Final = 64
_encode: Final = msgspec.json.Encoder().encode


class _Told(Struct):
    agent_instance_id: str | None = None


class _Answer(Struct):
    details: _Told = msgspec.field(default_factory=_Told)


_told: Final = msgspec.json.Decoder(_Answer).decode


class Changes:
    """Blocking; keep it off the event loop."""

    def __init__(self, store: Store, clock: Callable[[], int]) -> None:
        self._store = store
        self._clock = clock

    def once(
        self,
        who: Principal,
        action: str,
        key: str | None,
        change: Callable[[WriteTransaction, int], Struct],
    ) -> bytes:
        """The encoded answer of `change(transaction, now)`, kept for repeats with the same key by a token of
        the same reach. `action` says what is done to what: beyond that a key means nothing. `change` is called
        again where another server's transaction comes between."""
        if key is not None and not 0 < len(key) <= _LONGEST_KEY:
            raise invalid("idempotency_key", f"must have 1 to {_LONGEST_KEY} characters")
        now = self._clock()
        scope = who.reach.replay_scope

        def once(transaction: WriteTransaction) -> bytes:
            if key is not None:
                stored = transaction.stored_response(scope, action, key)
                if stored is not None:
                    return stored
            answer = _encode(change(transaction, now))
            if key is not None:
                run = _run_told_of(transaction, who.account_id, answer)
                transaction.store_response(scope, action, key, answer, now, run)
            return answer

        return in_transaction(self._store, once)


def _run_told_of(transaction: WriteTransaction, account_id: str, answer: bytes) -> int | None:
    """The key of the run that an answer names: the answer is erased with it."""
    run_id = _told(answer).details.agent_instance_id
    if run_id is None:
        return None
    run = transaction.instances(account_id, [run_id]).get(run_id)
    return None if run is None else run.key


def not_found(what: str, row_id: str) -> ApiError:
    """The same for what does not exist and for what the token does not reach."""
    return ApiError(404, ErrorCode.NOT_FOUND, f"{what} {row_id[:200]} not_found")


def required_text(value: str, field: str) -> str:
    """A text with something in it, cut to what is kept. Raises `ApiError` 422."""
    kept = text(value.strip(), NAME_LENGTH)
    if not kept:
        raise invalid(field, "must not be empty")
    return kept


def chosen_id(wanted: str | None, account_id: str, now: int) -> str:
    """The id that a client chose for a new row, or a new one.

    Ids of these rows are known to the whole server. Only those of the account's own partition are taken, so
    that a refusal never tells whether another account uses an id. Raises `ApiError` 422.
    """
    if wanted is None:
        return new_pfid(account_id, now)
    if not is_pfid(wanted) or decode_pfid(wanted).partition != partition_of(account_id):
        raise invalid("id", "must be a PFID of this account; POST /api/v1/pfid/generate makes some")
    return wanted
