"""Moves in a process of its own, which may die of it: `moving_child.py <directory> <what>`.

`record` records runs; `die-before` and `die-between` begin to move and kill the process with the spans written
and none, or some, taken out of the catalogue; `move` moves all. Every one but those that die prints, as its last line,
a digest of everything that can be read and what is left in the catalogue.
"""

from __future__ import annotations

import hashlib
import os
import signal
import sys
from pathlib import Path

import pytest

from holdfast.server.services.setup import prepare
from holdfast.server.stores.opening import open_database
from holdfast.server.stores.tiered import moving
from server.everything_read import everything
from server.moved_runs import LATER, left_here, move, record
from server.records import NOW

RUNS = ("a", "b", "c", "d")
_PATCH = pytest.MonkeyPatch()


def main(directory: Path, what: str) -> None:
    store = open_database(directory / "record.db", None, f"chdb:///{directory}/spans")
    prepare(store, NOW)
    _PATCH.setattr(moving, "SLICE_ROWS", 30)  # two runs in a slice
    if what == "record":
        record(store, *RUNS)
    elif what == "move":
        move(store, at=2 * LATER)
    elif what.startswith("die"):
        _die_in_take_out(after=0 if what == "die-before" else 1)
        move(store)
    digest = hashlib.sha256(repr(everything(store, RUNS)).encode()).hexdigest()
    print(digest, *left_here(store), flush=True)
    store.close()


def _die_in_take_out(*, after: int) -> None:
    real, calls = moving.take_out, 0

    def take_out(*given: object) -> int:
        nonlocal calls
        if calls == after:
            os.kill(os.getpid(), signal.SIGKILL)
        calls += 1
        return real(*given)  # type: ignore[arg-type]

    _PATCH.setattr("holdfast.server.services.mover.take_out", take_out)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
