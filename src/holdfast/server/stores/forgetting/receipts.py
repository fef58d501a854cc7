"""Receipts of erasures: what was asked for, how far it is, and how many rows went."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
from msgspec import Struct
from sqlalchemy import Connection, RowMapping, insert, select, update

from holdfast.server.stores.paging import read_page
from holdfast.server.stores.reads.api import Window
from holdfast.server.stores.reads.run_selection import Selection
from holdfast.server.stores.schema.retention import receipts
from holdfast.wire.vocabulary import ErasureCause, ErasureState

__all__ = [
    "ReceiptRow",
    "add_receipt",
    "add_to_receipt",
    "close_receipt",
    "find_receipt",
    "receipts_page",
    "running_receipts",
]

_r = receipts.c
_encode = msgspec.json.Encoder().encode
_selection = msgspec.json.Decoder(Selection).decode
_counts = msgspec.json.Decoder(dict[str, int]).decode


class ReceiptRow(Struct, frozen=True, kw_only=True):
    """`counts` are rows by table. `cursor`: the runs up to this key have been looked at."""

    id: str
    account_id: str
    cause: ErasureCause
    state: ErasureState
    asked_by: str
    selection: Selection
    inserted_at: int
    finished_at: int | None = None
    cursor: int = 0
    counts: dict[str, int] = {}
    note: str | None = None


def add_receipt(connection: Connection, row: ReceiptRow) -> None:
    connection.execute(
        insert(receipts).values(
            id=row.id,
            account_id=row.account_id,
            cause=row.cause.value,
            state=row.state.value,
            asked_by=row.asked_by,
            selection=_encode(row.selection),
            inserted_at=row.inserted_at,
            finished_at=row.finished_at,
            cursor=row.cursor,
            counts=_encode(row.counts),
            note=row.note,
        )
    )


def find_receipt(connection: Connection, receipt_id: str) -> ReceiptRow | None:
    found = connection.execute(select(receipts).where(_r.id == receipt_id)).mappings().first()
    return None if found is None else _row(found)


def receipts_page(
    connection: Connection, account_id: str, asked_by: str | None, window: Window
) -> tuple[list[ReceiptRow], int]:
    """One page of the account's, or of those that this one asked for, and how many there are."""
    where = [_r.account_id == account_id]
    if asked_by is not None:
        where.append(_r.asked_by == asked_by)
    rows, total = read_page(connection, receipts, where, window)
    return [_row(row) for row in rows], total


def running_receipts(connection: Connection) -> list[ReceiptRow]:
    """What has been asked for and is not done, of all accounts, oldest first."""
    wanted = select(receipts).where(_r.state == ErasureState.RUNNING.value).order_by(_r.inserted_at, _r.id)
    return [_row(found) for found in connection.execute(wanted).mappings()]


def add_to_receipt(
    connection: Connection, receipt_id: str, counts: Mapping[str, int], cursor: int | None = None
) -> None:
    """Add to the counts, and note how far it has come; it never goes back."""
    wanted = select(_r.counts, _r.cursor).where(_r.id == receipt_id).with_for_update()
    row = connection.execute(wanted).one()
    known = _counts(row.counts)
    for name, count in counts.items():
        known[name] = known.get(name, 0) + count
    connection.execute(
        update(receipts)
        .where(_r.id == receipt_id)
        .values(counts=_encode(known), cursor=max(row.cursor, cursor or 0))
    )


def close_receipt(connection: Connection, receipt_id: str, now: int, note: str | None) -> None:
    """It is done; a second time changes nothing."""
    connection.execute(
        update(receipts)
        .where(_r.id == receipt_id, _r.state == ErasureState.RUNNING.value)
        .values(state=ErasureState.COMPLETE.value, finished_at=now, note=note)
    )


def _row(found: RowMapping) -> ReceiptRow:
    return ReceiptRow(
        id=found["id"],
        account_id=found["account_id"],
        cause=ErasureCause(found["cause"]),
        state=ErasureState(found["state"]),
        asked_by=found["asked_by"],
        selection=_selection(found["selection"]),
        inserted_at=found["inserted_at"],
        finished_at=found["finished_at"],
        cursor=found["cursor"],
        counts=_counts(found["counts"]),
        note=found["note"],
    )
