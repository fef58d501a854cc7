"""The metadata with every table in it: a module of tables adds its own when it is imported, and is named here."""

from __future__ import annotations

from typing import Final

from holdfast.server.stores import (
    schema,
    schema_columnar,
    schema_facets,
    schema_forward,
    schema_questions,
    schema_retention,
    schema_scores,
    schema_search,
    schema_versions,
)

__all__ = ["TABLE_MODULES", "all_tables"]

TABLE_MODULES: Final = (
    schema,
    schema_columnar,
    schema_facets,
    schema_forward,
    schema_questions,
    schema_retention,
    schema_scores,
    schema_search,
    schema_versions,
)

all_tables: Final = schema.metadata
