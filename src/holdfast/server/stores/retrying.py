"""Doing a transaction again that met another one."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Final, TypeVar

from holdfast.errors import StoreConflictError
from holdfast.server.stores.base import Store, WriteTransaction

__all__ = ["in_transaction"]

_log: Final = logging.getLogger("holdfast.server")
_ATTEMPTS: Final = 8

T = TypeVar("T")


def in_transaction(store: Store, work: Callable[[WriteTransaction], T]) -> T:
    """What `work` returns, committed. It is called again, on a new transaction, as long as another server's
    transaction comes between (the other one has been committed then: there is nothing to wait for); after
    eight times in a row raises `StoreConflictError`."""
    for attempt in range(1, _ATTEMPTS):
        try:
            with store.write() as transaction:
                return work(transaction)
        except StoreConflictError as error:
            _log.debug("transaction repeated (%d): %s", attempt, error)
    with store.write() as transaction:
        return work(transaction)
