"""What a test needs of the machine: it skips visibly without it; on CI a missing service fails it."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
_CHROMIUMS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def _missing_service(reason: str) -> None:
    if os.environ.get("CI") == "true":
        pytest.fail(f"{reason}, and CI must not skip it", pytrace=False)
    pytest.skip(reason)


def need_chromium() -> str:
    """The path of the system's browser."""
    for name in _CHROMIUMS:
        if found := shutil.which(name):
            return found
    _missing_service("no Chromium on this machine")
    raise AssertionError  # the line above never returns


def need_postgres() -> Path:
    """The directory with `initdb`, `postgres` and `pg_ctl`."""
    if (found := shutil.which("initdb")) and shutil.which("postgres"):
        return Path(found).parent
    for directory in sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True):
        if (directory / "initdb").exists():
            return directory
    _missing_service("no PostgreSQL server on this machine")
    raise AssertionError  # the line above never returns


def need_data(name: str = "") -> Path:
    """A file (or the folder) of recorded runs beside the checkout. Absent data skips, on CI too."""
    path = DATA / name
    if not path.exists():
        pytest.skip(f"the recorded runs are not here: ../shared/data/{name}")
    return path
