"""What every search index can do. These docstrings are the contract; one test suite runs over all of them."""

from __future__ import annotations

import unicodedata
from collections.abc import Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Final, Protocol

from msgspec import Struct

from holdfast.server.stores.schema.record import BODY_KEY_BITS
from holdfast.server.stores.search.words import Match

__all__ = [
    "EVENT_BIT",
    "FORMAT",
    "Document",
    "Found",
    "IndexSize",
    "Looked",
    "SearchIndex",
    "SearchWriter",
    "first_document",
]

FORMAT: Final = f"1/{unicodedata.unidata_version}"
"""An index of another format is made anew: how texts are cut into words is part of it, and that is Unicode's too."""

EVENT_BIT: Final = 1 << (BODY_KEY_BITS - 1)
"""A document has the `body_key` of its span. The run's own has what would be that of span 0, an event's this bit
and its place among the events of the run."""


class Document(Struct, frozen=True, kw_only=True):
    """What can be found. `subject` is the id of the span or event, empty for the run."""

    key: int
    account_id: str
    subject: str
    text: str

    @property
    def instance_key(self) -> int:
        return self.key >> BODY_KEY_BITS


class Found(Struct, frozen=True, kw_only=True):
    subject: str
    text: str


class Looked(Struct, frozen=True, kw_only=True):
    """The keys of documents, newest first, and how far was looked: all of `reached` and above. It is 0 where
    there is nothing more."""

    keys: Sequence[int]
    reached: int


class IndexSize(Struct, frozen=True, kw_only=True):
    documents: int
    bytes: int


class SearchWriter(Protocol):
    """One transaction on an index. Nobody else, in any process, writes to it meanwhile."""

    @property
    def missing_below(self) -> int:
        """Runs with a lower key have not been taken in yet, unless they were changed since; 0: all have."""
        ...

    def set_missing_below(self, instance_key: int) -> None: ...

    def put(self, documents: Sequence[Document]) -> None:
        """Take in, replacing those with the same key. No key twice."""
        ...

    def forget(self, instance_keys: Collection[int]) -> int:
        """Take out all documents of some runs; how many there were."""
        ...

    def clear(self) -> None:
        """Take out everything."""
        ...


class SearchIndex(Protocol):
    """An index of the texts of one record. Thread-safe; `close` once, after the last use.

    It may be missing, damaged or of another record: it is empty then, and `missing_below` is above all runs.
    Raises `StoreUnavailableError` where it cannot be reached.
    """

    def write(self, *, wait: bool = True) -> AbstractContextManager[SearchWriter | None]:
        """A transaction, committed durably at the end of the block, rolled back when it raises. None where
        somebody else is writing and it does not `wait`."""
        ...

    def look(self, account_id: str, match: Match, *, below: int, limit: int, seconds: float) -> Looked:
        """The account's newest documents with a lower key than `below` that match, at most `limit`.

        What it costs depends on the documents of this account alone. After about `seconds` it stops and says
        how far it got, which is some way at least.
        """
        ...

    def texts(self, keys: Collection[int]) -> Mapping[int, Found]:
        """The documents with those keys that exist."""
        ...

    def missing_below(self) -> int:
        """As a writer's."""
        ...

    def tidy(self) -> bool:
        """A step of the work that can wait, such as wiping what was taken out off the disk; whether there is
        more to do."""
        ...

    def size(self) -> IndexSize: ...

    def close(self) -> None: ...


def first_document(instance_key: int) -> int:
    """The lowest key that a document of the run can have."""
    return instance_key << BODY_KEY_BITS
