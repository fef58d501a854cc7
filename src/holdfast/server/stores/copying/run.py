"""One copying: every table taken through, what differs written, everything compared."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from itertools import islice
from typing import Final

from msgspec import Struct
from sqlalchemy.exc import IntegrityError

from holdfast.errors import CopyRefusedError, StoreConflictError
from holdfast.server.stores.base import Store, WriteTransaction
from holdfast.server.stores.copying.source import SourceRows
from holdfast.server.stores.copying.tables import Checksum, Copied, Row, copied_tables
from holdfast.server.stores.copying.walk import differences, missing, walk
from holdfast.server.stores.copying.write import delete_rows, insert_rows, settle, update_rows

__all__ = ["EMPTY_TARGET", "CopyProgress", "Copying", "TableReport"]

_BATCH_ROWS: Final = 5_000
_BATCH_BYTES: Final = 4 << 20
_TELL_EVERY: Final = 2_000
EMPTY_TARGET: Final = "copy into an empty database, or a new file"


class CopyProgress(Struct, frozen=True, kw_only=True):
    """`rows` of the table have been gone through, of as many as it has. `checking`: in the comparison that
    follows the copying."""

    table: str
    rows: int
    of: int
    checking: bool


class TableReport(Struct, frozen=True, kw_only=True):
    """`rows` and `checksum` are the source's. `altered` rows have a text with a character that the target
    cannot hold, which became U+FFFD. `difference` names the first row that is not the same, None where none."""

    table: str
    rows: int
    added: int
    changed: int
    removed: int
    altered: int
    checksum: str
    difference: str | None


class Copying:
    """Of the rows of `source`. `hold` is called in every transaction of the target and raises where it may not be
    written any more."""

    def __init__(
        self,
        source: SourceRows,
        target: Store,
        hold: Callable[[WriteTransaction], None],
        told: Callable[[CopyProgress], None],
    ) -> None:
        self._source = source
        self._target = target
        self._hold = hold
        self._told = told
        self._where = target.reader.url.render_as_string(hide_password=True)
        self._limited = target.reader.dialect.name == "postgresql" and source.dialect != "postgresql"

    def run(self) -> list[TableReport]:
        tables = copied_tables()
        # children first: nothing is taken out that others refer to
        removed = {copied: self._remove(copied) for copied in reversed(tables)}
        written = {copied: self._fill(copied) for copied in tables}
        with self._writing() as transaction:
            settle(transaction.connection, tables)
        return [self._check(copied, removed[copied], written[copied]) for copied in tables]

    def _remove(self, copied: Copied) -> int:
        """Take out what the source does not have any more; how many rows."""
        with self._target.reader.connect() as connection:
            theirs = walk(connection, copied, keys_only=True, one_moment=False)
            gone = missing(theirs, self._source.keys(copied))
            count = 0
            while keys := list(islice(gone, _BATCH_ROWS)):
                count += len(keys)
                with self._writing() as transaction:
                    delete_rows(transaction.connection, copied, keys)
        return count

    def _fill(self, copied: Copied) -> _Written:
        """Bring over what is missing or different."""
        written = _Written()
        batch = _Batch()
        with self._target.reader.connect() as connection:
            theirs = walk(connection, copied, one_moment=False)
            for row, other in differences(self._rows(copied, written), theirs, copied.key):
                if row is not None:
                    (batch.added if other is None else batch.changed).append(row)
                    batch.size += copied.size(row)
                if batch.size >= _BATCH_BYTES:
                    written.count(batch)
                    self._write(copied, batch)
                    batch = _Batch()
        written.count(batch)
        self._write(copied, batch)
        return written

    def _write(self, copied: Copied, batch: _Batch) -> None:
        if not batch.size:
            return
        with self._writing() as transaction:
            if batch.added:
                insert_rows(transaction.connection, copied, batch.added)
            if batch.changed:
                update_rows(transaction.connection, copied, batch.changed)

    @contextmanager
    def _writing(self) -> Generator[WriteTransaction]:
        try:
            with self._target.write() as transaction:
                self._hold(transaction)
                yield transaction
        except (StoreConflictError, IntegrityError) as error:
            # what it has stands against what the source has by now
            problem = error.orig if isinstance(error, IntegrityError) else error.problem
            raise CopyRefusedError(self._where, f"does not take the rows: {problem}", EMPTY_TARGET) from error

    def _rows(self, copied: Copied, written: _Written | None = None) -> Iterator[Row]:
        """The source's rows, as the target can hold them."""
        size = self._source.count(copied)
        checking = written is None
        for number, row in enumerate(self._source.rows(copied)):
            if number % _TELL_EVERY == 0:
                self._tell(copied, number, max(size, number), checking=checking)
            kept = copied.without_impossible_text(row) if self._limited else row
            if kept is not row:
                if copied.key(kept) != copied.key(row):
                    raise CopyRefusedError(
                        copied.name,
                        f"has a key that PostgreSQL does not take: {copied.key(row)!r}",
                        "take that row out of the source",
                    )
                if written is not None:
                    written.altered += 1
            yield kept

    def _tell(self, copied: Copied, rows: int, size: int, *, checking: bool) -> None:
        self._told(CopyProgress(table=copied.name, rows=rows, of=size, checking=checking))

    def _check(self, copied: Copied, removed: int, written: _Written) -> TableReport:
        checksum = Checksum()

        def summed() -> Iterator[Row]:
            for row in self._rows(copied):
                checksum.add(row)
                yield row

        first: str | None = None
        with self._target.reader.connect() as connection:
            theirs = walk(connection, copied, one_moment=False)
            for row, other in differences(summed(), theirs, copied.key):
                first = first or _difference(copied, row, other)
        return TableReport(
            table=copied.name,
            rows=checksum.rows,
            added=written.added,
            changed=written.changed,
            removed=removed,
            altered=written.altered,
            checksum=str(checksum),
            difference=first,
        )


class _Batch:
    """Rows to be written together."""

    def __init__(self) -> None:
        self.added: list[Row] = []
        self.changed: list[Row] = []
        self.size = 0


class _Written:
    """What was written of one table."""

    def __init__(self) -> None:
        self.added = self.changed = self.altered = 0

    def count(self, batch: _Batch) -> None:
        self.added += len(batch.added)
        self.changed += len(batch.changed)


def _difference(copied: Copied, row: Row | None, other: Row | None) -> str:
    """Which row it is and what is wrong with it, without what it holds."""
    if row is None:
        assert other is not None
        return f"{_shown(copied, other)} is in the target only"
    if other is None:
        return f"{_shown(copied, row)} is missing in the target"
    names = [
        column.name for column, ours, theirs in zip(copied.columns, row, other, strict=True) if ours != theirs
    ]
    return f"{_shown(copied, row)} differs in {', '.join(names)}"


def _shown(copied: Copied, row: Row) -> str:
    key = zip(copied.key_columns, copied.key(row), strict=True)
    return " ".join(f"{column.name}={value!r}" for column, value in key)
