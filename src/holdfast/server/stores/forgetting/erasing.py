"""Taking runs out of the record: first out of sight, with all that was summed up of them, then row by row."""

from __future__ import annotations

from collections.abc import Collection

from msgspec import Struct
from msgspec.structs import asdict
from sqlalchemy import Connection, Text, and_, cast, delete, func, insert, or_, select, update

from holdfast.server.stores.base import Store
from holdfast.server.stores.forgetting.belongings import HIDDEN
from holdfast.server.stores.reads.run_selection import Selection, selected
from holdfast.server.stores.rows import InstanceRow
from holdfast.server.stores.schema.facets import facet_rollups, failure_groups, run_facets
from holdfast.server.stores.schema.record import idempotency, instances, rollups
from holdfast.server.stores.schema.retention import erasing, retention
from holdfast.wire.vocabulary import FacetKind, InstanceStatus, Purpose

__all__ = [
    "Found",
    "blank_runs",
    "drop_agent_sums",
    "drop_empty_groups",
    "drop_empty_sums",
    "drop_told_of_agent",
    "found_runs",
    "hidden_runs",
    "is_any",
    "next_runs",
    "still_selected",
]

_i = instances.c


class Found(Struct, frozen=True, kw_only=True):
    """What a selection comes to. `live` are runs that have not ended."""

    runs: int
    live: int
    spans: int
    events: int


def found_runs(store: Store, selection: Selection) -> Found:
    live = func.count().filter(_i.status.in_(["pending", "active"]))
    sums = select(func.count(), live, func.sum(_i.spans_total), func.sum(_i.events))
    with store.reader.connect() as connection:
        row = connection.execute(sums.where(selected(selection))).one()
    return Found(runs=row[0], live=row[1], spans=int(row[2] or 0), events=int(row[3] or 0))


def is_any(store: Store, selection: Selection) -> bool:
    """Whether anything is selected. Found by an index, where `next_runs` would walk through all runs."""
    with store.reader.connect() as connection:
        return connection.execute(select(_i.key).where(selected(selection)).limit(1)).first() is not None


def next_runs(store: Store, selection: Selection, after: int, limit: int) -> list[int]:
    """The keys of the runs selected, in their order, from behind `after`."""
    wanted = select(_i.key).where(selected(selection), _i.key > after).order_by(_i.key).limit(limit)
    with store.reader.connect() as connection:
        return list(connection.execute(wanted).scalars())


def still_selected(connection: Connection, selection: Selection, keys: Collection[int]) -> set[int]:
    """Those of the keys whose runs are selected as they are now."""
    wanted = select(_i.key).where(_i.key.in_(keys), selected(selection))
    return set(connection.execute(wanted).scalars())


def blank_runs(connection: Connection, keys: Collection[int], receipt_id: str) -> None:
    """Out of sight: their rows become nobody's and empty, until all that belongs to them is gone."""
    blank = asdict(
        InstanceRow(
            key=0,
            account_id=HIDDEN,
            id="",
            status=InstanceStatus.CANCELLED.value,
            purpose=Purpose.LIVE.value,
            begun_at=0,
            inserted_at=0,
            updated_at=0,
        )
    )
    del blank["key"]
    # not as a run that changes hands: its spans are not to be brought back from the span store for that
    connection.execute(update(instances).where(_i.key.in_(keys)).values(blank | {"id": cast(_i.key, Text)}))
    connection.execute(insert(erasing), [{"instance_key": key, "receipt_id": receipt_id} for key in keys])


def hidden_runs(store: Store, receipt_id: str, limit: int) -> list[int]:
    """Runs of an erasure whose rows are still being taken out."""
    e = erasing.c
    wanted = select(e.instance_key).where(e.receipt_id == receipt_id).order_by(e.instance_key).limit(limit)
    with store.reader.connect() as connection:
        return list(connection.execute(wanted).scalars())


def drop_empty_sums(connection: Connection, places: Collection[tuple[str, str, int]]) -> None:
    """Take away the hourly sums at these (account, agent, hour) to which no run belongs any more."""
    r = rollups.c
    none = and_(*(column == 0 for column in r if column.name.startswith("runs_")))
    for account_id, agent_id, hour in sorted(places):
        connection.execute(
            delete(rollups).where(r.account_id == account_id, r.agent_id == agent_id, r.hour == hour, none)
        )


def drop_empty_groups(connection: Connection, account_id: str) -> None:
    """Take away the failure groups that no run belongs to."""
    g, f = failure_groups.c, run_facets.c
    used = select(f.name).where(
        f.account_id == g.account_id, f.kind == FacetKind.FAILURE.value, f.name == g.fingerprint
    )
    connection.execute(delete(failure_groups).where(g.account_id == account_id, ~used.exists()))


def drop_agent_sums(connection: Connection, account_id: str, agent_id: str) -> None:
    """Take away what is left under an agent that has no runs: empty sums, and how long its runs are kept."""
    for table in (rollups, facet_rollups, retention):
        connection.execute(
            delete(table).where(table.c.account_id == account_id, table.c.agent_id == agent_id)
        )


def drop_told_of_agent(connection: Connection, account_id: str, agent_id: str) -> int:
    """Take away the answers kept for repeats that name the agent; how many."""
    k = idempotency.c
    own = or_(k.account_id == account_id, k.account_id.startswith(f"{account_id} agent=", autoescape=True))
    wanted = select(k.account_id, k.action, k.key, k.response).where(own, k.instance_key.is_(None))
    told = agent_id.encode()
    found = [row for row in connection.execute(wanted) if told in bytes(row.response)]
    for row in found:
        place = (k.account_id == row.account_id, k.action == row.action, k.key == row.key)
        connection.execute(delete(idempotency).where(*place))
    return len(found)
