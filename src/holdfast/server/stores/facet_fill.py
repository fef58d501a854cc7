"""Counting the facets of a record that was written before there were any.

Once, inside the migration: a million spans take some seconds. What it counts is what the write path would have;
a test compares the two.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final, cast

import msgspec
from msgspec import Struct
from sqlalchemy import Connection, RowMapping, bindparam, select, text, tuple_, update

from holdfast.core.failures import Group
from holdfast.server.stores.base import FacetWriter
from holdfast.server.stores.reads.failure_rows import OF_THE_RUN, group_row, recorded_group
from holdfast.server.stores.rows_facets import FacetRow, FailedRow, FailureGroupRow
from holdfast.server.stores.schema.facets import (
    COUNTED_EVENTS,
    FACET_COUNTS,
    LONGEST_CALL,
    LONGEST_NAME,
    failed,
)
from holdfast.server.stores.schema.record import SPAN_AGGREGATE, instances, span_bodies, spans
from holdfast.server.stores.sqlite.facets import SqliteFacets
from holdfast.wire import attributes as names
from holdfast.wire.vocabulary import UNNAMED, FacetKind, SpanType

__all__ = ["fill_facets"]

_BATCH: Final = 5_000
_COLUMNS: Final = ", ".join(FACET_COUNTS)
_ERRORS: Final = "sum(CASE WHEN s.status = 'failed' OR s.error_type IS NOT NULL THEN 1 ELSE 0 END)"
_TOOK: Final = (
    f"sum(CASE WHEN s.finished_at > s.started_at AND s.finished_at - s.started_at <= {LONGEST_CALL} "
    "THEN s.finished_at - s.started_at ELSE 0 END)"
)
_TOLD: Final = "(s.input_tokens IS NOT NULL OR s.output_tokens IS NOT NULL)"
_OF_SPANS: Final = (
    f"INSERT INTO run_facets (instance_key, kind, name, account_id, begun_at, {_COLUMNS}) "  # noqa: S608 - our own names
    "SELECT s.instance_key, {kind}, {name}, i.account_id, i.begun_at, count(*), "
    f"{_ERRORS}, sum(coalesce(s.input_tokens, 0)), sum(coalesce(s.output_tokens, 0)), "
    "sum(coalesce(s.cost_nano, 0)), "
    f"sum(CASE WHEN s.cost_nano IS NULL AND ({_TOLD} OR {{unpriced}}) THEN 1 ELSE 0 END), {_TOOK} "
    "FROM spans s JOIN instances i ON i.key = s.instance_key WHERE {where} GROUP BY 1, 2, 3, 4, 5"
)
_MODEL_NAME: Final = (
    f"CASE WHEN coalesce(s.model, '') = '' THEN '{UNNAMED}' "
    "WHEN coalesce(s.provider, '') = '' THEN s.model ELSE s.provider || '/' || s.model END"
)
_TOOL_NAME: Final = (
    f"substr(coalesce(nullif(s.tool, ''), nullif(s.name, ''), '{UNNAMED}'), 1, {LONGEST_NAME})"
)
_OF_EVENTS: Final = (
    "INSERT INTO run_facets (instance_key, kind, name, account_id, begun_at, calls, errors) "  # noqa: S608 - our own names
    f"SELECT e.instance_key, '{FacetKind.EVENT.value}', e.name, i.account_id, i.begun_at, count(*), "
    "sum(CASE WHEN e.level = 'error' THEN 1 ELSE 0 END) "
    "FROM events e JOIN instances i ON i.key = e.instance_key WHERE e.name IN :counted GROUP BY 1, 2, 3, 4, 5"
)
_ROLLUPS: Final = (
    f"INSERT INTO facet_rollups (account_id, kind, hour, agent_id, name, runs, {_COLUMNS}) "  # noqa: S608 - our own names
    "SELECT f.account_id, f.kind, f.begun_at / 3600000000000, coalesce(i.agent_id, ''), f.name, count(*), "
    f"{', '.join(f'sum(f.{name})' for name in FACET_COUNTS)} "
    "FROM run_facets f JOIN instances i ON i.key = f.instance_key GROUP BY 1, 2, 3, 4, 5"
)


class _ToolName(Struct, rename={"tool": names.TOOL_NAME}.get):
    tool: object = None


_decode_tool: Final = msgspec.json.Decoder(_ToolName).decode


def fill_facets(connection: Connection) -> None:
    """For empty facet tables, in the caller's transaction."""
    writer = _writer(connection)
    _fill_tool_names(connection)
    _tell_failures(connection, writer)
    _count_failures(connection, writer)
    model = _OF_SPANS.format(
        kind=f"'{FacetKind.MODEL.value}'",
        name=_MODEL_NAME,
        where=f"(s.flags & {SPAN_AGGREGATE}) = 0 AND "
        f"(s.schema_name = '{SpanType.LLM.value}' OR {_TOLD} OR s.cost_nano IS NOT NULL)",
        unpriced="s.status = 'complete'",
    )
    tool = _OF_SPANS.format(
        kind=f"'{FacetKind.TOOL.value}'",
        name=_TOOL_NAME,
        where=f"s.schema_name = '{SpanType.TOOL.value}'",
        unpriced="1 = 0",
    )
    connection.execute(text(model))
    connection.execute(text(tool))
    counted = text(_OF_EVENTS).bindparams(bindparam("counted", expanding=True))
    connection.execute(counted, {"counted": sorted(COUNTED_EVENTS)})
    connection.execute(text(_ROLLUPS))


def _writer(connection: Connection) -> FacetWriter:
    driver = cast("Any", connection.connection.driver_connection)
    if connection.dialect.name == "sqlite":
        return SqliteFacets(driver)
    from holdfast.server.stores.postgres.facets import PostgresFacets  # needs an extra

    return PostgresFacets(driver.cursor(binary=True))


def _fill_tool_names(connection: Connection) -> None:
    s, b = spans.c, span_bodies.c
    wanted = (
        select(s.instance_key, s.id, b.attributes, b.finish_attributes)
        .join(span_bodies, b.key == s.body_key)
        .where(s.schema_name == SpanType.TOOL.value)
    )
    change = (
        update(spans)
        .where(s.instance_key == bindparam("of_run"), s.id == bindparam("of_span"))
        .values(tool=bindparam("said"))
    )
    for rows in _batches(connection, wanted, (s.instance_key, s.id)):
        said = [
            {"of_run": row["instance_key"], "of_span": row["id"], "said": name}
            for row in rows
            if (name := _said_tool(row["finish_attributes"]) or _said_tool(row["attributes"])) is not None
        ]
        if said:
            connection.execute(change, said)


def _said_tool(attributes: bytes | None) -> str | None:
    if attributes is None or names.TOOL_NAME.encode() not in attributes:
        return None
    try:
        said = _decode_tool(attributes).tool
    except msgspec.MsgspecError:
        return None
    return said.replace("\x00", "\ufffd")[:LONGEST_NAME] if isinstance(said, str) and said else None


def _tell_failures(connection: Connection, writer: FacetWriter) -> None:
    s, i = spans.c, instances.c
    of_spans = (
        select(
            s.instance_key,
            s.id,
            s.parent_span_id,
            s.schema_name,
            s.name,
            s.tool,
            s.error_type,
            s.provider,
            s.finished_at,
            s.started_at,
            s.inserted_at,
            span_bodies.c.error,
            i.account_id,
        )
        .join(span_bodies, span_bodies.c.key == s.body_key)
        .join(instances, i.key == s.instance_key)
        .where((s.status == "failed") | (s.error_type.is_not(None) & (s.status == "complete")))
    )
    for rows in _batches(connection, of_spans, (s.instance_key, s.id)):
        _tell(writer, [(row, row["id"], row["parent_span_id"], _group_of_span(row)) for row in rows])
    of_runs = select(i.key, i.error_type, i.error, i.finished_at, i.begun_at, i.account_id)
    for rows in _batches(connection, of_runs.where(i.status == "failed"), (i.key,)):
        _tell(
            writer,
            [
                (row, OF_THE_RUN, None, recorded_group(row["error"], row["error_type"], None, None))
                for row in rows
            ],
        )


def _tell(writer: FacetWriter, told: Sequence[tuple[RowMapping, str, str | None, Group]]) -> None:
    groups: dict[tuple[str, str], FailureGroupRow] = {}
    rows: list[FailedRow] = []
    for row, span_id, parent, group in told:
        key = row["instance_key"] if span_id else row["key"]
        rows.append(FailedRow(key, span_id, parent, group.error, group.fingerprint))
        at = row["finished_at"] or ((row["started_at"] or row["inserted_at"]) if span_id else row["begun_at"])
        one = groups.setdefault(
            (row["account_id"], group.fingerprint), group_row(row["account_id"], group, at)
        )
        one.first_seen, one.last_seen = min(one.first_seen, at), max(one.last_seen, at)
    writer.set_failed(rows, ())
    writer.add_groups(list(groups.values()))


def _group_of_span(row: RowMapping) -> Group:
    in_tool = row["schema_name"] == SpanType.TOOL.value
    tool = (row["tool"] or row["name"] or "")[:LONGEST_NAME] if in_tool else None
    return recorded_group(row["error"], row["error_type"], row["provider"], tool)


def _count_failures(connection: Connection, writer: FacetWriter) -> None:
    f, i = failed.c, instances.c
    wanted = select(f.instance_key, f.span_id, i.account_id, i.begun_at).join(
        instances, i.key == f.instance_key
    )
    for rows in _batches(connection, wanted, (f.instance_key, f.span_id)):
        runs = {row["instance_key"]: row for row in rows}
        found: dict[tuple[int, str, str], FacetRow] = {}
        told = [(row["instance_key"], row["span_id"]) for row in rows]
        for key, span_id, fingerprint in writer.counted_failures(told):
            for kind, name in (
                (FacetKind.FAILURE.value, fingerprint),
                (FacetKind.CATEGORY.value, fingerprint.partition("-")[0]),
            ):
                place = (key, kind, name)
                row = found.setdefault(
                    place, FacetRow(*place, runs[key]["account_id"], runs[key]["begun_at"])
                )
                row.calls += bool(span_id)
                row.errors += 1
        writer.add(list(found.values()))


def _batches(connection: Connection, wanted: Any, key: tuple[Any, ...]) -> Iterator[list[RowMapping]]:
    """All rows in the order of their key, some thousand at a time."""
    order = tuple_(*key)
    last: tuple[Any, ...] | None = None
    while True:
        query = wanted.order_by(*key).limit(_BATCH)
        if last is not None:
            query = query.where(order > tuple_(*last))
        rows = list(connection.execute(query).mappings())
        if not rows:
            return
        yield rows
        last = tuple(rows[-1][column.name] for column in key)
