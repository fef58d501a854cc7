"""Asking for erasures: what a request selects, and the receipts."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from typing import Final

import msgspec
from msgspec import Struct

from holdfast._clock import iso_utc
from holdfast.server.services.auth import Principal
from holdfast.server.services.forgetting.run_words import moment_of, parse_conditions
from holdfast.server.services.listing import listed
from holdfast.server.services.managing.changes import Changes, not_found
from holdfast.server.services.new_ids import new_pfid
from holdfast.server.services.reading import invalid
from holdfast.server.stores.agents import find_named_agent
from holdfast.server.stores.base import Store, WriteTransaction
from holdfast.server.stores.forgetting.erasing import found_runs, is_any
from holdfast.server.stores.forgetting.receipts import ReceiptRow, add_receipt, find_receipt, receipts_page
from holdfast.server.stores.forgetting.tombstones import dropped_by_receipt, erased_at
from holdfast.server.stores.reach import Reach
from holdfast.server.stores.reads.api import Window
from holdfast.server.stores.reads.run_selection import Selection
from holdfast.wire.envelopes import Listed, Shown
from holdfast.wire.erasing import ErasureAsk, ErasureDetails, ErasureFound, ErasureSelection
from holdfast.wire.vocabulary import ErasureCause, ErasureState

__all__ = ["Erasures"]

_MOST_IDS: Final = 1_000
_PATIENCE: Final = 10.0
"""Seconds for which an answer waits for the erasure to be done."""


class _Receipt(Struct, frozen=True):
    details: ErasureDetails


class Erasures:
    """Blocking; keep it off the event loop. `wake` begins to carry out what has been asked for. `asker` is who
    asks, where that is not a token."""

    def __init__(
        self,
        store: Store,
        changes: Changes,
        clock: Callable[[], int],
        wake: Callable[[], Future[None]],
        *,
        asker: str | None = None,
    ) -> None:
        self._asker = asker
        self._store = store
        self._changes = changes
        self._clock = clock
        self._wake = wake

    def erase_run(self, who: Principal, key: str | None, run_id: str) -> bytes:
        """The receipt. The file is not rewritten. Raises `ApiError` 404."""

        def selection(now: int) -> Selection:
            wanted = Selection(reach=who.reach, arrived_before=now, run_ids=[run_id])
            if not is_any(self._store, wanted):
                raise not_found("agent instance", run_id)
            return wanted

        return self._ask(who, key, f"erasures/create {run_id}", selection)

    def erase(self, who: Principal, key: str | None, given: ErasureAsk) -> bytes | Struct:
        """The receipt, or what a dry run found. Raises `ApiError`: 422 for a selection that cannot be used, 404
        for an unknown agent, 403 for a token that reaches only a part of an agent that is to go whole."""
        if given.dry_run:
            return Shown(details=self._found(self._selection(who, given, self._clock())))
        return self._ask(who, key, "erasures/create", lambda now: self._selection(who, given, now))

    def show(self, who: Principal, receipt_id: str) -> Shown[ErasureDetails]:
        """Raises `ApiError` 404."""
        with self._store.reader.connect() as connection:
            row = find_receipt(connection, receipt_id)
            if row is None or row.account_id != who.account_id or _asker(who) not in (None, row.asked_by):
                raise not_found("erasure", receipt_id)
            return Shown(details=_details(row, dropped_by_receipt(connection, [row.id]).get(row.id, 0)))

    def page(self, who: Principal, window: Window) -> Listed[ErasureDetails]:
        """A token that is bound to less than the account sees what was asked for with it."""
        with self._store.reader.connect() as connection:
            found, total = receipts_page(connection, who.account_id, _asker(who), window)
            dropped = dropped_by_receipt(connection, [row.id for row in found])
        return listed([_details(row, dropped.get(row.id, 0)) for row in found], total, window)

    def erased_at(self, account_id: str, run_id: str) -> int | None:
        """When the run with that id was erased, nanoseconds since 1970, as long as that is remembered."""
        with self._store.reader.connect() as connection:
            return erased_at(connection, account_id, run_id)

    def _ask(
        self, who: Principal, key: str | None, action: str, selection: Callable[[int], Selection]
    ) -> bytes:
        def ask(transaction: WriteTransaction, now: int) -> Shown[ErasureDetails]:
            row = ReceiptRow(
                id=new_pfid(who.account_id, now),
                account_id=who.account_id,
                cause=ErasureCause.ASKED,
                state=ErasureState.RUNNING,
                asked_by=self._asker or f"token {who.token_id}",
                selection=selection(now),
                inserted_at=now,
            )
            add_receipt(transaction.connection, row)
            return Shown(details=_details(row, 0))

        answer = self._changes.once(who, action, key, ask)
        with suppress(TimeoutError):
            self._wake().result(_PATIENCE)
        receipt_id = msgspec.json.decode(answer, type=_Receipt).details.id
        return msgspec.json.encode(self.show(who, receipt_id))

    def _selection(self, who: Principal, given: ErasureAsk, now: int) -> Selection:
        if not (given.agent_instance_ids or given.agent_id or given.where):
            raise invalid("details", "say what to erase: agent_instance_ids, agent_id or where")
        if len(given.agent_instance_ids) > _MOST_IDS:
            raise invalid("agent_instance_ids", f"at most {_MOST_IDS:,} in one request")
        whole = given.agent_id is not None and not (
            given.agent_instance_ids or given.where or given.before is not None
        )
        if whole:
            who.need_whole_agent()
        return Selection(
            reach=who.reach,
            arrived_before=now,
            run_ids=given.agent_instance_ids,
            agent_id=None if given.agent_id is None else self._agent(who.reach, given.agent_id),
            whole_agent=whole,
            where=given.where,
            conditions=[] if given.where is None else parse_conditions(given.where, now),
            begun_before=None if given.before is None else moment_of(given.before, now, "before"),
            scrub=given.rewrite,
        )

    def _agent(self, reach: Reach, wanted: str) -> str:
        with self._store.reader.connect() as connection:
            found = find_named_agent(connection, reach, wanted)
        if found is None:
            raise not_found("agent", wanted)
        return found.id

    def _found(self, selection: Selection) -> ErasureFound:
        found = found_runs(self._store, selection)
        return ErasureFound(
            agent_instances=found.runs,
            live=found.live,
            agent_spans=found.spans,
            agent_events=found.events,
            agents=int(selection.whole_agent),
        )


def _asker(who: Principal) -> str | None:
    """Whose receipts it may see: None for all of the account."""
    return f"token {who.token_id}" if who.reach.bound else None


def _details(row: ReceiptRow, dropped: int) -> ErasureDetails:
    asked = row.selection
    return ErasureDetails(
        id=row.id,
        account_id=row.account_id,
        cause=row.cause,
        state=row.state,
        asked_by=row.asked_by,
        selection=ErasureSelection(
            agent_instance_ids=asked.run_ids,
            agent_id=asked.agent_id,
            where=asked.where,
            before=_iso(asked.begun_before),
            ended_before=_iso(asked.ended_before),
        ),
        counts=row.counts,
        dropped=dropped,
        note=row.note,
        inserted_at=iso_utc(row.inserted_at),
        finished_at=_iso(row.finished_at),
    )


def _iso(moment: int | None) -> str | None:
    return None if moment is None else iso_utc(moment)
