"""One at a time where no unique key keeps two transactions from making the same thing."""

from __future__ import annotations

from sqlalchemy import Connection, func, select

__all__ = ["take_turn"]


def take_turn(connection: Connection, what: str) -> None:
    """Wait for the other transactions that took a turn at `what`; it lasts until the end of this one, and
    what they committed is seen by the next statement. Where only one writes anyway there is no waiting."""
    if connection.dialect.name == "postgresql":
        connection.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(what, 0))))
