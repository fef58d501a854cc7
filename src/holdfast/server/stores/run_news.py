"""Word about runs that changed, to whoever in this process wants it."""

from __future__ import annotations

from collections.abc import Callable, Collection

__all__ = ["RunNews", "RunsChanged"]

RunsChanged = Callable[[Collection[int] | None], None]
"""Called with the keys of runs, or with None where any run may have changed."""


class RunNews:
    """Thread-safe. Listeners must return at once and must not raise."""

    def __init__(self) -> None:
        self._listeners: tuple[RunsChanged, ...] = ()

    def listen(self, told: RunsChanged) -> None:
        self._listeners = (*self._listeners, told)

    def tell(self, keys: Collection[int] | None) -> None:
        if keys is None or keys:
            for told in self._listeners:
                told(keys)
