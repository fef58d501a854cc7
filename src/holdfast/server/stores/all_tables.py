"""The metadata with every table in it: a module of tables adds its own when it is imported, and is named here."""

from __future__ import annotations

from typing import Final

from holdfast.server.stores.schema import columnar as schema_columnar
from holdfast.server.stores.schema import facets as schema_facets
from holdfast.server.stores.schema import forward as schema_forward
from holdfast.server.stores.schema import questions as schema_questions
from holdfast.server.stores.schema import record as schema
from holdfast.server.stores.schema import retention as schema_retention
from holdfast.server.stores.schema import scores as schema_scores
from holdfast.server.stores.schema import search as schema_search
from holdfast.server.stores.schema import versions as schema_versions

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
