"""What the overview asks for and what comes back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["OpenRunRecord", "OverviewSpan", "RollupPoint", "RunMark"]


@dataclass(frozen=True, slots=True, kw_only=True)
class OverviewSpan:
    """Of which runs: those of an account that began in the hours from `first` to before `last` (since 1970),
    of one agent if given. `last` None reaches to the newest."""

    account_id: str
    agent_id: str | None
    first: int
    last: int | None = None


@dataclass(frozen=True, slots=True)
class RollupPoint:
    """Sums over the runs that began in the hours from `hour` to the next bucket, of all agents (`agent_id`
    '') or of one. Money is nano-dollars; `durations` is a sketch (see `durations`)."""

    hour: int
    agent_id: str
    durations: Mapping[int, int]
    pending: int
    active: int
    complete: int
    failed: int
    cancelled: int
    terminated: int
    errors: int
    llm_calls: int
    input_tokens: int
    output_tokens: int
    cost_nano: int
    cost_unknown: int


@dataclass(frozen=True, slots=True)
class RunMark:
    """A run in a short list. Money is nano-dollars, times nanoseconds; `duration` is None until it ended."""

    id: str
    name: str | None
    root_name: str | None
    status: str
    agent_id: str | None
    agent_name: str | None
    begun_at: int
    duration: int | None
    cost_nano: int
    cost_estimated: int
    cost_unknown: int


@dataclass(frozen=True, slots=True)
class OpenRunRecord:
    """A run that has not ended. `asked` of its questions to a person have had no answer so far."""

    asked: int
    id: str
    name: str | None
    root_name: str | None
    agent_id: str | None
    agent_name: str | None
    begun_at: int
    updated_at: int
