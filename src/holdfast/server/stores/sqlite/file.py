"""The files of SQLite databases: whose they are, and whether they are still the same."""

from __future__ import annotations

import os
from pathlib import Path

from holdfast.errors import StoreError

__all__ = ["file_identity", "make_private"]


def make_private(path: Path) -> None:
    """Before the first connection: SQLite gives the files beside the database its permissions."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            # never opened where it exists: closing it again would let go of SQLite's locks in this process
            os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        except FileExistsError:
            path.chmod(0o600)
    except OSError as error:
        raise StoreError(str(path), f"cannot be used: {error.strerror}") from None


def file_identity(path: Path) -> tuple[int, int] | None:
    """What tells the file from another of the same name; None where there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino
