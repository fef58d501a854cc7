"""What belongs to a run: the one list that taking a run out of the record goes by.

Every table with a column `instance_key` is here or in `NOT_OF_A_RUN`; a test compares.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from typing import Final

from sqlalchemy import Connection, Table, delete, func, insert, not_, select, tuple_

from holdfast.server.stores.schema.columnar import moved_runs, recalled_spans, span_erasures
from holdfast.server.stores.schema.facets import failed, run_facets
from holdfast.server.stores.schema.questions import questions
from holdfast.server.stores.schema.record import (
    check_queue,
    events,
    idempotency,
    instances,
    quality,
    span_bodies,
    spans,
    violations,
)
from holdfast.server.stores.schema.retention import erasing
from holdfast.server.stores.schema.scores import scores
from holdfast.server.stores.schema.search import search_queue

__all__ = [
    "HIDDEN",
    "NOT_OF_A_RUN",
    "RUN_TABLES",
    "moved_spans",
    "take_out_now",
    "take_out_rows",
    "take_out_runs",
]

RUN_TABLES: Final[tuple[Table, ...]] = (
    search_queue,
    check_queue,
    idempotency,
    violations,
    quality,
    questions,
    scores,
    questions,
    failed,
    run_facets,
    events,
    spans,  # with their bodies
)
"""Of these, the rows with the run's key go, a slice at a time, in this order."""

HIDDEN: Final = ""
"""The account of runs that are being taken out: nobody's, so that nothing reads them."""

_AT_THE_END: Final = (recalled_spans, moved_runs)
"""One row a run or less: they go with the run's own row, which is the last."""

NOT_OF_A_RUN: Final = (*_AT_THE_END, span_erasures, erasing)
"""What has a run's key and is seen to elsewhere."""


def take_out_now(connection: Connection, instance_keys: Collection[int]) -> Counter[str]:
    """Delete what somebody might still work on, or be answered, while the other rows go; how much, by table."""
    counts: Counter[str] = Counter()
    for table in (check_queue, idempotency):
        gone = connection.execute(delete(table).where(table.c.instance_key.in_(instance_keys)))
        counts[table.name] = gone.rowcount
    return +counts


def moved_spans(connection: Connection, instance_keys: Collection[int]) -> int:
    """How many spans of the runs lie in the span store, and not in the catalogue as well."""
    moved = list(
        connection.execute(
            select(moved_runs.c.instance_key).where(moved_runs.c.instance_key.in_(instance_keys))
        ).scalars()
    )
    if not moved:
        return 0
    total = select(func.sum(instances.c.spans_total)).where(instances.c.key.in_(moved))
    here = select(func.count()).select_from(spans).where(spans.c.instance_key.in_(moved))
    return int(connection.execute(total).scalar_one()) - connection.execute(here).scalar_one()


def take_out_rows(
    connection: Connection, instance_keys: Collection[int], limit: int
) -> tuple[Counter[str], bool]:
    """Delete up to about `limit` of the rows that belong to the runs: how many went, by table, and whether all
    of them are gone."""
    counts: Counter[str] = Counter()
    left = limit
    for table in RUN_TABLES:
        if left <= 0:
            break
        place = list(table.primary_key.columns)
        of_runs = table.c.instance_key.in_(instance_keys)
        if table is spans:
            # the same rows for both: in one order, in one transaction
            bodies = select(spans.c.body_key).where(of_runs).order_by(*place).limit(left)
            counts[span_bodies.name] = connection.execute(
                delete(span_bodies).where(span_bodies.c.key.in_(bodies))
            ).rowcount
        rows = select(*place).where(of_runs).order_by(*place).limit(left)
        whole = place[0].in_(rows) if len(place) == 1 else tuple_(*place).in_(rows)
        counts[table.name] = connection.execute(delete(table).where(whole)).rowcount
        left -= counts[table.name]
    return +counts, left > 0


def take_out_runs(connection: Connection, instance_keys: Collection[int]) -> None:
    """Delete the rows of runs to which nothing else belongs any more, and have the span store follow.

    The blank row of the newest run stays until there is a newer one: where keys are the next after the highest,
    another run would get its key, and with that whatever is still kept under it elsewhere.
    """
    moved = select(moved_runs.c.instance_key, moved_runs.c.account_id).where(
        moved_runs.c.instance_key.in_(instance_keys),
        moved_runs.c.instance_key.not_in(select(span_erasures.c.instance_key)),
    )
    connection.execute(insert(span_erasures).from_select(["instance_key", "account_id"], moved))
    for table in _AT_THE_END:
        connection.execute(delete(table).where(table.c.instance_key.in_(instance_keys)))
    connection.execute(delete(erasing).where(erasing.c.instance_key.in_(instance_keys)))
    nobodys = instances.c.account_id == HIDDEN
    worked_on = instances.c.key.in_(select(erasing.c.instance_key))
    newest = select(func.max(instances.c.key)).scalar_subquery()
    connection.execute(delete(instances).where(nobodys, not_(worked_on), instances.c.key < newest))
