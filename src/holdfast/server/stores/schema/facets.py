"""The tables that say what runs used (models, tools) and met (failures, events), and the hourly sums of it.

All are kept in the transaction that changes the spans, by differences: they are sums over the rows of `spans`,
`instances` and `events` whatever the order of arrival. `kind` is a `FacetKind`; what `name` is depends on it.
Of a failure or a category `calls` says how many spans failed so, and `errors` how often it happened: once also
where only the run itself tells of it.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Integer, Table, Text, text

from holdfast.server.stores.schema.record import metadata
from holdfast.wire.agent_events import AgentEventName

__all__ = [
    "COUNTED_EVENTS",
    "FACET_COUNTS",
    "LONGEST_CALL",
    "LONGEST_NAME",
    "facet_rollups",
    "failed",
    "failure_groups",
    "run_facets",
]

FACET_COUNTS: Final = (
    "calls",
    "errors",
    "input_tokens",
    "output_tokens",
    "cost_nano",
    "cost_unknown",
    "duration_ns",
)
"""What is summed up, in the order of the columns. `cost_unknown` counts the calls without a price, which are
not in `cost_nano`; `duration_ns` is that of ended calls."""

_EVERYDAY: Final = {
    AgentEventName.AGENT_STARTED,
    AgentEventName.AGENT_READY,
    AgentEventName.AGENT_TOOL_CALLED,
    AgentEventName.AGENT_TOOL_COMPLETED,
    AgentEventName.AGENT_TOOL_FAILED,
    AgentEventName.AGENT_COMPLETED,
    AgentEventName.AGENT_FAILED,
    AgentEventName.AGENT_CANCELLED,
    AgentEventName.HOOK_PRE_TOOL,
    AgentEventName.HOOK_POST_TOOL,
    AgentEventName.TURN_STARTED,
    AgentEventName.TURN_COMPLETED,
    AgentEventName.TURN_FAILED,
}
COUNTED_EVENTS: Final = frozenset(name.value for name in AgentEventName if name not in _EVERYDAY)
"""The events that are counted: not those of which every run has many, and which its spans tell as well."""
LONGEST_CALL: Final = 1 << 50
"""Thirteen days in nanoseconds: a longer call is a clock that was set, and would be all that the sum says."""
LONGEST_NAME: Final = 200
"""Of a tool; a model's name comes with its provider's."""

_Big: Final = BigInteger().with_variant(Integer, "sqlite")


def _count(name: str) -> Column[int]:
    return Column(name, _Big, nullable=False, server_default=text("0"))


run_facets: Final = Table(
    "run_facets",
    metadata,
    Column("instance_key", _Big, ForeignKey("instances.key"), primary_key=True, autoincrement=False),
    Column("kind", Text, primary_key=True),
    Column("name", Text, primary_key=True),
    # both are the run's own, repeated for the index
    Column("account_id", Text, nullable=False),
    Column("begun_at", _Big, nullable=False),
    *(_count(name) for name in FACET_COUNTS),
    Index("ix_run_facets_begun", "account_id", "kind", "name", "begun_at", "instance_key"),
    sqlite_with_rowid=False,
)

facet_rollups: Final = Table(
    "facet_rollups",
    metadata,
    # No index by agent or by name: of a range of hours all rows lie together, and reading past those of others
    # costs less than looking up one's own.
    Column("account_id", Text, primary_key=True),
    Column("kind", Text, primary_key=True),
    Column("hour", _Big, primary_key=True, autoincrement=False),  # hours since 1970 in which the runs began
    Column("agent_id", Text, primary_key=True),  # '' while unknown
    Column("name", Text, primary_key=True),
    _count("runs"),
    *(_count(name) for name in FACET_COUNTS),
    sqlite_with_rowid=False,
)

failed: Final = Table(
    "failed",
    metadata,
    # What failed in a run: its failed spans, and the run itself under the empty span id. An exception that
    # passes through several spans fails each of them; it counts once: a span counts that has no failed child
    # with the same `error`, the run where no span of it has the same.
    Column("instance_key", _Big, ForeignKey("instances.key"), primary_key=True, autoincrement=False),
    Column("span_id", Text, primary_key=True),
    Column("parent_span_id", Text),
    Column("error", Text, nullable=False),  # what the type and the cleaned message come to; '' for neither
    Column("fingerprint", Text, nullable=False),
    Index("ix_failed_error", "instance_key", "error", "parent_span_id"),
    sqlite_with_rowid=False,
)

failure_groups: Final = Table(
    "failure_groups",
    metadata,
    Column("account_id", Text, primary_key=True),
    Column("fingerprint", Text, primary_key=True),
    Column("category", Text, nullable=False),  # a `FailureCategory`
    Column("provider", Text),  # who failed: a model's provider, or the tool
    Column("error_type", Text),
    Column("message", Text, nullable=False),  # without what differs from one time to the next
    # when such a failure ended first and last, of all that were ever told
    Column("first_seen", _Big, nullable=False),
    Column("last_seen", _Big, nullable=False),
    sqlite_with_rowid=False,
)
