"""What one span adds to its run's totals, and one run to its agent's hourly sums.

Totals are changed by differences: what the row counted for before the change goes, what it counts for after
it comes. So they are sums over the rows whatever the order and however often an operation arrives.
"""

from __future__ import annotations

from typing import Final

from holdfast.server.stores.durations import bucket_of
from holdfast.server.stores.rows import InstanceRow, RollupDelta, SpanRow
from holdfast.server.stores.schema.record import SPAN_AGGREGATE
from holdfast.wire.vocabulary import SpanType

__all__ = ["HOUR_NS", "RunSums", "add_span", "rollup_deltas", "run_sums"]

HOUR_NS: Final = 3600 * 1_000_000_000
_LLM: Final = SpanType.LLM.value
_TOOL: Final = SpanType.TOOL.value

RunSums = tuple[str, int, tuple[int, ...], int | None, tuple[str, ...]]
"""Agent, hour, counts in the order of `_SUMMED`, bucket of the duration or None, the ids of the agent's version
and of the version of its schemas as far as they are known."""

_STATUSES: Final = ("pending", "active", "complete", "failed", "cancelled", "terminated")
_SUMMED: Final = (
    *(f"runs_{status}" for status in _STATUSES),
    "spans_total",
    "spans_failed",
    "llm_calls",
    "tool_calls",
    "errors",
    "input_tokens",
    "output_tokens",
    "cache_read_tokens",
    "cache_write_tokens",
    "reasoning_tokens",
    "cost_nano",
    "cost_unknown",
    "violations",
)


def add_span(run: InstanceRow, span: SpanRow, sign: int) -> None:
    """Add (`sign` 1) or take away (-1) what a span counts for. `spans_total` is not touched."""
    status = span.status
    if status == "complete":
        run.spans_complete += sign
    elif status == "failed":
        run.spans_failed += sign
    elif status == "active":
        run.spans_active += sign
    elif status == "cancelled":
        run.spans_cancelled += sign
    else:
        run.spans_pending += sign
    if status == "failed" or span.error_type is not None:
        run.errors += sign
    if span.schema_name == _TOOL:
        run.tool_calls += sign
    if span.schema_name == _LLM or span.input_tokens is not None or span.output_tokens is not None:
        _add_usage(run, span, sign)
    elif span.cost_nano is not None:
        _add_cost(run, span, sign)


def _add_usage(run: InstanceRow, span: SpanRow, sign: int) -> None:
    if span.flags & SPAN_AGGREGATE:
        return
    run.llm_calls += sign
    run.input_tokens += sign * (span.input_tokens or 0)
    run.output_tokens += sign * (span.output_tokens or 0)
    run.cache_read_tokens += sign * (span.cache_read_tokens or 0)
    run.cache_write_tokens += sign * (span.cache_write_tokens or 0)
    run.reasoning_tokens += sign * (span.reasoning_tokens or 0)
    _add_cost(run, span, sign)


def _add_cost(run: InstanceRow, span: SpanRow, sign: int) -> None:
    if span.flags & SPAN_AGGREGATE:
        return
    source = span.cost_source
    if span.cost_nano is None:
        # A call that failed before it was answered has no tokens and most likely no price.
        if span.status == "complete" or span.input_tokens is not None or span.output_tokens is not None:
            run.cost_unknown += sign
        return
    run.cost_nano += sign * span.cost_nano
    if source == "computed":
        run.cost_computed += sign
    elif source == "estimated":
        run.cost_estimated += sign
    else:
        run.cost_reported += sign


def run_sums(run: InstanceRow) -> RunSums:
    """What a run counts for in its agent's sums."""
    bucket = None
    if run.finished_at is not None and run.started_at is not None:
        bucket = bucket_of(run.finished_at - run.started_at)
    counts = (
        *(int(run.status == status) for status in _STATUSES),
        run.spans_total,
        run.spans_failed,
        run.llm_calls,
        run.tool_calls,
        run.errors,
        run.input_tokens,
        run.output_tokens,
        run.cache_read_tokens,
        run.cache_write_tokens,
        run.reasoning_tokens,
        run.cost_nano,
        run.cost_unknown,
        run.violations,
    )
    versions = tuple(filter(None, (run.agent_version_id, run.schema_version_id)))
    return (run.agent_id or "", run.begun_at // HOUR_NS, counts, bucket, versions)


def rollup_deltas(account_id: str, before: RunSums | None, after: RunSums | None) -> list[RollupDelta]:
    """The differences that turn sums with the run as it was into sums with the run as it is; None: it is not."""
    if before == after:
        return []
    deltas: dict[tuple[str, int, str], RollupDelta] = {}
    for sums, sign in ((before, -1), (after, 1)):
        if sums is None:
            continue
        agent_id, hour, counts, bucket, versions = sums
        for version_id in ("", *versions):
            # of versions, which are an agent's own, the agent need not be told
            place = ("" if version_id else agent_id, hour, version_id)
            delta = deltas.get(place)
            if delta is None:
                delta = deltas[place] = RollupDelta(
                    account_id=account_id,
                    version_id=version_id,
                    agent_id=place[0],
                    hour=hour,
                    counts=dict.fromkeys(_SUMMED, 0),
                    durations={},
                )
            for name, count in zip(_SUMMED, counts, strict=True):
                delta.counts[name] += sign * count
            if bucket is not None:
                delta.durations[bucket] = delta.durations.get(bucket, 0) + sign
    return list(deltas.values())
