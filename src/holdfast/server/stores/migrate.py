"""Bringing a database to today's tables with the migrations shipped in this package."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, create_engine
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from holdfast.errors import StoreError

__all__ = ["current_revision", "head_revision", "upgrade"]

_HERE: Final = Path(__file__).parent / "migrations"


def _config(connection: Connection | None = None) -> Config:
    config = Config()
    config.set_main_option("script_location", str(_HERE))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config


def head_revision() -> str:
    """The revision that this version of the code runs on."""
    head = ScriptDirectory.from_config(_config()).get_current_head()
    if head is None:  # pragma: no cover - the package would have been shipped without its migrations
        raise StoreError(str(_HERE), "no migrations found")
    return head


def current_revision(address: URL) -> str | None:
    """The revision of the database's tables, None where it has none. Raises `StoreError` where it cannot be
    reached or is no database."""
    engine = create_engine(address, poolclass=NullPool)
    try:
        with engine.connect() as connection:
            return MigrationContext.configure(connection).get_current_revision()
    except DBAPIError as error:
        name = address.render_as_string(hide_password=True)
        raise StoreError(name, f"cannot be used: {str(error.orig).strip()}") from None
    finally:
        engine.dispose()


def upgrade(connection: Connection, *, to: str = "head") -> None:
    """Run the migrations that are missing, in the caller's transaction. Nothing happens where none are.

    Raises `StoreError` for a database that a newer Holdfast has already changed.
    """
    scripts = ScriptDirectory.from_config(_config())
    current = MigrationContext.configure(connection).get_current_revision()
    if current is not None and current not in {script.revision for script in scripts.walk_revisions()}:
        raise StoreError(
            connection.engine.url.render_as_string(hide_password=True),
            f"is of a newer Holdfast (revision {current}); upgrade Holdfast",
        )
    command.upgrade(_config(connection), to)
