"""What waits for the search index: written in the transaction that changes a run, read after its commit."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import msgspec
from msgspec import Struct
from sqlalchemy import delete, insert, select

from holdfast.server.stores.base import Store, WriteTransaction
from holdfast.server.stores.schema.search import search_queue

__all__ = [
    "Queued",
    "Subjects",
    "add_to_queue",
    "forget_later",
    "oldest_queued",
    "take_off",
]

_encode: Final = msgspec.msgpack.Encoder().encode


class Subjects(Struct, frozen=True, array_like=True):
    """What of a run changed. `run`: its own texts. `events` are (place in the run, id). `forget`: all that is
    known of it is to be forgotten, and what there is of it now taken in again."""

    run: bool
    spans: list[str]
    events: list[tuple[int, str]]
    forget: bool = False


class Queued(Struct, frozen=True, kw_only=True):
    key: int
    instance_key: int
    subjects: Subjects


_decode: Final = msgspec.msgpack.Decoder(Subjects).decode


def add_to_queue(transaction: WriteTransaction, changed: Mapping[int, Subjects], now: int) -> None:
    """What changed of which run, by instance key."""
    rows = [
        {"instance_key": key, "subjects": _encode(subjects), "added_at": now}
        for key, subjects in changed.items()
    ]
    if rows:
        transaction.connection.execute(insert(search_queue), rows)


def forget_later(transaction: WriteTransaction, instance_keys: Iterable[int], now: int) -> None:
    """For whoever deletes runs, in the same transaction and after it has deleted their rows, those of
    `search_queue` among them: the index forgets the runs, even if the server dies before it gets to it."""
    forget = Subjects(False, [], [], forget=True)
    add_to_queue(transaction, dict.fromkeys(instance_keys, forget), now)


def oldest_queued(store: Store, limit: int) -> list[Queued]:
    """The entries that wait longest, oldest first."""
    q = search_queue.c
    query = select(q.key, q.instance_key, q.subjects).order_by(q.key).limit(limit)
    with store.reader.connect() as connection:
        return [
            Queued(key=key, instance_key=run, subjects=_decode(subjects))
            for key, run, subjects in connection.execute(query)
        ]


def take_off(transaction: WriteTransaction, keys: Sequence[int]) -> None:
    transaction.connection.execute(delete(search_queue).where(search_queue.c.key.in_(keys)))
