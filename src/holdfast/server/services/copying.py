"""Copying a whole record from one database to another, by their addresses."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from msgspec import Struct

from holdfast.errors import CopyRefusedError
from holdfast.server.stores.base import Store
from holdfast.server.stores.copying.database import CopyReport, copy_record
from holdfast.server.stores.copying.run import EMPTY_TARGET, CopyProgress
from holdfast.server.stores.opening import DatabaseState, database_state, open_catalogue, open_tiered

__all__ = ["CopyProgress", "CopyReport", "copy_between"]


class _Place(Struct, frozen=True, kw_only=True):
    """As `open_database` takes it."""

    file: Path
    address: str | None


def copy_between(
    source: str,
    target: str,
    told: Callable[[CopyProgress], None],
    *,
    source_spans: str | None = None,
    keep_moved: bool = False,
) -> CopyReport:
    """Make `target` a copy of `source`: each the path of a file, `sqlite:///path` or `postgresql://…`.

    Spans that were moved to the span store at `source_spans` are brought back; with `keep_moved` they stay where
    they are. Repeated, it goes on where it was and brings over what has changed. Raises `CopyRefusedError`,
    `StoreError`.
    """
    origin, goal = _place(source), _place(target)
    if origin == goal or (origin.address is None is goal.address and _same_file(origin.file, goal.file)):
        raise CopyRefusedError(target, "is the source itself", EMPTY_TARGET)
    state = database_state(origin.file, origin.address)
    if state.revision is None:
        raise CopyRefusedError(state.address, "holds no record", "see `holdfast db status`")
    _check_tables(state, source)
    if goal.address is not None or goal.file.exists():
        goal_state = database_state(goal.file, goal.address)
        if goal_state.revision is not None:
            _check_tables(goal_state, target)
    one: Store = open_catalogue(origin.file, origin.address)
    if source_spans is not None:
        one = open_tiered(one, source_spans)
    with closing(one), closing(open_catalogue(goal.file, goal.address)) as other:
        return copy_record(one, other, told, keep_moved=keep_moved)


def _place(address: str) -> _Place:
    if address.startswith("sqlite:///"):
        address = address.removeprefix("sqlite:///")
    elif "://" in address:
        return _Place(file=Path(), address=address)
    path = Path(address).expanduser()
    if path.is_dir():
        raise CopyRefusedError(address, "is a directory", f"name the file: {path / 'holdfast.db'}")
    return _Place(file=path, address=None)


def _same_file(one: Path, other: Path) -> bool:
    return one.resolve() == other.resolve()


def _check_tables(state: DatabaseState, address: str) -> None:
    if state.current:
        return
    if state.revision is not None and state.revision > state.wanted:
        raise CopyRefusedError(
            state.address, f"is of a newer Holdfast ({state.revision})", "upgrade Holdfast"
        )
    option = f"--database {state.address}" if "://" in address else f"--data {Path(state.address).parent}"
    raise CopyRefusedError(
        state.address,
        f"has the tables of an older version ({state.revision}; this one has {state.wanted})",
        f"`holdfast db upgrade {option}`, then copy",
    )
