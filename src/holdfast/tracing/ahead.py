"""The batch behind the one that is being sent, on its way at the same time.

While a server writes one batch it can read the next. Two requests under way are all that this takes: more would
only wait in line.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterable
from contextlib import suppress
from typing import Final

from holdfast.tracing.delivery import Post, send_records
from holdfast.tracing.verdict import Accepted, Verdict

__all__ = ["Ahead"]


class _Way:
    """One connection, and the batch that is on it. Each request has a thread of its own, gone with its answer."""

    __slots__ = ("_post", "_verdicts", "records")

    def __init__(self, post: Post) -> None:
        self._post = post
        self._verdicts: queue.SimpleQueue[Verdict] = queue.SimpleQueue()
        self.records: list[bytes] | None = None

    def send(self, records: list[bytes]) -> None:
        with suppress(RuntimeError):  # the interpreter is ending: no thread starts any more
            threading.Thread(target=self._run, args=(records,), name="holdfast-ahead", daemon=True).start()
            self.records = records

    def _run(self, records: list[bytes]) -> None:
        self._verdicts.put(send_records(records, self._post))

    def answer(self, timeout: float | None) -> Verdict | None:
        """Waits for it, at most `timeout` seconds; the way is free then."""
        try:
            verdict = self._verdicts.get(timeout=timeout)
        except queue.Empty:
            return None
        self.records = None
        return verdict


class Ahead:
    """Used by the exporter's thread. Two ways: on one is the batch whose answer is waited for, on the other the
    batch behind it."""

    def __init__(self, posts: Iterable[Post]) -> None:
        self._ways: Final = [_Way(post) for post in posts]

    def send(self, records: list[bytes], current: list[bytes]) -> None:
        """Begin to send, where a way is free of others than `current`."""
        for way in self._ways:
            if way.records is not None and way.records is not current:
                way.answer(0.001)  # of a batch that was put back meanwhile
            if way.records is None:
                way.send(records)
                return

    def accepted(self, records: list[bytes], timeout: float | None) -> Accepted | None:
        """The answer to this very batch where it was sent and taken; None says: send it.

        Any other answer may be old by now, and is found again by sending. Waits for one that is on its way,
        at most `timeout` seconds.
        """
        for way in self._ways:
            if way.records is records:
                verdict = way.answer(timeout)
                return verdict if isinstance(verdict, Accepted) else None
        return None
