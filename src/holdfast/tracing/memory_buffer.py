"""Records that are on no disk: all of them where none can be written, else those that wait for a segment."""

from __future__ import annotations

from collections import Counter, deque

from holdfast.tracing.losses import head_of

__all__ = ["MemoryBuffer"]


class MemoryBuffer:
    """Bounded by bytes; the oldest go first and are counted by kind in `dropped`. The owner locks it."""

    __slots__ = ("_records", "dropped", "limit", "size")

    def __init__(self, limit: int) -> None:
        self._records: deque[bytes] = deque()
        self.limit = limit
        self.size = 0
        self.dropped: Counter[str] = Counter()

    def __len__(self) -> int:
        return len(self._records)

    def append(self, record: bytes) -> None:
        self._records.append(record)
        self.size += len(record)
        while self.size > self.limit and self._records:
            oldest = self._records.popleft()
            self.size -= len(oldest)
            self.dropped[head_of(oldest).kind] += 1

    def take(self, max_records: int, max_bytes: int) -> list[bytes]:
        """Remove and return the oldest records, at least one where there is one."""
        taken: list[bytes] = []
        size = 0
        while self._records and len(taken) < max_records:
            if taken and size + len(self._records[0]) > max_bytes:
                break
            record = self._records.popleft()
            size += len(record)
            taken.append(record)
        self.size -= size
        return taken

    def put_back(self, records: list[bytes]) -> None:
        """Return what was taken and not delivered, to the front. May exceed the limit for a while."""
        self._records.extendleft(reversed(records))
        self.size += sum(map(len, records))

    def largest(self) -> int:
        """Size of the largest record, 0 where there is none."""
        return max(map(len, self._records), default=0)
