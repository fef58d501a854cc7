"""One process's directory in the spool: who owns it, which segments it holds, how far they are acknowledged.

`<root>/<destination>/<pid>-<random>/` holds `lock` (an exclusive flock, held as long as the process lives),
`00000001.seg` …, `cursor`, `runs.json`, `losses.json` and `rejected.jsonl`. The flock decides who may touch
the directory, never the process number: numbers are reused, and mean nothing across containers.
"""

from __future__ import annotations

import os
import struct
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final
from zlib import crc32

import msgspec

from holdfast.errors import SpoolError
from holdfast.tracing.destination import Destination
from holdfast.tracing.losses import replace_file

try:
    import fcntl
except ImportError:  # not a POSIX system: there is no spool on disk, only the one in memory
    fcntl = None  # type: ignore[assignment]  # mypy has no optional modules

__all__ = ["DestinationFile", "ProcessDir", "destination_dirs", "hold", "read_destination"]

_CURSOR: Final = struct.Struct("<QQI")
_DESTINATION_FILE: Final = "destination.json"
_UNFINISHED: Final = "."
_STALE_SECONDS: Final = 3600.0


class DestinationFile(msgspec.Struct, frozen=True, kw_only=True):
    """`destination.json`: whose records the directory holds."""

    url: str
    token_fingerprint: str
    any_server: bool = False
    format: int = 1


def destination_dirs(root: Path) -> Iterator[tuple[Path, DestinationFile]]:
    """The destinations that a spool holds records for."""
    with suppress(OSError):
        for path in sorted(root.iterdir()):
            known = read_destination(path)
            if known is not None:
                yield path, known


def read_destination(path: Path) -> DestinationFile | None:
    try:
        return msgspec.json.decode((path / _DESTINATION_FILE).read_bytes(), type=DestinationFile)
    except (OSError, msgspec.DecodeError):
        return None


class ProcessDir:
    """A directory that this process has locked. `release` gives the lock back; a dead process's is free."""

    __slots__ = ("_cursor_fd", "_lock_fd", "path")

    def __init__(self, path: Path, lock_fd: int) -> None:
        self.path = path
        self._lock_fd = lock_fd
        self._cursor_fd = -1

    @classmethod
    def create(cls, root: Path, destination: Destination) -> ProcessDir:
        """A new directory for this process. Raises `OSError`, or `SpoolError` where files cannot be locked.

        It is made under a name that adopters pass over and renamed once it is locked: no instant exists at
        which it looks like a dead process's.
        """
        above = root / destination.key
        root.mkdir(mode=0o700, parents=True, exist_ok=True)  # the mode is that of the last one only
        above.mkdir(mode=0o700, exist_ok=True)
        if read_destination(above) is None:
            known = DestinationFile(
                url=destination.url,
                token_fingerprint=destination.token_fingerprint,
                any_server=destination.any_server,
            )
            replace_file(above / _DESTINATION_FILE, msgspec.json.encode(known))
        name = f"{os.getpid()}-{os.urandom(4).hex()}"
        hidden = above / f"{_UNFINISHED}{name}"
        hidden.mkdir(mode=0o700)
        lock_fd = _lock(hidden / "lock")
        if lock_fd is None:
            raise SpoolError(str(hidden), "its lock cannot be taken")
        final = above / name
        hidden.rename(final)
        return cls(final, lock_fd)

    @classmethod
    def adopt(cls, path: Path) -> ProcessDir | None:
        """The directory of a dead process, locked; None while its process or another adopter has it."""
        try:
            lock_fd = _lock(path / "lock")
        except (OSError, SpoolError):
            return None
        return None if lock_fd is None else cls(path, lock_fd)

    @classmethod
    def look_at(cls, path: Path) -> ProcessDir:
        """The directory without its lock, for reading only: its owner may be at work in it."""
        return cls(path, -1)

    @staticmethod
    def all_of(above: Path) -> list[Path]:
        """The process directories of one destination, oldest first. Clears what a kill left half made."""
        found: list[tuple[float, Path]] = []
        with suppress(OSError):
            for path in above.iterdir():
                with suppress(OSError):
                    if not path.name.startswith(_UNFINISHED):
                        if path.is_dir():
                            found.append(((path / "lock").stat().st_mtime, path))
                    elif time.time() - path.stat().st_mtime > _STALE_SECONDS:
                        _clear_half_made(path)
        return [path for _, path in sorted(found)]

    def segments(self) -> list[tuple[int, Path]]:
        """The segment files by number. All of them are unsent, but for the one that the cursor names."""
        found = [(int(path.stem), path) for path in self.path.glob("*.seg") if path.stem.isdigit()]
        return sorted(found)

    def segment_path(self, number: int) -> Path:
        return self.path / f"{number:08d}.seg"

    def save_cursor(self, number: int, offset: int) -> None:
        """Remember that everything of segment `number` before `offset` is acknowledged. Raises `OSError`."""
        if self._cursor_fd < 0:
            self._cursor_fd = os.open(self.path / "cursor", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        place = struct.pack("<QQ", number, offset)
        os.pwrite(self._cursor_fd, place + struct.pack("<I", crc32(place)), 0)

    def load_cursor(self) -> tuple[int, int]:
        """Segment and offset that were acknowledged last; (0, 0) where that is not known."""
        try:
            content = (self.path / "cursor").read_bytes()
            number, offset, checksum = _CURSOR.unpack(content)
        except (OSError, struct.error):
            return 0, 0
        return (number, offset) if crc32(content[:16]) == checksum else (0, 0)

    def forget_inherited(self) -> None:
        """Close the child's copies of the files after a fork: a lock lives as long as any copy of it."""
        self._close()

    def release(self) -> None:
        """Give the lock back: whatever is left may be adopted by anyone."""
        self._close()

    def remove(self) -> None:
        """Delete the directory, lock last, and give the lock back. Raises `OSError` where files remain."""
        for _, path in self.segments():
            path.unlink(missing_ok=True)
        for half_made in self.path.glob(f"{_UNFINISHED}*"):  # a kill between writing and renaming leaves one
            half_made.unlink(missing_ok=True)
        for name in ("cursor", "runs.json", "lock"):
            (self.path / name).unlink(missing_ok=True)
        try:
            self.path.rmdir()
        finally:
            self._close()

    def _close(self) -> None:
        for fd in (self._cursor_fd, self._lock_fd):
            if fd >= 0:
                with suppress(OSError):  # closed already, by whoever made a daemon of this process
                    os.close(fd)
        self._cursor_fd = self._lock_fd = -1


def _lock(path: Path) -> int | None:
    if fcntl is None:
        raise SpoolError(str(path), "this system has no flock")
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # An adopter that was faster may have removed the directory between our open and our lock.
        if os.fstat(fd).st_ino == path.stat().st_ino:
            return fd
    except FileNotFoundError:
        pass
    except BlockingIOError:
        pass
    except OSError:
        os.close(fd)
        raise
    os.close(fd)
    return None


@contextmanager
def hold(path: Path) -> Generator[None]:
    """Hold an exclusive lock on the file at `path`, waiting for it. Raises `OSError`."""
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        if fcntl is not None:
            fcntl.flock(fd, fcntl.LOCK_EX)
        yield
    finally:
        os.close(fd)


def _clear_half_made(path: Path) -> None:
    with suppress(OSError):
        if path.is_dir():
            for child in path.iterdir():
                child.unlink()
            path.rmdir()
        else:
            path.unlink()
