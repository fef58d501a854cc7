"""However moving ends, every span is there once."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

_CHILD = Path(__file__).with_name("moving_child.py")
_TESTS = Path(__file__).parents[1]


def _child(directory: Path, what: str) -> tuple[int, list[str]]:
    done = subprocess.run(
        [sys.executable, str(_CHILD), str(directory), what],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(_TESTS)},
        check=False,
    )
    return done.returncode, done.stdout.split()


@pytest.mark.slow
@pytest.mark.parametrize("death", ["die-before", "die-between"])
def test_killed_between_insert_and_delete(tmp_path: Path, death: str) -> None:
    """Killed after the span store has the spans and before the catalogue has let go of them, or in the middle of
    that: all is read as before, and the next server finishes the work with nothing double."""
    code, before = _child(tmp_path, "record")
    assert code == 0
    code, said = _child(tmp_path, death)
    assert (code, said) == (-signal.SIGKILL, [])
    code, after = _child(tmp_path, "look")
    assert after[0] == before[0]
    assert after[1:] == (["48", "48", "12"] if death == "die-before" else ["24", "24", "12"])
    code, moved = _child(tmp_path, "move")
    assert moved == [before[0], "0", "0", "0"]
