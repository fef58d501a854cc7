"""The queue of what is still to be checked and summarised, and writing down what was found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec import Struct
from sqlalchemy import Connection, bindparam, delete, insert, select, update

from holdfast.server.stores.base import Store, WriteTransaction
from holdfast.server.stores.schema.record import (
    check_queue,
    instances,
    quality,
    schema_versions,
    span_bodies,
    spans,
    violations,
)

__all__ = [
    "CheckEntry",
    "CheckOutcome",
    "checks_waiting",
    "mark_unusable",
    "schema_content",
    "take_off",
    "write_outcomes",
]


class CheckEntry(Struct, frozen=True, kw_only=True):
    """One entry with what is needed to work on it. `type_name` is None where nothing can be done: the span's
    start has not arrived, or its run has no schemas."""

    instance_key: int
    subject: str
    ticket: int
    version_id: str | None
    type_name: str | None
    quality: bool
    payload: bytes | None
    result: bytes | None


class CheckOutcome(Struct, frozen=True, kw_only=True):
    """What was found about an entry. `details` is an encoded list of violations, None where there are none."""

    entry: CheckEntry
    summary: str | None
    violations: int
    details: bytes | None


def checks_waiting(store: Store, limit: int) -> list[CheckEntry]:
    """The entries that wait longest, oldest first."""
    q = check_queue.c
    oldest = select(q.instance_key, q.subject, q.ticket, instances.c.schema_version_id).join(
        instances, instances.c.key == q.instance_key
    )
    with store.reader.connect() as connection:
        rows = connection.execute(oldest.order_by(q.ticket).limit(limit)).all()
        return [_entry(connection, *row) for row in rows]


def _entry(
    connection: Connection, instance_key: int, subject: str, ticket: int, version_id: str | None
) -> CheckEntry:
    kind, _, name = subject.partition("/")
    type_name: str | None = None
    payload: bytes | None = None
    result: bytes | None = None
    if kind == "quality":
        found = connection.execute(
            select(quality.c.payload).where(quality.c.instance_key == instance_key, quality.c.name == name)
        ).first()
        if found is not None:
            type_name, payload = name, found.payload
    else:
        found = connection.execute(
            select(spans.c.schema_name, span_bodies.c.payload, span_bodies.c.result_payload)
            .join(span_bodies, span_bodies.c.key == spans.c.body_key)
            .where(spans.c.instance_key == instance_key, spans.c.id == name)
        ).first()
        if found is not None:
            type_name, payload, result = found.schema_name, found.payload, found.result_payload
    return CheckEntry(
        instance_key=instance_key,
        subject=subject,
        ticket=ticket,
        version_id=version_id,
        type_name=type_name if version_id else None,
        quality=kind == "quality",
        payload=payload,
        result=result,
    )


def schema_content(store: Store, version_id: str) -> tuple[bytes, bytes | None]:
    """The encoded `SchemaVersion`, and the encoded map of its unusable types to the reasons."""
    wanted = select(schema_versions.c.content, schema_versions.c.unusable)
    with store.reader.connect() as connection:
        row = connection.execute(wanted.where(schema_versions.c.id == version_id)).one()
    return row.content, row.unusable


def mark_unusable(transaction: WriteTransaction, version_id: str, unusable: bytes) -> None:
    """Replace the map of unusable types."""
    transaction.connection.execute(
        update(schema_versions).where(schema_versions.c.id == version_id).values(unusable=unusable)
    )


def take_off(transaction: WriteTransaction, entries: Sequence[CheckEntry]) -> list[CheckEntry]:
    """Take entries off the queue; those that were still there in the same state."""
    q = check_queue.c
    taken: list[CheckEntry] = []
    for entry in entries:
        done = transaction.connection.execute(
            delete(check_queue).where(
                q.instance_key == entry.instance_key, q.subject == entry.subject, q.ticket == entry.ticket
            )
        )
        if done.rowcount:
            taken.append(entry)
    return taken


def write_outcomes(transaction: WriteTransaction, outcomes: Sequence[CheckOutcome]) -> Mapping[int, int]:
    """Write what was found into the spans and quality records. How the sums of violations change, by run."""
    connection = transaction.connection
    changes: dict[int, int] = {}
    for table, wanted in ((spans, False), (quality, True)):
        name = table.c.name if wanted else table.c.id
        rows = [outcome for outcome in outcomes if outcome.entry.quality is wanted]
        if not rows:
            continue
        for outcome in rows:
            entry = outcome.entry
            before = connection.execute(
                select(table.c.violations).where(
                    table.c.instance_key == entry.instance_key, name == entry.subject.partition("/")[2]
                )
            ).scalar()
            change = outcome.violations - (before or 0)
            changes[entry.instance_key] = changes.get(entry.instance_key, 0) + change
        connection.execute(
            update(table)
            .where(table.c.instance_key == bindparam("at_key"), name == bindparam("at_name"))
            .values(violations=bindparam("found"), summary=bindparam("text")),
            [
                {
                    "at_key": outcome.entry.instance_key,
                    "at_name": outcome.entry.subject.partition("/")[2],
                    "found": outcome.violations,
                    "text": outcome.summary,
                }
                for outcome in rows
            ],
        )
    _write_details(connection, outcomes)
    return {key: change for key, change in changes.items() if change}


def _write_details(connection: Connection, outcomes: Sequence[CheckOutcome]) -> None:
    if not outcomes:  # all of it changed while it was being checked
        return
    v = violations.c
    connection.execute(
        delete(violations).where(v.instance_key == bindparam("at_key"), v.subject == bindparam("at_subject")),
        [{"at_key": outcome.entry.instance_key, "at_subject": outcome.entry.subject} for outcome in outcomes],
    )
    found = [
        {
            "instance_key": outcome.entry.instance_key,
            "subject": outcome.entry.subject,
            "details": outcome.details,
        }
        for outcome in outcomes
        if outcome.details is not None
    ]
    if found:
        connection.execute(insert(violations), found)
