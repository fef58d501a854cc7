"""How long runs are kept: rules for an account and for single agents, and asking for what is past them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from holdfast._clock import iso_utc, parse_span
from holdfast.server.services.auth import Principal
from holdfast.server.services.managing.changes import Changes, not_found
from holdfast.server.services.new_ids import new_pfid
from holdfast.server.services.reading import invalid
from holdfast.server.stores.agents import find_named_agent
from holdfast.server.stores.base import Store, WriteTransaction
from holdfast.server.stores.forgetting.erasing import is_any
from holdfast.server.stores.forgetting.receipts import ReceiptRow, add_receipt
from holdfast.server.stores.forgetting.retention import KeepRow, drop_keep, kept, kept_everywhere, set_keep
from holdfast.server.stores.places import find_account
from holdfast.server.stores.reach import Reach
from holdfast.server.stores.reads.run_selection import Selection
from holdfast.wire.envelopes import Listed, Shown
from holdfast.wire.erasing import RetentionChange, RetentionDetails
from holdfast.wire.vocabulary import ErasureCause, ErasureState

__all__ = ["Retention", "RetentionRules"]

_DAY_NS: Final = 86_400_000_000_000
_SHORTEST_NS: Final = 3_600_000_000_000
_ASKED_BY: Final = "retention"


class RetentionRules:
    """Blocking; keep it off the event loop."""

    def __init__(self, store: Store, changes: Changes, clock: Callable[[], int]) -> None:
        self._store = store
        self._changes = changes
        self._clock = clock

    def rules(self, who: Principal) -> Listed[RetentionDetails]:
        """The account's rule first, then those of single agents; to a bound token only its agent's."""
        account_id = who.account_id
        with self._store.reader.connect() as connection:
            found = kept(connection, account_id)
            account = find_account(connection, account_id)
            began = 0 if account is None else account.inserted_at
        if not any(row.agent_id is None for row in found):
            found = [KeepRow(account_id=account_id, keep=None, updated_at=began), *found]
        rows = [row for row in found if not who.reach.bound or row.agent_id in (None, who.agent_id)]
        return Listed(summaries=[_details(row) for row in rows], pagination=None, sorting=None)

    def set(self, who: Principal, key: str | None, agent_id: str | None, given: RetentionChange) -> bytes:
        """`agent_id` is an id, an external identifier or a name. Raises `ApiError`: 404 for an unknown agent, 422
        for what is no length of time, 403 for a token that is bound to less than what the rule is for."""
        _check_reach(who, agent_id)
        keep = None if given.keep is None else _length(given.keep)

        def change(transaction: WriteTransaction, now: int) -> Shown[RetentionDetails]:
            connection = transaction.connection
            found = None if agent_id is None else find_named_agent(connection, who.reach, agent_id)
            if found is None and agent_id is not None:
                raise not_found("agent", agent_id)
            row = KeepRow(
                account_id=who.account_id,
                agent_id=None if found is None else found.id,
                agent_name=None if found is None else found.name,
                keep=keep,
                updated_at=now,
            )
            set_keep(connection, row)
            return Shown(details=_details(row))

        return self._changes.once(who, f"retention/update {agent_id or ''}", key, change)

    def drop(self, who: Principal, key: str | None, agent_id: str) -> bytes:
        """The agent's runs are kept as long as the account's again; gives the rule that was there. Raises
        `ApiError` 404 and 403."""
        _check_reach(who, agent_id)

        def change(transaction: WriteTransaction, now: int) -> Shown[RetentionDetails]:
            found = find_named_agent(transaction.connection, who.reach, agent_id)
            if found is None:
                raise not_found("agent", agent_id)
            rules = kept(transaction.connection, who.account_id)
            row = next((row for row in rules if row.agent_id == found.id), None)
            if row is None:
                raise not_found("retention", agent_id)
            drop_keep(transaction.connection, who.account_id, found.id)
            return Shown(details=_details(row))

        return self._changes.once(who, f"retention/delete {agent_id}", key, change)


class Retention:
    """Asks for the erasure of what is past its time. For one thread."""

    def __init__(self, store: Store, clock: Callable[[], int]) -> None:
        self._store = store
        self._clock = clock

    def ask(self) -> list[str]:
        """Write down what is to be erased now; the receipts' ids. Whoever carries erasures out does the rest.

        Runs that are live, or have open spans, are never among it.
        """
        now = self._clock()
        asked: list[str] = []
        with self._store.reader.connect() as connection:
            rules = kept_everywhere(connection)
        for rule in rules:
            if rule.keep is None:
                continue
            own = [
                other.agent_id
                for other in rules
                if other.account_id == rule.account_id and other.agent_id is not None
            ]
            selection = Selection(
                reach=Reach(account_id=rule.account_id),
                arrived_before=now,
                agent_id=rule.agent_id,
                other_than=own if rule.agent_id is None else [],
                ended_before=max(0, now - rule.keep),
            )
            if is_any(self._store, selection):
                asked.append(self._write(selection, now))
        return asked

    def _write(self, selection: Selection, now: int) -> str:
        account_id = selection.reach.account_id
        row = ReceiptRow(
            id=new_pfid(account_id, now),
            account_id=account_id,
            cause=ErasureCause.RETENTION,
            state=ErasureState.RUNNING,
            asked_by=_ASKED_BY,
            selection=selection,
            inserted_at=now,
        )
        with self._store.write() as transaction:
            add_receipt(transaction.connection, row)
        return row.id


def _check_reach(who: Principal, agent_id: str | None) -> None:
    who.need_whole_agent()
    if agent_id is None:
        who.need_whole_account()


def _length(text: str) -> int:
    keep = parse_span(text)
    if keep is None:
        raise invalid("keep", f"{text[:40]!r} is no length of time; write 12h, 30d, 8w, or null for ever")
    if keep < _SHORTEST_NS:
        raise invalid("keep", "must be an hour or more")
    return keep


def _details(row: KeepRow) -> RetentionDetails:
    return RetentionDetails(
        account_id=row.account_id,
        agent_id=row.agent_id,
        agent_name=row.agent_name,
        keep=None if row.keep is None else _words(row.keep),
        keep_seconds=None if row.keep is None else row.keep // 1_000_000_000,
        updated_at=iso_utc(row.updated_at),
    )


def _words(keep: int) -> str:
    """As it may be given: in days where they are whole ones."""
    if keep % _DAY_NS == 0:
        return f"{keep // _DAY_NS}d"
    return f"{keep // _SHORTEST_NS}h" if keep % _SHORTEST_NS == 0 else f"{keep // 1_000_000_000}s"
