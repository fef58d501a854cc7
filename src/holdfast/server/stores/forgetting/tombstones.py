"""What stays of an erased run: a digest of its id, so that what arrives late does not bring it back."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping

from sqlalchemy import Connection, bindparam, delete, func, insert, select, update

from holdfast.server.stores.schema.retention import tombstones

__all__ = [
    "add_tombstones",
    "count_dropped",
    "drop_tombstones",
    "dropped_by_receipt",
    "erased_among",
    "erased_at",
]

_t = tombstones.c


def erased_among(connection: Connection, account_id: str, run_ids: Collection[str]) -> list[str]:
    """Those of the ids that belonged to runs which have been erased."""
    by_hash = {_digest(account_id, run_id): run_id for run_id in run_ids}
    wanted = select(_t.id_hash).where(_t.account_id == account_id, _t.id_hash.in_(by_hash))
    return [by_hash[bytes(found)] for found in connection.execute(wanted).scalars()]


def erased_at(connection: Connection, account_id: str, run_id: str) -> int | None:
    """When the run was erased, nanoseconds since 1970."""
    wanted = select(_t.erased_at).where(
        _t.account_id == account_id, _t.id_hash == _digest(account_id, run_id)
    )
    return connection.execute(wanted).scalar()


def add_tombstones(
    connection: Connection, account_id: str, run_ids: Collection[str], receipt_id: str, now: int
) -> None:
    """For runs that have none."""
    connection.execute(
        insert(tombstones),
        [
            {
                "account_id": account_id,
                "id_hash": _digest(account_id, run_id),
                "receipt_id": receipt_id,
                "erased_at": now,
            }
            for run_id in run_ids
        ],
    )


def count_dropped(connection: Connection, counts: Mapping[tuple[str, str], int]) -> None:
    """Add to how many operations came too late, by (account, run)."""
    found = {
        (account_id, _digest(account_id, run_id)): count for (account_id, run_id), count in counts.items()
    }
    connection.execute(
        update(tombstones)
        .where(_t.account_id == bindparam("at_account"), _t.id_hash == bindparam("at_hash"))
        .values(dropped=_t.dropped + bindparam("more")),
        [
            {"at_account": account_id, "at_hash": digest, "more": found[account_id, digest]}
            for account_id, digest in sorted(found)  # in one order: servers wait for each other one way only
        ],
    )


def dropped_by_receipt(connection: Connection, receipt_ids: Collection[str]) -> dict[str, int]:
    """How many operations came too late for what each erasure took; those without any are left out."""
    dropped = func.sum(_t.dropped)
    wanted = select(_t.receipt_id, dropped).where(_t.receipt_id.in_(receipt_ids), _t.dropped > 0)
    return {receipt: int(count) for receipt, count in connection.execute(wanted.group_by(_t.receipt_id))}


def drop_tombstones(connection: Connection, before: int) -> None:
    """Forget the runs that were erased before that time."""
    connection.execute(delete(tombstones).where(_t.erased_at < before))


def _digest(account_id: str, run_id: str) -> bytes:
    return hashlib.sha256(f"{account_id}\n{run_id}".encode("utf-8", "surrogatepass")).digest()
