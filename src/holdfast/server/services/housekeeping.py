"""What a server does by itself from time to time: nothing stays in progress for ever, nothing old piles up."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from functools import partial
from typing import Final

from holdfast.errors import StoreUnavailableError
from holdfast.server.services.auth import Auth
from holdfast.server.services.heard import Heard
from holdfast.server.services.recording.apply_runs import abandon_run
from holdfast.server.services.recording.working_set import WorkingSet
from holdfast.server.stores.base import Store, WriteTransaction
from holdfast.server.stores.retrying import in_transaction
from holdfast.wire.operations import RecordedError
from holdfast.wire.vocabulary import InstanceStatus

__all__ = ["Housekeeping"]

_log: Final = logging.getLogger("holdfast.server")
_SECOND: Final = 1_000_000_000
_REPLAY_NS: Final = 7 * 24 * 3600 * _SECOND
"""For how long an idempotency key is remembered."""
_BATCH: Final = 200


class Housekeeping:
    """Owns its thread, which does a `sweep` every `every` seconds until `close`."""

    def __init__(
        self,
        store: Store,
        auth: Auth,
        heard: Heard,
        clock: Callable[[], int],
        *,
        abandon_after: float,
        every: float,
    ) -> None:
        self._store = store
        self._auth = auth
        self._heard = heard
        self._clock = clock
        self._abandon_after = abandon_after
        self._every = every
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="holdfast-housekeeping", daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._closing.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._closing.wait(self._every):
            try:
                self.sweep()
            except StoreUnavailableError as error:
                _log.warning("housekeeping waits: %s", error)
            except Exception:  # noqa: BLE001 - one bad row must not end the sweeps
                _log.exception("housekeeping failed; the next sweep tries again")

    def sweep(self) -> int:
        """How many runs were ended for their silence.

        A run of which nothing was heard for `abandon_after` seconds, counted by this server's clock, neither
        operations nor questions for word, is ended as failed with the error type `Abandoned`, as of the last
        sign of it; spans that are still open are cancelled, in ended runs too. The agent's own finish replaces
        all of it, should it come.
        """
        now = self._clock()
        silent_since = now - int(self._abandon_after * _SECOND)
        self._note_life(now, now - int(self._abandon_after * _SECOND / 2))
        ended = 0
        while not self._closing.is_set():
            seen, given_up = in_transaction(
                self._store, lambda transaction: self._end_silent(transaction, now, silent_since)
            )
            ended += given_up
            if seen < _BATCH:
                break
        in_transaction(self._store, lambda transaction: transaction.drop_responses(now - _REPLAY_NS))
        self._heard.forget(silent_since)
        self._auth.save_last_use()
        return ended

    def _end_silent(self, transaction: WriteTransaction, now: int, silent_since: int) -> tuple[int, int]:
        """How many silent runs were looked at, and how many of them ended."""
        silent = transaction.silent_instances(silent_since, _BATCH)
        work = WorkingSet(transaction, now)
        ended = 0
        for run in silent:
            work.adopt(run)
            if self._heard.since(run.account_id, run.id, silent_since):
                work.touch(run)  # it lives: it has only had nothing to record
            else:
                abandon_run(work, run, self._error())
                ended += 1
        work.write()
        return len(silent), ended

    def _note_life(self, now: int, quiet_since: int) -> None:
        """Runs that have long been doing nothing but ask for word are marked in the record, in time: other
        servers on it have not heard them."""
        for account_id, run_ids in self._heard.all_since(quiet_since).items():
            for at in range(0, len(run_ids), _BATCH):
                batch = run_ids[at : at + _BATCH]
                in_transaction(self._store, partial(_touch_quiet, account_id, batch, now, quiet_since))

    def _error(self) -> RecordedError:
        hours = self._abandon_after / 3600
        return RecordedError(type="Abandoned", message=f"nothing was heard of this run for {hours:g} hours")


def _touch_quiet(
    account_id: str, run_ids: list[str], now: int, quiet_since: int, transaction: WriteTransaction
) -> None:
    work = WorkingSet(transaction, now)
    for run in transaction.instances(account_id, run_ids).values():
        if run.updated_at < quiet_since and not InstanceStatus(run.status).final:
            work.adopt(run)
            work.touch(run)
    work.write()
