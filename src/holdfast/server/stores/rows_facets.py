"""The rows of the facet tables, as the write path works on them: fields are columns, in the same order."""

from __future__ import annotations

from msgspec import Struct

__all__ = ["FacetRollupRow", "FacetRow", "FailedRow", "FailureGroupRow"]


class FacetRow(Struct, gc=False):
    """A row of `run_facets`, or what to add to it."""

    instance_key: int
    kind: str
    name: str
    account_id: str
    begun_at: int
    calls: int = 0
    errors: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cost_nano: int = 0
    cost_unknown: int = 0
    duration_ns: int = 0

    @property
    def key(self) -> tuple[int, str, str]:
        return self.instance_key, self.kind, self.name


class FacetRollupRow(Struct, gc=False):
    """What to add to a row of `facet_rollups`."""

    account_id: str
    kind: str
    hour: int
    agent_id: str
    name: str
    runs: int = 0
    calls: int = 0
    errors: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cost_nano: int = 0
    cost_unknown: int = 0
    duration_ns: int = 0


class FailedRow(Struct, gc=False):
    """A row of `failed`; the empty span id is the run's own."""

    instance_key: int
    span_id: str
    parent_span_id: str | None
    error: str
    fingerprint: str


class FailureGroupRow(Struct, gc=False):
    """A row of `failure_groups`, or a failure of that group: its times are then the same."""

    account_id: str
    fingerprint: str
    category: str
    provider: str | None
    error_type: str | None
    message: str
    first_seen: int
    last_seen: int
