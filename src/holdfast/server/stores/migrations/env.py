"""What Alembic runs: always with a connection handed in by `stores.migrate`, inside its transaction."""

from __future__ import annotations

from alembic import context

from holdfast.server.stores import (
    schema,
    schema_columnar,
    schema_facets,
    schema_forward,
    schema_retention,
    schema_scores,
    schema_search,
)

TABLES = (schema, schema_columnar, schema_facets, schema_forward, schema_retention, schema_scores, schema_search)
"""The modules whose tables make up the metadata: importing them adds theirs."""

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=schema.metadata,
    transactional_ddl=True,
    # SQLite changes most of a table only by copying it
    render_as_batch=True,
)
context.run_migrations()
