"""What is asked of runs and what comes back: the records of the read side."""

from __future__ import annotations

from dataclasses import astuple, dataclass

__all__ = [
    "AgentChoice",
    "RunBody",
    "RunCursor",
    "RunEvent",
    "RunFilter",
    "RunQuality",
    "RunRecord",
    "RunSums",
    "RunVersion",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFilter:
    """Of which runs the sums are. Times are nanoseconds; `since` is included, `until` is not."""

    account_id: str
    agent_id: str | None = None
    since: int | None = None
    until: int | None = None


@dataclass(frozen=True, slots=True)
class RunCursor:
    """A place in the list, newest first."""

    begun_at: int
    key: int


@dataclass(frozen=True, slots=True)
class RunRecord:
    """What lists and the head of a run page show of a run. Money is nano-dollars, times nanoseconds."""

    key: int
    id: str
    name: str | None
    root_name: str | None
    status: str
    purpose: str
    agent_id: str | None
    agent_name: str | None
    version_name: str | None
    version_identifier: str | None
    begun_at: int
    started_at: int | None
    finished_at: int | None
    updated_at: int
    spans_total: int
    spans_pending: int
    spans_active: int
    spans_complete: int
    spans_failed: int
    spans_cancelled: int
    llm_calls: int
    tool_calls: int
    errors: int
    input_tokens: int
    output_tokens: int
    cache_read_tokens: int
    cache_write_tokens: int
    reasoning_tokens: int
    cost_nano: int
    cost_reported: int
    cost_computed: int
    cost_estimated: int
    cost_unknown: int
    events: int
    violations: int
    error_type: str | None
    termination_reason: str | None
    external_identifier: str | None
    parent: str | None
    sdk: str | None
    environment: str | None
    closed_by_server: int
    duration: int | None


@dataclass(frozen=True, slots=True)
class RunBody:
    """The JSON of a run, as the bytes that came."""

    attributes: bytes | None
    finish_attributes: bytes | None
    error: bytes | None


@dataclass(frozen=True, slots=True)
class RunVersion:
    """Changes whenever something of a run has changed that its page shows. `spans` counts all, `failed` those
    that failed; `updated_at` is nanoseconds."""

    key: int
    status: str
    updated_at: int
    spans: int
    failed: int
    ended: int
    events: int
    violations: int

    def __str__(self) -> str:
        stamp = self.updated_at, self.spans, self.failed, self.ended, self.events, self.violations
        return "-".join(format(part, "x") for part in stamp)


@dataclass(frozen=True, slots=True)
class RunSums:
    """Sums over the runs that began in some hours."""

    pending: int
    active: int
    complete: int
    failed: int
    cancelled: int
    terminated: int
    spans: int
    errors: int
    input_tokens: int
    output_tokens: int
    cost_nano: int
    cost_unknown: int
    llm_calls: int

    def __add__(self, other: RunSums) -> RunSums:
        return RunSums(*(a + b for a, b in zip(astuple(self), astuple(other), strict=True)))

    @property
    def runs(self) -> int:
        return self.pending + self.active + self.complete + self.failed + self.cancelled + self.terminated


@dataclass(frozen=True, slots=True)
class AgentChoice:
    id: str
    name: str


@dataclass(frozen=True, slots=True)
class RunEvent:
    id: str
    span_id: str | None
    name: str
    level: str
    timestamp: int
    payload: bytes | None


@dataclass(frozen=True, slots=True)
class RunQuality:
    name: str
    timestamp: int
    payload: bytes | None
    summary: str | None
    violations: int | None
