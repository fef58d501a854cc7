"""`holdfast serve` as a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec


@contextmanager
def serving(data: Path, *options: str) -> Iterator[tuple[subprocess.Popen[str], dict[str, str]]]:
    """The process and the line that it printed when it answered."""
    command = [sys.executable, "-m", "holdfast.cli", "serve", "--json", "--data", str(data), *options]
    with subprocess.Popen(command, env=os.environ, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process, msgspec.json.decode(process.stdout.readline())
        finally:
            process.kill()
