"""Copying a record from one database into another."""

from __future__ import annotations

import random
import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import BigInteger, Column, Float, Integer, delete, insert, select, update

from holdfast._ids import new_id
from holdfast.errors import CopyRefusedError, StoreError
from holdfast.server.config import ServerConfig
from holdfast.server.running import background_server
from holdfast.server.services.copying import CopyProgress, CopyReport, copy_between
from holdfast.server.services.setup import prepare
from holdfast.server.stores.base import Store
from holdfast.server.stores.copying.identity import COPY_MARK, set_value
from holdfast.server.stores.copying.tables import Copied, copied_tables
from holdfast.server.stores.opening import open_database
from holdfast.server.stores.reads.spans import SpanReads
from holdfast.server.stores.schema import record as schema
from holdfast.server.stores.schema.columnar import (
    moved_runs,
    recalled_spans,
    span_batches,
    span_erasures,
    span_mover,
)
from holdfast.server.stores.schema.facets import failure_groups
from holdfast.server.stores.sqlite.store import SqliteStore
from holdfast.wire.operations import RecordedError, SpanFinish
from holdfast.wire.vocabulary import SpanStatus
from server.client import Api
from server.moved_runs import forget_work, left_here, move, record
from server.records import NOW, apply, rows

_ABOUT_A_SPAN_STORE = (moved_runs, recalled_spans, span_batches, span_erasures, span_mover)
_TEXTS = ["", "a", "Z", "é", "\N{GRINNING FACE}", "line\nbreak", "'; --", "\ufffd"]


def _copy(source: object, target: object) -> CopyReport:
    return copy_between(str(source), str(target), lambda _: None)


def _dump(path: Path) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of every table of a SQLite file, in any order but the same for the same rows."""
    with closing(sqlite3.connect(path)) as connection:
        tables = [
            name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        ]
        return {
            name: sorted(connection.execute(f'SELECT * FROM "{name}"'), key=repr)
            for name in tables
            if not name.startswith("sqlite_")
        }


def _record(dump: dict[str, list[tuple[Any, ...]]]) -> dict[str, list[tuple[Any, ...]]]:
    """Without the mark that the copy carries itself."""
    return dump | {"server_values": [row for row in dump["server_values"] if row[0] != COPY_MARK]}


def _value(column: Column[Any], chance: random.Random) -> Any:
    if column.nullable and chance.random() < 0.3:
        return None
    if isinstance(column.type, BigInteger):
        return chance.choice([0, 1, -1, 2**63 - 1, -(2**63), chance.randrange(2**40)])
    if isinstance(column.type, Integer):
        return chance.choice([0, 1, 2**31 - 1, -(2**31)])
    if isinstance(column.type, Float):
        return chance.choice([0.0, -1.5, 1e300, 5e-324])
    # what is part of a key has bounds of its own
    key = column.primary_key or any(column.name in index.columns for index in column.table.indexes)
    if column.type.python_type is bytes:
        return chance.choice([b"", b"\x00\xff", b'{"a": 1}', chance.randbytes(30 if key else 9_000)])
    return chance.choice(_TEXTS if key else [*_TEXTS, "z" * 3_000])


def _filled() -> list[Copied]:
    """The tables that have rows here: there is no span store that the others could tell of."""
    return [copied for copied in copied_tables() if copied.table not in _ABOUT_A_SPAN_STORE]


def _fill(store: Store, chance: random.Random) -> None:
    """A few rows in every table, which refer to each other; those that break a rule of the table are left out."""
    with store.write() as transaction:
        connection = transaction.connection
        there: dict[Any, list[Any]] = {}
        for copied in _filled():
            for _ in range(chance.randrange(1, 15)):
                row = {column.name: _value(column, chance) for column in copied.columns}
                for column in copied.columns:
                    for reference in column.foreign_keys:
                        row[column.name] = chance.choice(there[reference.column] or [None])
                if "status" in row:
                    row["status"] = "active"
                connection.execute(insert(copied.table).prefix_with("OR IGNORE").values(row))
            for column in copied.key_columns:
                there[column] = list(connection.execute(select(column)).scalars())


def _change(store: Store, chance: random.Random) -> None:
    """Some rows that nothing refers to go, some change, some come."""
    with store.write() as transaction:
        for table in (schema.rollups, schema.quality, schema.span_bodies, schema.check_queue):
            (column, *_) = [column for column in table.columns if not column.primary_key]
            for row in transaction.connection.execute(select(table)).mappings().all():
                same = [key == row[key.name] for key in table.primary_key.columns]
                match chance.randrange(3):
                    case 0:
                        transaction.connection.execute(delete(table).where(*same))
                    case 1:
                        changed = {column.name: _value(column, chance)}
                        transaction.connection.execute(update(table).where(*same).values(changed))
    _fill(store, chance)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A small record with something in every table."""
    path = tmp_path / "source.db"
    with closing(SqliteStore(path)) as store:
        prepare(store, NOW)
        _fill(store, random.Random(1))
        with store.reader.connect() as connection:
            for copied in _filled():
                assert connection.execute(select(copied.table)).first() is not None, copied.name
    return path


@settings(deadline=None, max_examples=6)
@given(st.integers())
def test_a_copy_run_again_follows_the_source(seed: int) -> None:
    """Whatever came, changed and went in the source since it was copied, copying again makes the same of it."""
    chance = random.Random(seed)
    with tempfile.TemporaryDirectory() as directory:
        source, target = Path(directory) / "source.db", Path(directory) / "target.db"
        with closing(SqliteStore(source)) as store:
            prepare(store, NOW)
            _fill(store, chance)
            for _ in range(2):
                assert _copy(source, target).same
                assert _record(_dump(target)) == _dump(source)
                _change(store, chance)
        report = _copy(source, target)
        assert report.same
        assert _record(_dump(target)) == _dump(source)


def test_every_table_is_copied(source: Path) -> None:
    """No table of the record is left out."""
    assert _dump(source).keys() - {"alembic_version"} == {copied.name for copied in copied_tables()}


def test_to_postgres_and_back(source: Path, postgres: str, tmp_path: Path) -> None:
    """Rows of every kind and extreme values come back from PostgreSQL as they were; each table's checksum is the
    same on the way there and back; a second time there is nothing to do."""
    there, again = _copy(source, postgres), _copy(source, postgres)
    back = _copy(postgres, tmp_path / "back.db")
    assert _record(_dump(tmp_path / "back.db")) == _dump(source)
    sums = [{table.table: table.checksum for table in report.tables} for report in (there, again, back)]
    assert sums[0] == sums[1] == sums[2]
    assert (
        sum(table.added for table in there.tables) == sum(table.rows for table in there.tables) - 1
    )  # its id
    assert not any(table.added + table.changed + table.removed for table in again.tables)


def test_changes_reach_postgres(source: Path, postgres: str) -> None:
    """What came, changed and went since the first time is brought over, and nothing else is written."""
    _copy(source, postgres)
    with closing(SqliteStore(source)) as store:
        _change(store, random.Random(2))
    report = _copy(source, postgres)
    assert report.same
    assert all(
        sum(counts) for counts in zip(*((t.added, t.changed, t.removed) for t in report.tables), strict=True)
    )
    assert not any(table.added + table.changed + table.removed for table in _copy(source, postgres).tables)


def test_text_that_postgres_cannot_hold(source: Path, postgres: str) -> None:
    """U+0000 in a text becomes U+FFFD and is counted; in bytes it stays; in a key it is refused."""
    with closing(SqliteStore(source)) as store:
        with store.write() as transaction:
            transaction.connection.execute(update(schema.agents).values(description="a\x00b"))
            agents = len(transaction.connection.execute(select(schema.agents.c.id)).all())
        report = _copy(source, postgres)
        assert report.same
        assert {table.table: table.altered for table in report.tables}["agents"] == agents
        with store.write() as transaction:
            name = failure_groups.c.fingerprint
            one = transaction.connection.execute(select(name)).scalar()
            changed = update(failure_groups).where(name == one).values(fingerprint="a\x00b")
            transaction.connection.execute(changed)
    with pytest.raises(CopyRefusedError, match="failure_groups: has a key"):
        _copy(source, postgres)


def test_a_copy_can_be_used(source: Path, postgres: str, tmp_path: Path) -> None:
    """A server goes on with the copy: tokens work, new runs get keys of their own. Then it is not copied into."""
    with (
        background_server(ServerConfig(data=tmp_path / "one", port=0)) as server,
        Api(server.url, server.token) as api,
    ):
        api.run("old")
        token = server.token
    _copy(tmp_path / "one" / "holdfast.db", postgres)
    config = ServerConfig(data=tmp_path / "two", database=postgres, port=0)
    with background_server(config) as server, Api(server.url, token) as again:
        again.run("new")
        assert again.get("/agent_instance/old")[1]["details"]["status"] == "active"
    with pytest.raises(CopyRefusedError, match="has been used since"):
        _copy(tmp_path / "one" / "holdfast.db", postgres)


def test_an_unfinished_copy_is_not_used(source: Path, postgres: str, tmp_path: Path) -> None:
    """A copy that was broken off is no server's record, nor copied further, until it has been finished."""

    def stop(progress: CopyProgress) -> None:
        if progress.table == "spans":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        copy_between(str(source), postgres, stop)
    with (
        closing(open_database(Path("unused"), postgres)) as store,
        pytest.raises(StoreError, match="not finished"),
    ):
        prepare(store, NOW)
    with pytest.raises(StoreError, match="not finished"):
        _copy(postgres, tmp_path / "further.db")
    assert _copy(source, postgres).same
    with closing(open_database(Path("unused"), postgres)) as store:
        prepare(store, NOW)


def test_of_two_copies_at_once_one_stops(source: Path, tmp_path: Path) -> None:
    """The one that began last goes on; the other writes nothing any more."""
    target = tmp_path / "target.db"

    def another(progress: CopyProgress) -> None:
        if progress.table == "agents":
            with closing(SqliteStore(target)) as store, store.write() as transaction:
                set_value(transaction.connection, COPY_MARK, new_id())

    with pytest.raises(CopyRefusedError, match="another command"):
        copy_between(str(source), str(target), another)
    assert _dump(target)["spans"] == []


def test_a_source_that_is_written_to(tmp_path: Path) -> None:
    """The copy is of one moment, and says that there is more by now; a second copying brings it over."""
    source, target = tmp_path / "source" / "holdfast.db", tmp_path / "target.db"
    with (
        background_server(ServerConfig(data=source.parent, port=0)) as server,
        Api(server.url, server.token) as api,
    ):
        api.run("before")

        def write(progress: CopyProgress) -> None:
            if progress.table == "agents" and not progress.checking:
                api.run(new_id())

        report = copy_between(str(source), str(target), write)
        assert (report.same, report.source_changed) == (True, True)
        assert {table.table: table.rows for table in report.tables}["instances"] == 1
    again = _copy(source, target)
    assert (again.same, again.source_changed) == (True, False)
    assert _record(_dump(target)) == _dump(source)


def test_a_difference_is_named(source: Path, tmp_path: Path) -> None:
    """Where the target does not keep what it is given, the table, the first such row and its columns are named."""
    target = tmp_path / "target.db"
    SqliteStore(target).close()
    with closing(sqlite3.connect(target)) as connection:
        connection.execute(
            "CREATE TRIGGER odd AFTER INSERT ON agents BEGIN UPDATE agents SET name = 'x'; END"
        )
        connection.commit()
    report = _copy(source, target)
    wrong = {table.table: table.difference for table in report.tables if table.difference is not None}
    first = min(row[0] for row in _dump(source)["agents"])
    assert (report.same, wrong) == (False, {"agents": f"id={first!r} differs in name"})
    with closing(SqliteStore(target)) as store, pytest.raises(StoreError, match="not finished"):
        prepare(store, NOW)


@pytest.mark.parametrize("of", ["another record", "a record before it had an id"])
def test_another_record_is_left_alone(source: Path, tmp_path: Path, of: str) -> None:
    """A target that holds runs of its own is refused, with the way out, and stays as it is."""
    target = tmp_path / "target.db"
    with closing(SqliteStore(target)) as store:
        prepare(store, NOW)
        if "before" in of:
            with store.write() as transaction:
                transaction.connection.execute(delete(schema.server_values))
    before = _dump(target)
    with pytest.raises(CopyRefusedError) as refused:
        _copy(source, target)
    assert "record" in refused.value.problem
    assert "empty database" in refused.value.fix
    assert _dump(target) == before


@pytest.mark.parametrize("side", ["source", "target"])
@pytest.mark.parametrize(("revision", "fix"), [("0002", "holdfast db upgrade"), ("9999", "upgrade Holdfast")])
def test_tables_of_another_version(source: Path, tmp_path: Path, side: str, revision: str, fix: str) -> None:
    """Neither side is upgraded on the way; the command that does it is named."""
    target = tmp_path / "target.db"
    SqliteStore(target).close()
    with closing(sqlite3.connect(source if side == "source" else target)) as connection:
        connection.execute("UPDATE alembic_version SET version_num = ?", (revision,))
        connection.commit()
    with pytest.raises(CopyRefusedError) as refused:
        _copy(source, target)
    assert fix in refused.value.fix


def test_places_that_cannot_be_meant(source: Path, tmp_path: Path) -> None:
    """The source itself, a directory, a source that does not exist or holds nothing."""
    with pytest.raises(CopyRefusedError, match="source itself"):
        _copy(source, f"sqlite:///{source}")
    with pytest.raises(CopyRefusedError, match="is a directory"):
        _copy(source, tmp_path)
    with pytest.raises(StoreError, match="does not exist"):
        _copy(tmp_path / "none.db", tmp_path / "new.db")
    sqlite3.connect(tmp_path / "empty.db").close()
    with pytest.raises(CopyRefusedError, match="holds no record"):
        _copy(tmp_path / "empty.db", tmp_path / "new.db")
    assert not (tmp_path / "new.db").exists()


def test_spans_from_a_span_store(postgres: str, chdb: str, tmp_path: Path) -> None:
    """From one file to PostgreSQL, spans moved to ClickHouse, and back into a file: the same in the end; the rows
    of a span that came back to the database because of something late are those of the database."""
    source, back = tmp_path / "source.db", tmp_path / "back.db"
    with closing(open_database(source, None)) as store:
        prepare(store, NOW)
        record(store, "a", "b", "c", spans=40)
    _copy(source, postgres)
    with closing(open_database(Path("unused"), postgres, chdb)) as store:
        prepare(store, NOW)
        assert move(store) > 120
        late = SpanFinish(
            idempotency_key="late",
            agent_instance_id="b",
            agent_span_id="b-00003",
            status=SpanStatus.FAILED,
            error=RecordedError(type="Late", message="after all"),
        )
        assert apply(store, [late], now=NOW + 1).errors == {}
        forget_work(store)
    with pytest.raises(CopyRefusedError) as refused:
        _copy(postgres, back)
    assert "--from-spans" in refused.value.fix
    report = copy_between(postgres, str(back), lambda _: None, source_spans=chdb)
    assert report.same
    with closing(open_database(source, None)) as store:
        assert apply(store, [late], now=NOW + 1).errors == {}
        forget_work(store)
    found, wanted = _record(_dump(back)), _dump(source)
    assert {name for name in wanted if found[name] != wanted[name]} <= {"span_mover"}


def test_spans_that_stay_in_the_span_store(chdb: str, tmp_path: Path) -> None:
    """With the spans left in ClickHouse the target says of them what the source said, and reads them there."""
    source, target = tmp_path / "source.db", tmp_path / "target.db"
    with closing(open_database(source, None, chdb)) as store:
        prepare(store, NOW)
        record(store, "a")
        move(store)
    assert copy_between(str(source), str(target), lambda _: None, keep_moved=True).same
    with closing(open_database(target, None, chdb)) as store:
        prepare(store, NOW)
        assert left_here(store) == (0, 0, 0)
        assert len(SpanReads(store).light(rows(store, schema.instances)[0]["key"]).ids) == 12
