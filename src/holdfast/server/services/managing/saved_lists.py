"""Lists of runs that an account keeps under a name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from holdfast.server.services.managing.changes import required_text
from holdfast.server.services.reading import invalid
from holdfast.server.stores.base import Store
from holdfast.server.stores.retrying import in_transaction
from holdfast.server.stores.saved_lists import delete_list, save_list, saved_of

__all__ = ["SavedLists"]

_MOST: Final = 50
_NAME: Final = 80
_QUERY: Final = 4_000


class SavedLists:
    """Blocking calls; keep them off the event loop."""

    def __init__(self, store: Store, clock: Callable[[], int]) -> None:
        self._store = store
        self._clock = clock

    def lists(self, account_id: str) -> Mapping[str, str]:
        """The queries by name, in the order of the names."""
        return saved_of(self._store, account_id, _MOST)

    def save(self, account_id: str, name: str, query: str) -> None:
        """Keep the query under the name, instead of what was kept under it. Raises `ApiError` 422 for a name
        that is none, and where there are fifty already."""
        name = required_text(name, "name")[:_NAME]
        known = self.lists(account_id)
        if name not in known and len(known) >= _MOST:
            raise invalid("name", f"{_MOST} lists are kept already: delete one first")
        if len(query) > _QUERY:
            raise invalid("address", "is too long to be kept")
        now = self._clock()
        in_transaction(self._store, lambda transaction: save_list(transaction, account_id, name, query, now))

    def delete(self, account_id: str, name: str) -> None:
        in_transaction(self._store, lambda transaction: delete_list(transaction, account_id, name))
