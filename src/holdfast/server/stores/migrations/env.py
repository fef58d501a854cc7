"""What Alembic runs: always with a connection handed in by `stores.migrate`, inside its transaction."""

from __future__ import annotations

from alembic import context

from holdfast.server.stores.all_tables import all_tables

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=all_tables,
    transactional_ddl=True,
    # SQLite changes most of a table only by copying it
    render_as_batch=True,
)
context.run_migrations()
