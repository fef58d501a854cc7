"""How far runs have been forwarded to a destination, and which process does it."""

from __future__ import annotations

from msgspec import Struct
from sqlalchemy import Connection, insert, or_, select, update

from holdfast.server.stores.reads.forward import Place
from holdfast.server.stores.schema.forward import forward_positions

__all__ = ["ForwardPosition", "let_go", "read_position", "restart", "save_position", "take_position"]

_p = forward_positions.c


class ForwardPosition(Struct, frozen=True, kw_only=True):
    """`place` is that of the last run that has arrived. The counts are those of all time; `refused` are spans
    that the receiver did not want."""

    place: Place
    runs: int = 0
    spans: int = 0
    refused: int = 0


def read_position(connection: Connection, account_id: str, destination: str) -> ForwardPosition | None:
    wanted = select(_p.changed_at, _p.key, _p.runs, _p.spans, _p.refused)
    row = connection.execute(wanted.where(_p.account_id == account_id, _p.destination == destination)).first()
    if row is None:
        return None
    return ForwardPosition(place=Place(row[0], row[1]), runs=row[2], spans=row[3], refused=row[4])


def take_position(
    connection: Connection,
    account_id: str,
    destination: str,
    *,
    holder: str,
    now: int,
    until: int,
    start: Place,
) -> ForwardPosition | None:
    """Hold the destination until that time, and where to go on; a new one begins after `start`. None where
    another process holds it now."""
    known = read_position(connection, account_id, destination)
    if known is None:
        known = ForwardPosition(place=start)
        connection.execute(
            insert(forward_positions).values(
                account_id=account_id,
                destination=destination,
                changed_at=start.changed_at,
                key=start.key,
                holder=holder,
                until=until,
            )
        )
        return known
    taken = connection.execute(
        update(forward_positions)
        .where(_p.account_id == account_id, _p.destination == destination)
        .where(or_(_p.until <= now, _p.holder == holder))
        .values(holder=holder, until=until)
    )
    # once more: another process may have gone on until this very moment
    return read_position(connection, account_id, destination) if taken.rowcount else None


def save_position(
    connection: Connection,
    account_id: str,
    destination: str,
    position: ForwardPosition,
    *,
    holder: str,
    until: int,
) -> bool:
    """Write down how far it has come and hold on; False where another process holds it by now."""
    saved = connection.execute(
        update(forward_positions)
        .where(_p.account_id == account_id, _p.destination == destination, _p.holder == holder)
        .values(
            changed_at=position.place.changed_at,
            key=position.place.key,
            runs=position.runs,
            spans=position.spans,
            refused=position.refused,
            until=until,
        )
    )
    return bool(saved.rowcount)


def let_go(connection: Connection, account_id: str, destination: str, *, holder: str) -> None:
    """Let another process take over at once."""
    connection.execute(
        update(forward_positions)
        .where(_p.account_id == account_id, _p.destination == destination, _p.holder == holder)
        .values(holder=None, until=0)
    )


def restart(connection: Connection, account_id: str, destination: str, start: Place) -> None:
    """Begin anew after that place, whoever forwards now."""
    connection.execute(
        update(forward_positions)
        .where(_p.account_id == account_id, _p.destination == destination)
        .values(changed_at=start.changed_at, key=start.key)
    )
