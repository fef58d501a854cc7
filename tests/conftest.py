"""What every test has: isolation, and the recorded runs."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from chdb_database import chdb, chdb_directory
from isolation import isolated, isolated_session
from needs import need_data
from postgres_server import postgres_database, postgres_server

__all__ = ["chdb", "chdb_directory", "isolated", "isolated_session"]


@pytest.fixture(scope="session")
def postgres_address() -> Iterator[str]:
    """A PostgreSQL server for all tests of this process; it starts with the first that asks."""
    with postgres_server() as address:
        yield address


@pytest.fixture
def postgres(postgres_address: str, request: pytest.FixtureRequest) -> Iterator[str]:
    """The address of an empty database."""
    with postgres_database(postgres_address, f"test_{abs(hash(request.node.nodeid)):x}") as address:
        yield address


@pytest.fixture
def run_files() -> list[Path]:
    """The files of recorded real runs, or a visible skip."""
    files = sorted(need_data().glob("*.jsonl.gz"))
    return [path for path in files if not path.name.startswith("provider_http")]


@pytest.fixture
def real_runs(run_files: list[Path]) -> Iterator[dict[str, Any]]:
    """Each recorded real run as a dict, in order, only one in memory at a time."""

    def walk() -> Iterator[dict[str, Any]]:
        for path in run_files:
            with gzip.open(path, "rt", encoding="utf-8") as lines:
                yield from map(json.loads, lines)

    return walk()
