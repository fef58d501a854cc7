"""The in-process ClickHouse for tests: one engine in one directory for all of a process, a database a test."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

_numbers = count(1)


@pytest.fixture(scope="session")
def chdb_directory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """An engine can be opened in one directory at a time: while this fixture lives, in this one."""
    import clickhouse_connect  # takes a fifth of a second: not for every test

    directory = tmp_path_factory.mktemp("chdb")
    keep = clickhouse_connect.get_client(interface="chdb", path=str(directory))
    yield directory
    keep.close()


@pytest.fixture
def chdb(chdb_directory: Path) -> str:
    """The address of an empty database."""
    return f"chdb:///{chdb_directory}?database=test{next(_numbers)}"
