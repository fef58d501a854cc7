"""What people and programs say of runs."""

from __future__ import annotations

import math
from typing import Final

from holdfast._clock import iso_utc
from holdfast._ids import MAX_ID_LENGTH
from holdfast.server.services.auth import Principal
from holdfast.server.services.listing import listed
from holdfast.server.services.managing.changes import Changes, not_found, required_text
from holdfast.server.services.new_ids import new_pfid
from holdfast.server.services.reading import NAME_LENGTH, TEXT_LENGTH, invalid, text, usable_id
from holdfast.server.stores.base import Store, WriteTransaction
from holdfast.server.stores.reach import Reach
from holdfast.server.stores.reads.api import Window
from holdfast.server.stores.scores import (
    ScoreFilter,
    ScoreReads,
    ScoreRow,
    drop_score,
    keep_score,
    run_key,
    thumb_id,
)
from holdfast.wire.envelopes import Listed, Shown
from holdfast.wire.scores import THUMB, ScoreCreate, ScoreDetails
from holdfast.wire.vocabulary import ScoreSource

__all__ = ["Scores"]

_LARGEST: Final = 1e15
"""A value beyond this is a mistake of the sender."""


class Scores:
    """Blocking; keep it off the event loop. A run that the token does not reach looks unknown."""

    def __init__(self, store: Store, changes: Changes) -> None:
        self.reads = ScoreReads(store)
        self._store = store
        self._changes = changes

    def give(
        self, who: Principal, key: str | None, given: ScoreCreate, source: ScoreSource = ScoreSource.API
    ) -> bytes:
        """Keep a score, in place of the one with its id. Raises `ApiError`: 404 for the run, 422 for a field."""
        value = float(given.value)
        if not math.isfinite(value) or abs(value) > _LARGEST:
            raise invalid("value", f"must be a number between -{_LARGEST:g} and {_LARGEST:g}")
        name = required_text(given.name, "name")
        if given.id is not None:
            usable_id(given.id, "id")

        def keep(transaction: WriteTransaction, now: int) -> Shown[ScoreDetails]:
            found = run_key(transaction.connection, who.reach, given.agent_instance_id)
            if found is None:
                raise not_found("agent instance", given.agent_instance_id)
            row = ScoreRow(
                account_id=who.account_id,
                id=given.id or new_pfid(who.account_id, now),
                instance_key=found,
                run_id=given.agent_instance_id,
                span_id=text(given.agent_span_id, MAX_ID_LENGTH),
                name=name,
                value=value,
                comment=text(given.comment, TEXT_LENGTH) or None,
                author=text(given.author, NAME_LENGTH) or None,
                source=source.value,
                inserted_at=now,
                updated_at=now,
            )
            kept = keep_score(transaction.connection, row)
            if kept is None:
                raise invalid("id", "is taken by a score of another run")
            return Shown(details=_details(kept))

        return self._changes.once(who, f"scores/create {given.agent_instance_id}", key, keep)

    def take_back(self, who: Principal, key: str | None, score_id: str) -> bytes:
        """Gives the deleted one. Raises `ApiError` 404."""

        def drop(transaction: WriteTransaction, _now: int) -> Shown[ScoreDetails]:
            found = self.reads.one(who.reach, score_id)
            if found is None:
                raise not_found("score", score_id)
            drop_score(transaction.connection, who.account_id, score_id)
            return Shown(details=_details(found))

        return self._changes.once(who, f"scores/delete {score_id}", key, drop)

    def page(self, reach: Reach, wanted: ScoreFilter, window: Window) -> Listed[ScoreDetails]:
        rows, total = self.reads.page(reach, wanted, window)
        return listed([_details(row) for row in rows], total, window)

    def thumb(self, who: Principal, run_id: str, thumb: bool | None, comment: str = "") -> None:
        """The thumb that the console gives a run; None takes it back. Raises `ApiError` 404 for the run."""
        with self._store.reader.connect() as connection:
            found = run_key(connection, who.reach, run_id)
        if found is None:
            raise not_found("agent instance", run_id)
        if thumb is None:
            if self.reads.thumb(found) is not None:
                self.take_back(who, None, thumb_id(found))
            return
        given = ScoreCreate(
            agent_instance_id=run_id, name=THUMB, value=thumb, id=thumb_id(found), comment=comment or None
        )
        self.give(who, None, given, ScoreSource.CONSOLE)


def _details(row: ScoreRow) -> ScoreDetails:
    return ScoreDetails(
        id=row.id,
        agent_instance_id=row.run_id,
        agent_span_id=row.span_id,
        name=row.name,
        value=row.value,
        comment=row.comment,
        author=row.author,
        source=ScoreSource(row.source),
        inserted_at=iso_utc(row.inserted_at),
        updated_at=iso_utc(row.updated_at),
    )
