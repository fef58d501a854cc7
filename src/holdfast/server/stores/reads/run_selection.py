"""Which runs are meant: a selection that can be kept, and as conditions on `instances`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from msgspec import Struct
from sqlalchemy import ColumnElement, Table, and_, not_, or_, select

from holdfast.server.stores.reach import Reach, runs_within
from holdfast.server.stores.schema.record import agent_versions, agents, environments, instances
from holdfast.wire.vocabulary import Comparison, RunField

__all__ = ["RunCondition", "Selection", "selected"]

_i = instances.c


class RunCondition(Struct, frozen=True, kw_only=True):
    """`texts` for all fields but the times, which have one of `moment`, nanoseconds since 1970."""

    field: RunField
    comparison: Comparison
    texts: list[str] = []
    moment: int | None = None


class Selection(Struct, frozen=True, kw_only=True):
    """The runs within `reach` that fit everything else. `where` is what `conditions` were read from.

    `arrived_before` leaves out what came after it was asked for. `ended_before` is what retention asks for:
    runs that ended before that time and have nothing open; of agents other than `other_than`. With
    `whole_agent` the agent itself is meant too, once its runs are gone.
    """

    reach: Reach
    arrived_before: int
    run_ids: list[str] = []
    agent_id: str | None = None
    whole_agent: bool = False
    other_than: list[str] = []
    where: str | None = None
    conditions: list[RunCondition] = []
    begun_before: int | None = None
    ended_before: int | None = None
    scrub: bool = False
    """Afterwards the database's files are to be made free of what was in the deleted rows."""


def selected(selection: Selection) -> ColumnElement[bool]:
    """As a condition on `instances`."""
    found = [runs_within(selection.reach), _i.inserted_at <= selection.arrived_before]
    if selection.run_ids:
        found.append(_i.id.in_(selection.run_ids))
    if selection.agent_id is not None:
        found.append(_i.agent_id == selection.agent_id)
    if selection.other_than:
        found.append(_or_nothing(_i.agent_id, _i.agent_id.not_in(selection.other_than)))
    if selection.begun_before is not None:
        found.append(_i.begun_at < selection.begun_before)
    if selection.ended_before is not None:
        found += _ended_before(selection.ended_before)
    found += [_fits(condition, selection.reach.account_id) for condition in selection.conditions]
    return and_(*found)


def _ended_before(moment: int) -> list[ColumnElement[bool]]:
    ended = or_(_i.finished_at < moment, and_(_i.finished_at.is_(None), _i.updated_at < moment))
    return [
        _i.begun_at < moment,  # said by an index; what began later has not ended before
        ended,
        _i.status.not_in(["pending", "active"]),
        _i.spans_active == 0,
        _i.spans_pending == 0,
    ]


def _fits(condition: RunCondition, account_id: str) -> ColumnElement[bool]:
    texts = condition.texts
    match condition.field:
        case RunField.BEGUN:
            return _compared(_i.begun_at, condition)
        case RunField.FINISHED:
            return _compared(_i.finished_at, condition)
        case RunField.AGENT:
            of_account = agents.c.account_id == account_id
            named = select(agents.c.id).where(of_account, _named(agents, texts))
            return _equal(condition, _i.agent_id, _i.agent_id.in_(named))
        case RunField.ENVIRONMENT:
            named = select(environments.c.id).where(
                environments.c.account_id == account_id, _named(environments, texts)
            )
            return _equal(condition, _i.environment_id, _i.environment_id.in_(named))
        case RunField.VERSION:
            named = select(agent_versions.c.id).where(_named(agent_versions, texts))
            return _equal(condition, _i.agent_version_id, _i.agent_version_id.in_(named))
        case RunField.RUN:
            return _texts(_i.id, condition)
        case RunField.PURPOSE:
            return _texts(_i.purpose, condition)
        case RunField.STATUS:
            return _texts(_i.status, condition)
        case RunField.NAME:
            return _texts(_i.name, condition)
        case RunField.EXTERNAL_IDENTIFIER:
            return _texts(_i.external_identifier, condition)


def _named(table: Table, texts: Sequence[str]) -> ColumnElement[bool]:
    """Rows with one of these ids, names or external identifiers."""
    columns = [table.c[name] for name in ("id", "name", "external_identifier") if name in table.c]
    return or_(*(column.in_(texts) for column in columns))


def _texts(column: ColumnElement[Any], condition: RunCondition) -> ColumnElement[bool]:
    if condition.comparison is Comparison.CONTAINS:
        return or_(*(column.icontains(text, autoescape=True) for text in condition.texts))
    return _equal(condition, column, column.in_(condition.texts))


def _equal(
    condition: RunCondition, column: ColumnElement[Any], equal: ColumnElement[bool]
) -> ColumnElement[bool]:
    if condition.comparison is Comparison.UNEQUAL:
        return _or_nothing(column, not_(equal))
    return equal


def _or_nothing(column: ColumnElement[Any], fits: ColumnElement[bool]) -> ColumnElement[bool]:
    """Also rows that have nothing there, of which the database says neither."""
    return or_(column.is_(None), fits)


def _compared(column: ColumnElement[int | None], condition: RunCondition) -> ColumnElement[bool]:
    moment = condition.moment
    match condition.comparison:
        case Comparison.BEFORE:
            return column < moment
        case Comparison.UNTIL:
            return column <= moment
        case Comparison.AFTER:
            return column > moment
        case _:
            return column >= moment
