"""What is asked of facets and what comes back."""

from __future__ import annotations

from dataclasses import dataclass

from holdfast.wire.vocabulary import FacetKind

__all__ = ["FacetPoint", "FacetSpan", "FacetSum", "FailureGroup"]


@dataclass(frozen=True, slots=True, kw_only=True)
class FacetSpan:
    """Of which runs: those of an account that began in the hours between two times (nanoseconds; `since` is
    rounded down and `until` up to whole hours), of one agent if given. None is open."""

    account_id: str
    kind: FacetKind
    since: int | None = None
    until: int | None = None
    agent_id: str | None = None


@dataclass(frozen=True, slots=True)
class FacetSum:
    """Sums of one facet. See `schema_facets` for what the counts mean; money is nano-dollars."""

    name: str
    runs: int
    calls: int
    errors: int
    input_tokens: int
    output_tokens: int
    cost_nano: int
    cost_unknown: int
    duration_ns: int


@dataclass(frozen=True, slots=True)
class FacetPoint:
    """As `FacetSum`, of the runs that began in the hours from `hour` (since 1970) to the next bucket."""

    hour: int
    name: str
    runs: int
    calls: int
    errors: int
    input_tokens: int
    output_tokens: int
    cost_nano: int
    cost_unknown: int
    duration_ns: int


@dataclass(frozen=True, slots=True)
class FailureGroup:
    """Failures that are alike. Times are nanoseconds: when the first and the last of them ever ended."""

    fingerprint: str
    category: str
    provider: str | None
    error_type: str | None
    message: str
    first_seen: int
    last_seen: int
