"""Sums over the points of a series, and how wide the points of a range are."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from holdfast.server.stores.durations import quantile_ns
from holdfast.server.stores.reads.facet_views import FacetPoint, FacetSum
from holdfast.server.stores.reads.overview_views import RollupPoint

__all__ = ["Totals", "by_name", "step_hours", "total", "totals_by_agent"]

_STEPS: Final = (1, 3, 6, 12, 24, 72, 168, 720)
_POINTS: Final = 92
"""The most points of a range: three months have one a day."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """Sums over runs. Money is nano-dollars; `durations` is a sketch of those that ended."""

    pending: int = 0
    active: int = 0
    complete: int = 0
    failed: int = 0
    cancelled: int = 0
    terminated: int = 0
    errors: int = 0
    llm_calls: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cost_nano: int = 0
    cost_unknown: int = 0
    durations: Mapping[int, int]

    @property
    def runs(self) -> int:
        return self.pending + self.active + self.complete + self.failed + self.cancelled + self.terminated

    @property
    def tokens(self) -> int:
        return self.input_tokens + self.output_tokens

    @property
    def success(self) -> float | None:
        """The share of complete runs among those that completed, failed or were terminated: what was
        cancelled neither succeeded nor failed. None where none has ended so."""
        judged = self.complete + self.failed + self.terminated
        return self.complete / judged if judged else None

    def quantile(self, share: float) -> int | None:
        """Nanoseconds; see `quantile_ns`."""
        return quantile_ns(self.durations, share)


def step_hours(hours: int) -> int:
    """How many hours one point of a range of so many hours stands for."""
    return next((step for step in _STEPS if hours <= step * _POINTS), _STEPS[-1])


def total(points: Iterable[RollupPoint]) -> Totals:
    counts = [0] * 12
    durations: dict[int, int] = {}
    for p in points:
        added = (
            p.pending,
            p.active,
            p.complete,
            p.failed,
            p.cancelled,
            p.terminated,
            p.errors,
            p.llm_calls,
            p.input_tokens,
            p.output_tokens,
            p.cost_nano,
            p.cost_unknown,
        )
        counts = [a + b for a, b in zip(counts, added, strict=True)]
        for bucket, runs in p.durations.items():
            durations[bucket] = durations.get(bucket, 0) + runs
    return Totals(
        pending=counts[0],
        active=counts[1],
        complete=counts[2],
        failed=counts[3],
        cancelled=counts[4],
        terminated=counts[5],
        errors=counts[6],
        llm_calls=counts[7],
        input_tokens=counts[8],
        output_tokens=counts[9],
        cost_nano=counts[10],
        cost_unknown=counts[11],
        durations=durations,
    )


def totals_by_agent(points: Iterable[RollupPoint]) -> dict[str, Totals]:
    """By agent id, '' where it is unknown."""
    found: dict[str, list[RollupPoint]] = {}
    for point in points:
        found.setdefault(point.agent_id, []).append(point)
    return {agent_id: total(some) for agent_id, some in found.items()}


def by_name(parts: Iterable[FacetPoint] | Iterable[FacetSum]) -> dict[str, FacetSum]:
    """What they add up to, by name."""
    counts: dict[str, tuple[int, ...]] = {}
    nothing = (0,) * 8
    for p in parts:
        added = (
            p.runs,
            p.calls,
            p.errors,
            p.input_tokens,
            p.output_tokens,
            p.cost_nano,
            p.cost_unknown,
            p.duration_ns,
        )
        so_far = counts.get(p.name, nothing)
        counts[p.name] = tuple(a + b for a, b in zip(so_far, added, strict=True))
    return {name: FacetSum(name, *summed) for name, summed in counts.items()}
