"""A few things remembered for a while."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import Generic, TypeVar

__all__ = ["Recent"]

K = TypeVar("K")
V = TypeVar("V")


class Recent(Generic[K, V]):
    """Thread-safe. At most `most` things, each for `age` nanoseconds; the oldest go first."""

    def __init__(self, age: int, *, most: int) -> None:
        self._age = age
        self._most = most
        self._lock = threading.Lock()
        self._kept: OrderedDict[K, tuple[int, V]] = OrderedDict()

    def get(self, key: K, now: int) -> V | None:
        with self._lock:
            found = self._kept.get(key)
        return None if found is None or now - found[0] > self._age else found[1]

    def put(self, key: K, value: V, now: int) -> None:
        with self._lock:
            self._kept[key] = now, value
            while len(self._kept) > self._most:
                self._kept.popitem(last=False)
