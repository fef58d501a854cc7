"""How far a run file was imported into a server, so that an interrupted import goes on where it stopped."""

from __future__ import annotations

import hashlib
from pathlib import Path

import msgspec
from msgspec import Struct

from holdfast._settings import state_dir

__all__ = ["Checkpoint", "CheckpointFile"]


class Checkpoint(Struct, frozen=True, kw_only=True):
    """`lines` were delivered; `last_run` is the id of the run in the last of them.

    A changed file (another size or time) has no checkpoint: its lines may be others.
    """

    size: int
    changed_ns: int
    lines: int
    last_run: str


class CheckpointFile:
    """One file's progress into one server, kept in the state directory."""

    def __init__(self, source: Path, url: str) -> None:
        self._source = source
        key = hashlib.sha256(f"{url.rstrip('/')}\n{source.resolve()}".encode()).hexdigest()[:24]
        self._path = state_dir() / "imports" / f"{key}.json"

    def load(self) -> Checkpoint | None:
        try:
            found = msgspec.json.decode(self._path.read_bytes(), type=Checkpoint)
        except (OSError, msgspec.DecodeError):
            return None
        now = self._source.stat()
        return found if (found.size, found.changed_ns) == (now.st_size, now.st_mtime_ns) else None

    def save(self, lines: int, last_run: str) -> None:
        """Raises `OSError`."""
        now = self._source.stat()
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        beside = self._path.with_suffix(".new")
        mark = Checkpoint(size=now.st_size, changed_ns=now.st_mtime_ns, lines=lines, last_run=last_run)
        beside.write_bytes(msgspec.json.encode(mark))
        beside.replace(self._path)
