"""Who moves spans, the numbers of batches, and what is left to do in the span store: the catalogue's notes."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from sqlalchemy import Connection, delete, func, insert, select, update

from holdfast.server.stores.base import WriteTransaction
from holdfast.server.stores.schema.columnar import moved_runs, span_batches, span_erasures, span_mover
from holdfast.server.stores.schema.record import accounts
from holdfast.server.stores.schema.retention import retention

__all__ = [
    "anything_moved",
    "batches_left",
    "close_batches",
    "erasures_left",
    "forget_erasures",
    "give_back",
    "longest_kept",
    "newest_batch",
    "open_batches",
    "take_over",
]

_NAME: Final = "spans"
_m: Final = span_mover.c


def take_over(transaction: WriteTransaction, holder: str, now: int, until: int) -> bool:
    """Become, or stay, the one who moves spans until that time; False while it is somebody else."""
    connection = transaction.connection
    row = connection.execute(select(span_mover).where(_m.name == _NAME).with_for_update()).first()
    if row is None:
        connection.execute(insert(span_mover).values(name=_NAME, holder=holder, until=until, batch=0))
        return True
    if row.holder != holder and row.until > now:
        return False
    connection.execute(update(span_mover).where(_m.name == _NAME).values(holder=holder, until=until))
    return True


def give_back(transaction: WriteTransaction, holder: str) -> None:
    """Another one may move spans at once."""
    mine = (_m.name == _NAME) & (_m.holder == holder)
    transaction.connection.execute(update(span_mover).where(mine).values(until=0))


def open_batches(transaction: WriteTransaction, holder: str, count: int, until: int) -> int | None:
    """The first of `count` new numbers, higher than all before; None where somebody else has taken over."""
    connection = transaction.connection
    mine = (_m.name == _NAME) & (_m.holder == holder)
    newest = connection.execute(select(_m.batch).where(mine).with_for_update()).scalar()
    if newest is None:
        return None
    connection.execute(update(span_mover).where(mine).values(batch=newest + count, until=until))
    connection.execute(insert(span_batches), [{"batch": newest + 1 + n} for n in range(count)])
    return int(newest) + 1


def close_batches(transaction: WriteTransaction, batches: Collection[int]) -> int:
    """From its commit on they count; how many were still open."""
    return transaction.connection.execute(
        delete(span_batches).where(span_batches.c.batch.in_(batches))
    ).rowcount


def anything_moved(connection: Connection) -> bool:
    """Whether something of the record lies in a span store."""
    return connection.execute(select(moved_runs.c.instance_key).limit(1)).first() is not None


def batches_left(connection: Connection) -> list[int]:
    """The batches that were begun and not finished."""
    return list(connection.execute(select(span_batches.c.batch).order_by(span_batches.c.batch)).scalars())


def newest_batch(connection: Connection) -> int:
    return connection.execute(select(func.max(_m.batch)).where(_m.name == _NAME)).scalar() or 0


def erasures_left(connection: Connection, limit: int) -> list[tuple[str, int]]:
    """Account and key of runs that are to be taken out of the span store."""
    e = span_erasures.c
    wanted = select(e.account_id, e.instance_key).order_by(e.instance_key).limit(limit)
    return [(row.account_id, row.instance_key) for row in connection.execute(wanted)]


def longest_kept(connection: Connection) -> int | None:
    """The longest time, in nanoseconds, that any account keeps runs; None where one keeps any for ever."""
    every = retention.c.agent_id == ""
    ends = select(retention.c.account_id).where(every, retention.c.keep.is_not(None))
    for_ever = select(accounts.c.id).where(accounts.c.id.not_in(ends)).limit(1)
    some_for_ever = select(retention.c.account_id).where(retention.c.keep.is_(None)).limit(1)
    if any(connection.execute(wanted).first() is not None for wanted in (for_ever, some_for_ever)):
        return None
    return connection.execute(select(func.max(retention.c.keep))).scalar()


def forget_erasures(transaction: WriteTransaction, keys: Collection[int]) -> None:
    """They are out of it."""
    transaction.connection.execute(delete(span_erasures).where(span_erasures.c.instance_key.in_(keys)))
