"""The `holdfast` command.

Exit codes: 0 done, 1 failed (one line says why), 2 wrong usage, 130 interrupted.
"""

from __future__ import annotations

import sys
from typing import Final

__all__ = ["main"]

_NEEDED: Final = frozenset({"typer", "rich", "click"})


def main() -> None:
    """The entry point. Typer and rich come with an extra: their absence is said in one line."""
    try:
        from holdfast.cli.app import run
    except ModuleNotFoundError as missing:
        if missing.name is None or missing.name.partition(".")[0] not in _NEEDED:
            raise
        sys.exit(f"The holdfast command needs {missing.name}: pip install 'holdfast[server]'")
    sys.exit(run())
