"""Agents, as they are managed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from msgspec import UNSET
from msgspec.structs import asdict, replace

from holdfast._clock import iso_utc
from holdfast.errors import ApiError
from holdfast.server.services.auth import Auth, Principal
from holdfast.server.services.listing import listed
from holdfast.server.services.managing.changes import Changes, chosen_id, not_found, required_text
from holdfast.server.services.reading import TEXT_LENGTH, invalid, text
from holdfast.server.services.risk import PROFILES
from holdfast.server.stores import agents as rows
from holdfast.server.stores.base import Store, WriteTransaction
from holdfast.server.stores.reads.api import Window
from holdfast.wire.envelopes import Listed, Shown
from holdfast.wire.management import AgentActions, AgentDetails, InstanceCounts
from holdfast.wire.requests import AgentChange, AgentCreate
from holdfast.wire.vocabulary import AgentStatus, ErrorCode

__all__ = ["Agents"]

_HOUR_NS: Final = 3_600_000_000_000
_DORMANT_HOURS: Final = 30 * 24
_ALERT_HOURS: Final = 24
_RETIRED: Final = AgentStatus.RETIRED.value


class Agents:
    """Blocking; keep it off the event loop. What the token does not reach looks unknown."""

    def __init__(self, store: Store, auth: Auth, changes: Changes, clock: Callable[[], int]) -> None:
        self._store = store
        self._auth = auth
        self._changes = changes
        self._clock = clock

    def show(
        self,
        who: Principal,
        *,
        agent_id: str | None = None,
        external_identifier: str | None = None,
        environment_id: str | None = None,
    ) -> Shown[AgentDetails]:
        """By exactly one of the two. `environment_id` narrows the counts. Raises `ApiError` 404 and 422."""
        if (agent_id is None) == (external_identifier is None):
            raise invalid("agent_id", "give either agent_id or external_identifier")
        with self._store.reader.connect() as connection:
            row = rows.find_agent_row(connection, who.reach, agent_id=agent_id, external=external_identifier)
            if row is None:
                raise not_found("agent", agent_id or external_identifier or "")
            reach = who.reach
            if environment_id is not None and reach.environment_id in (None, environment_id):
                reach = replace(reach, environment_id=environment_id)
            return Shown(details=self._one(rows.counted(connection, reach, row)))

    def page(self, who: Principal, wanted: rows.AgentFilter, window: Window) -> Listed[AgentDetails]:
        with self._store.reader.connect() as connection:
            found, total = rows.list_agents(connection, who.reach, wanted, window)
            return listed(
                [self._one(one) for one in rows.all_counted(connection, who.reach, found)], total, window
            )

    def create(self, who: Principal, key: str | None, given: AgentCreate) -> bytes:
        """Raises `ApiError`: 422 for an id or external identifier that is taken, 403 for a bound token."""
        who.need_whole_account()
        _check_profile(given.risk_profile_id)

        def add(transaction: WriteTransaction, now: int) -> Shown[AgentDetails]:
            connection = transaction.connection
            row = rows.AgentRow(
                id=chosen_id(given.id, who.account_id, now),
                account_id=who.account_id,
                name=required_text(given.name, "name"),
                description=text(given.description, TEXT_LENGTH),
                external_identifier=text(given.external_identifier),
                owner_person_id=text(given.owner_person_id),
                team_id=text(given.team_id),
                risk_profile_id=given.risk_profile_id,
                inserted_at=now,
                updated_at=now,
            )
            if rows.find_agent_row(connection, who.reach, agent_id=row.id) is not None:
                raise invalid("id", "is taken")
            if row.external_identifier is not None and rows.is_taken(
                connection, who.account_id, row.external_identifier
            ):
                raise invalid("external_identifier", "is taken")
            rows.add_agent(connection, row)
            return Shown(details=self._one(rows.counted(connection, who.reach, row)))

        return self._changes.once(who, "agents/create", key, add)

    def update(self, who: Principal, key: str | None, agent_id: str, given: AgentChange) -> bytes:
        """Raises `ApiError` 404, and 409 for a retired agent."""
        changes = {name: value for name, value in asdict(given).items() if value is not UNSET}
        if "name" in changes:
            changes["name"] = required_text(changes["name"], "name")
        _check_profile(changes.get("risk_profile_id"))

        def check(row: rows.AgentRow) -> None:
            if row.status == _RETIRED:
                raise ApiError(409, ErrorCode.INVALID_ACTION, "the agent is retired; reinstate it first")

        return self._change(who, key, agent_id, "agents/update", changes, check)

    def retire(self, who: Principal, key: str | None, agent_id: str) -> bytes:
        """Its runs stay, and new ones are still recorded. Raises `ApiError` 404, and 409 for a retired one."""

        def check(row: rows.AgentRow) -> None:
            if row.status == _RETIRED:
                raise ApiError(409, ErrorCode.INVALID_ACTION, "the agent is retired already")

        return self._change(who, key, agent_id, "agents/retire", {"status": _RETIRED}, check)

    def reinstate(self, who: Principal, key: str | None, agent_id: str) -> bytes:
        """Raises `ApiError` 404, and 409 for an agent that is not retired."""

        def check(row: rows.AgentRow) -> None:
            if row.status != _RETIRED:
                raise ApiError(409, ErrorCode.INVALID_ACTION, "the agent is not retired")

        return self._change(who, key, agent_id, "agents/reinstate", {"status": "active"}, check)

    def delete(self, who: Principal, key: str | None, agent_id: str) -> bytes:
        """With its versions, deployments and tokens; gives the deleted agent. Raises `ApiError` 404, and 409
        while it has runs."""
        who.need_whole_agent()

        def remove(transaction: WriteTransaction, _now: int) -> Shown[AgentDetails]:
            connection = transaction.connection
            row = _existing(rows.find_agent_row(connection, who.reach, agent_id=agent_id), agent_id)
            if rows.has_runs(connection, row):
                raise ApiError(409, ErrorCode.INVALID_ACTION, "the agent has runs; retire it instead")
            details = self._one(rows.counted(connection, who.reach, row))
            rows.delete_agent(connection, row.id)
            return Shown(details=details)

        answer = self._changes.once(who, f"agents/delete {agent_id}", key, remove)
        self._auth.forget()
        return answer

    def alerts(self, who: Principal) -> int:
        """How many runs that began in the last 24 hours failed."""
        with self._store.reader.connect() as connection:
            return rows.runs_failed_since(connection, who.reach, self._clock() // _HOUR_NS - _ALERT_HOURS + 1)

    def _change(
        self,
        who: Principal,
        key: str | None,
        agent_id: str,
        action: str,
        values: dict[str, Any],
        check: Callable[[rows.AgentRow], None],
    ) -> bytes:
        who.need_whole_agent()

        def change(transaction: WriteTransaction, now: int) -> Shown[AgentDetails]:
            connection = transaction.connection
            check(_existing(rows.find_agent_row(connection, who.reach, agent_id=agent_id), agent_id))
            rows.change_agent(connection, agent_id, values, now)
            changed = _existing(rows.find_agent_row(connection, who.reach, agent_id=agent_id), agent_id)
            return Shown(details=self._one(rows.counted(connection, who.reach, changed)))

        return self._changes.once(who, f"{action} {agent_id}", key, change)

    def _one(self, counted: tuple[rows.AgentRow, rows.RunCounts]) -> AgentDetails:
        return _shown(*counted, active_since=self._clock() // _HOUR_NS - _DORMANT_HOURS)


def _existing(row: rows.AgentRow | None, agent_id: str) -> rows.AgentRow:
    if row is None:
        raise not_found("agent", agent_id)
    return row


def _shown(row: rows.AgentRow, counts: rows.RunCounts, *, active_since: int) -> AgentDetails:
    number = {status: counts.by_status.get(status, 0) for status in _COUNTED}
    total = sum(number.values())
    retired = row.status == _RETIRED
    if retired:
        status = AgentStatus.RETIRED
    elif not total or counts.last_hour is None:
        status = AgentStatus.PENDING
    else:
        status = AgentStatus.ACTIVE if counts.last_hour >= active_since else AgentStatus.DORMANT
    return AgentDetails(
        id=row.id,
        account_id=row.account_id,
        name=row.name,
        status=status,
        description=row.description,
        external_identifier=row.external_identifier,
        owner_person_id=row.owner_person_id,
        team_id=row.team_id,
        risk_profile_id=row.risk_profile_id,
        instance_counts=InstanceCounts(
            total=total, finished=total - number["pending"] - number["active"], **number
        ),
        available_actions=AgentActions(
            update=not retired, retire=not retired, reinstate=retired, delete=not total
        ),
        inserted_at=iso_utc(row.inserted_at),
        updated_at=iso_utc(row.updated_at),
    )


_COUNTED: Final = ("pending", "active", "complete", "failed", "cancelled", "terminated")


def _check_profile(profile_id: str | None) -> None:
    if profile_id is not None and profile_id not in PROFILES:
        raise invalid("risk_profile_id", f"is unknown; there are {', '.join(PROFILES)}")
