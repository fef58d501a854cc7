"""Reading spans: the light rows that a tree is made of, and the whole of a few."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, cast

import msgspec
from msgspec.structs import astuple
from sqlalchemy import ColumnElement, Row, Text, case, func, select
from sqlalchemy import cast as sql_cast
from sqlalchemy.dialects.postgresql import aggregate_order_by

from holdfast.server.stores.base import Store
from holdfast.server.stores.reads.light_spans import LightSpans
from holdfast.server.stores.rows import BodyRow, SpanRow
from holdfast.server.stores.schema.record import BODY_KEY_BITS, span_bodies, spans, violations
from holdfast.wire.vocabulary import SpanStatus

__all__ = ["LightSpans", "SpanBody", "SpanReads", "SpanRecord"]


@dataclass(frozen=True, slots=True)
class SpanRecord:
    """A span without its payloads. Money is nano-dollars, times nanoseconds."""

    id: str
    body_key: int
    parent_span_id: str | None
    schema_name: str | None
    name: str | None
    status: str
    started_at: int | None
    finished_at: int | None
    inserted_at: int
    flags: int
    error_type: str | None
    provider: str | None
    model: str | None
    input_tokens: int | None
    output_tokens: int | None
    cache_read_tokens: int | None
    cache_write_tokens: int | None
    reasoning_tokens: int | None
    cost_nano: int | None
    cost_source: str | None
    violations: int | None
    summary: str | None


@dataclass(frozen=True, slots=True)
class SpanBody:
    """The JSON of a span, as the bytes that came."""

    payload: bytes | None
    result_payload: bytes | None
    attributes: bytes | None
    finish_attributes: bytes | None
    error: bytes | None


_s: Final = spans.c
_RECORD: Final = (
    _s.id,
    _s.body_key,
    _s.parent_span_id,
    _s.schema_name,
    _s.name,
    _s.status,
    _s.started_at,
    _s.finished_at,
    _s.inserted_at,
    _s.flags,
    _s.error_type,
    _s.provider,
    _s.model,
    _s.input_tokens,
    _s.output_tokens,
    _s.cache_read_tokens,
    _s.cache_write_tokens,
    _s.reasoning_tokens,
    _s.cost_nano,
    _s.cost_source,
    _s.violations,
    _s.summary,
)
_texts: Final = msgspec.json.Decoder(list[str]).decode
_optional_texts: Final = msgspec.json.Decoder(list[str | None]).decode
_numbers: Final = msgspec.json.Decoder(list[int]).decode
_NOTHING: Final = SpanBody(None, None, None, None, None)


def _sqlite_array(column: ColumnElement[Any]) -> ColumnElement[str]:
    return func.json_group_array(column)  # the rows lie in the order of their ids


def _postgres_array(column: ColumnElement[Any]) -> ColumnElement[str]:
    by_bytes = _s.id.collate("C")  # as SQLite orders; a database's own order is that of some language
    gathered = func.json_agg(aggregate_order_by(column, by_bytes))
    return func.coalesce(sql_cast(gathered, Text), "[]")


_PLACES: Final = [list(spans.columns).index(column) for column in _RECORD]


def _moved_record(row: SpanRow) -> SpanRecord:
    values = astuple(row)
    return SpanRecord(*(values[place] for place in _PLACES))


def _moved_body(row: BodyRow) -> SpanBody:
    return SpanBody(*astuple(row)[1:])


def _record(row: Row[*tuple[Any, ...]]) -> SpanRecord:
    return SpanRecord(*row)


class SpanReads:
    """Each method is one read of its own, in the calling thread."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._engine = store.reader
        self._array = _sqlite_array if self._engine.dialect.name == "sqlite" else _postgres_array

    def light(self, key: int, *, changed_since: int | None = None) -> LightSpans:
        """The spans of a run in the order of their ids; those only that changed at that time or later.

        The database puts each column into one JSON array, which is decoded at once: half the time that a
        hundred thousand rows take, and most of it without the interpreter lock.
        """
        start = func.coalesce(_s.started_at, _s.inserted_at)
        failed = case((_s.status == SpanStatus.FAILED.value, 1), else_=0)
        columns = [self._array(column) for column in (_s.id, _s.parent_span_id, start, failed)]
        query = select(*columns).where(_s.instance_key == key)
        if changed_since is not None:
            query = query.where(_s.updated_at >= changed_since)
        with self._engine.connect() as connection:
            row = connection.execute(query).one()
            # what has been moved has not changed since; where it has come and gone, the reader sees that it lacks
            moved = self._store.moved_parts(connection, [key]).get(key) if changed_since is None else None
        ids, parents, starts, flags = cast("tuple[str, str, str, str]", tuple(row))
        found = LightSpans(
            ids=_texts(ids), parents=_optional_texts(parents), starts=_numbers(starts), failed=_numbers(flags)
        )
        return found if moved is None else moved.light().under(found)

    def records(self, key: int, ids: Sequence[str]) -> dict[str, SpanRecord]:
        """The spans with these ids that exist, by id. At most a few hundred at a time."""
        query = select(*_RECORD).where(_s.instance_key == key, _s.id.in_(ids))
        with self._engine.connect() as connection:
            found = {row[0]: _record(row) for row in connection.execute(query)}
            missing = [span_id for span_id in ids if span_id not in found]
            moved = self._store.moved_parts(connection, [key]).get(key) if missing else None
        if moved is not None:
            found |= {span_id: _moved_record(row) for span_id, row in moved.spans(missing).items()}
        return found

    def record(self, key: int, span_id: str) -> SpanRecord | None:
        return self.records(key, [span_id]).get(span_id)

    def body(self, body_key: int) -> SpanBody:
        return self.bodies([body_key])[body_key]

    def bodies(self, body_keys: Sequence[int]) -> dict[int, SpanBody]:
        """All that were asked for, by key; one that does not exist has nothing in it."""
        b = span_bodies.c
        query = select(b.key, b.payload, b.result_payload, b.attributes, b.finish_attributes, b.error)
        found = dict.fromkeys(body_keys, _NOTHING)
        missing: dict[int, list[int]] = {}
        with self._engine.connect() as connection:
            rows = connection.execute(query.where(b.key.in_(body_keys)))
            here = {row[0]: SpanBody(*row[1:]) for row in rows}
            for body_key in body_keys:
                if body_key not in here:
                    missing.setdefault(body_key >> BODY_KEY_BITS, []).append(body_key)
            moved = self._store.moved_parts(connection, missing) if missing else {}
        for key, part in moved.items():
            found |= {body.key: _moved_body(body) for body in part.bodies(missing[key]).values()}
        return found | here

    def errors(self, bodies: Sequence[int]) -> dict[int, bytes]:
        """The recorded errors of some spans, by body key."""
        query = select(span_bodies.c.key, span_bodies.c.error).where(span_bodies.c.key.in_(bodies))
        with self._engine.connect() as connection:
            found: dict[int, bytes | None] = {row[0]: row[1] for row in connection.execute(query)}
            missing: dict[int, list[int]] = {}
            for body_key in bodies:
                if body_key not in found:
                    missing.setdefault(body_key >> BODY_KEY_BITS, []).append(body_key)
            moved = self._store.moved_parts(connection, missing) if missing else {}
        for key, part in moved.items():
            found |= part.errors(missing[key])
        return {key: error for key, error in found.items() if error is not None}

    def violations(self, key: int, span_id: str) -> bytes | None:
        """JSON `[{"part", "path", "message"}, …]`: where a span breaks its schema, or None."""
        v = violations.c
        query = select(v.details).where(v.instance_key == key, v.subject == f"span/{span_id}")
        with self._engine.connect() as connection:
            return connection.execute(query).scalar()
