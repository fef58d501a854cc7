"""What was lost or refused, counted by kind (an operation's `_type`), in a small file beside the spool."""

from __future__ import annotations

import os
import threading
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

import msgspec

__all__ = [
    "LOSSES_FILE",
    "UNREADABLE",
    "Head",
    "LossLedger",
    "for_owner",
    "head_of",
    "kinds_of",
    "load_losses",
    "replace_file",
]

LOSSES_FILE: Final = "losses.json"
UNREADABLE: Final = "unreadable"


class Head(msgspec.Struct, frozen=True, kw_only=True):
    """What delivery needs to know of a record: what it is, and under which key the server answers for it."""

    kind: str = msgspec.field(default=UNREADABLE, name="_type")
    idempotency_key: str = ""
    agent_instance_id: str = ""
    id: str = ""


_decode_head = msgspec.json.Decoder(Head).decode
_NOTHING: Final = Head()


def head_of(record: bytes) -> Head:
    """The head of a record; an empty one for bytes that are no operation."""
    try:
        return _decode_head(record)
    except msgspec.DecodeError:
        return _NOTHING


def kinds_of(records: Iterable[bytes]) -> Counter[str]:
    return Counter(head_of(record).kind for record in records)


def load_losses(directory: Path) -> Counter[str]:
    """The counts kept in `directory`; none where there is no readable file."""
    try:
        return Counter(msgspec.json.decode((directory / LOSSES_FILE).read_bytes(), type=dict[str, int]))
    except (OSError, msgspec.DecodeError):
        return Counter()


class LossLedger:
    """Counts of lost operations by kind. `add` only counts; `save` writes what changed.

    `directory` is None where no disk can be written: then the counts live as long as the process.
    """

    __slots__ = ("_counts", "_directory", "_elsewhere", "_lock", "_saved")

    def __init__(self, directory: Path | None) -> None:
        self._directory = directory
        self._lock = threading.Lock()
        self._counts: Counter[str] = load_losses(directory) if directory else Counter()
        self._elsewhere: Counter[str] = Counter()
        self._saved = self._counts.total()

    def add(self, counts: Mapping[str, int]) -> None:
        with self._lock:
            self._counts.update(counts)

    def move(self, directory: Path) -> None:
        """Go on in another directory, whose file gets only what no other has."""
        with self._lock:
            if self._directory is not None and self._saved == self._counts.total():
                self._elsewhere = self._counts.copy()
            self._directory = directory

    @property
    def by_kind(self) -> dict[str, int]:
        return dict(self._counts)

    @property
    def total(self) -> int:
        return self._counts.total()

    def save(self) -> None:
        """Replace the file, where the counts have grown since. Raises `OSError`."""
        with self._lock:
            total, counts = self._counts.total(), dict(self._counts - self._elsewhere)
        if self._directory is None or total == self._saved:
            return
        replace_file(self._directory / LOSSES_FILE, msgspec.json.encode(counts))
        self._saved = total


def replace_file(path: Path, content: bytes) -> None:
    """Put `content` at `path` so that a reader sees the old file or the new one. Raises `OSError`."""
    beside = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}")
    with open(beside, "wb", opener=for_owner) as file:
        file.write(content)
    beside.replace(path)


def for_owner(path: str, flags: int) -> int:
    """An opener for `open`: nobody else may read a file that it makes, whatever the umask."""
    return os.open(path, flags, 0o600)
