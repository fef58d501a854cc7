"""Copying a record into another database, row by row as it is.

The source is read as of one moment, servers may go on writing to it. What the target has already is compared and
only what differs is written, in transactions of their own: a copy that was stopped goes on where it was, and one
that is run again brings over what has changed since. In the end everything is read on both sides and compared.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from msgspec import Struct
from sqlalchemy import Connection, func, select

from holdfast._ids import new_id
from holdfast.errors import CopyRefusedError
from holdfast.server.stores.base import Store, WriteTransaction
from holdfast.server.stores.copying.identity import (
    COPY_DONE,
    COPY_MARK,
    RECORD,
    identify_record,
    read_value,
    set_value,
)
from holdfast.server.stores.copying.run import EMPTY_TARGET, Copying, CopyProgress, TableReport
from holdfast.server.stores.copying.source import SourceRows
from holdfast.server.stores.reads.span_list import one_state
from holdfast.server.stores.retrying import in_transaction
from holdfast.server.stores.schema.record import accounts, instances

__all__ = ["CopyReport", "copy_record"]


class CopyReport(Struct, frozen=True, kw_only=True):
    """`same`: every row of the source, as of the moment it was read, is in the target and nothing else.
    `source_changed`: runs were recorded or changed there since that moment."""

    record: str
    same: bool
    source_changed: bool
    tables: list[TableReport]


def copy_record(
    source: Store, target: Store, told: Callable[[CopyProgress], None], *, keep_moved: bool = False
) -> CopyReport:
    """Make the target's rows those of the source. `told` is called now and then.

    What of the source lies in a span store becomes rows of the target as well; with `keep_moved` it stays there,
    and the target says that it is there.

    Repeated, it goes on. Raises `CopyRefusedError` where the target holds another record, has been used since it
    was copied, or is being copied into by somebody else just now, and where the source's spans are not all to be
    had; `StoreError` where the source is itself a copy
    that is not finished.
    """
    record = in_transaction(source, lambda transaction: identify_record(transaction.connection))
    mark = new_id()
    in_transaction(target, lambda transaction: _claim_target(transaction.connection, record, mark))
    with source.reader.connect() as connection:
        one_state(connection)
        state = _state(connection)
        rows = SourceRows(source, connection, keep_moved=keep_moved)
        tables = Copying(rows, target, partial(_hold, mark=mark), told).run()
    with source.reader.connect() as connection:
        changed = _state(connection) != state
    same = all(table.difference is None for table in tables)
    if same:
        in_transaction(target, lambda transaction: _hold(transaction, mark, becomes=COPY_DONE))
    return CopyReport(record=record, same=same, source_changed=changed, tables=tables)


def _claim_target(connection: Connection, record: str, mark: str) -> None:
    where = connection.engine.url.render_as_string(hide_password=True)
    known = read_value(connection, RECORD)
    if known is None:
        if connection.execute(select(accounts.c.id).limit(1)).first() is not None:
            raise CopyRefusedError(where, "holds a record of its own", EMPTY_TARGET)
        set_value(connection, RECORD, record)
    elif known != record:
        raise CopyRefusedError(where, "holds another record", EMPTY_TARGET)
    elif read_value(connection, COPY_MARK) is None:
        raise CopyRefusedError(
            where, "is this record already, and has been used since it was copied", EMPTY_TARGET
        )
    set_value(connection, COPY_MARK, mark)


def _hold(transaction: WriteTransaction, mark: str, *, becomes: str | None = None) -> None:
    """Make sure, until the end of the transaction, that nobody else copies into the target or uses it."""
    connection = transaction.connection
    if read_value(connection, COPY_MARK) != mark:
        where = connection.engine.url.render_as_string(hide_password=True)
        raise CopyRefusedError(where, "is being copied into by another command", "let only one of them run")
    if becomes is not None:
        set_value(connection, COPY_MARK, becomes)


def _state(connection: Connection) -> tuple[object, ...]:
    """Changes whenever a run is recorded, changed or erased."""
    i = instances.c
    return tuple(connection.execute(select(func.count(), func.max(i.key), func.max(i.updated_at))).one())
