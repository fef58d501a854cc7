"""What can be said of two runs as a whole, side by side."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from holdfast.server.services.clean_text import one_line
from holdfast.server.stores.reads.run_views import RunRecord
from holdfast.server.stores.reads.spans import SpanRecord
from holdfast.server.web.compare.pages import FactRow, UseRow, Uses
from holdfast.server.web.format import amount, duration, money
from holdfast.server.web.shown import NOTHING, agent_name, run_cost, run_end, span_kind, version_name
from holdfast.wire.vocabulary import SpanStatus

__all__ = ["compared_facts", "compared_models", "compared_tools"]

_MOST: Final = 20


def compared_facts(a: RunRecord, b: RunRecord, now: int) -> tuple[FactRow, ...]:
    took_a, took_b = _took(a, now), _took(b, now)
    known = a.cost_nano > 0 and b.cost_nano > 0
    return (
        _words("status", a.status, b.status),
        _words("agent", agent_name(a), agent_name(b)),
        _words("version", version_name(a) or NOTHING, version_name(b) or NOTHING),
        _row("duration", duration(took_a), duration(took_b), took_a, took_b, duration),
        _row(
            "cost",
            run_cost(a).text,
            run_cost(b).text,
            a.cost_nano if known else None,
            b.cost_nano if known else None,
            money,
        ),
        _count("input tokens", a.input_tokens, b.input_tokens),
        _count("output tokens", a.output_tokens, b.output_tokens),
        _count("spans", a.spans_total, b.spans_total),
        _count("model calls", a.llm_calls, b.llm_calls),
        _count("tool calls", a.tool_calls, b.tool_calls),
        _count("errors", a.errors, b.errors),
    )


def compared_tools(a: Sequence[SpanRecord], b: Sequence[SpanRecord]) -> Uses:
    """Tools by name: how often they were called, how often they failed, how long they took in all."""
    return _uses(_tools(a), _tools(b))


def compared_models(a: Sequence[SpanRecord], b: Sequence[SpanRecord]) -> Uses:
    """Models: calls, tokens and what is known of the cost."""
    return _uses(_models(a), _models(b))


def _tools(spans: Sequence[SpanRecord]) -> dict[str, str]:
    found: dict[str, list[SpanRecord]] = {}
    for span in spans:
        if span_kind(span.schema_name) == "tool":
            found.setdefault(one_line(span.name or "", 80) or "unnamed", []).append(span)
    return {name: _tool_use(calls) for name, calls in found.items()}


def _tool_use(calls: Sequence[SpanRecord]) -> str:
    failed = sum(call.status == SpanStatus.FAILED for call in calls)
    return f"{len(calls):,} {'call' if len(calls) == 1 else 'calls'}" + (
        f", {failed:,} failed" if failed else ""
    )


def _models(spans: Sequence[SpanRecord]) -> dict[str, str]:
    found: dict[str, list[SpanRecord]] = {}
    for span in spans:
        if span.model is not None:
            found.setdefault(one_line(span.model, 80), []).append(span)
    return {name: _model_use(calls) for name, calls in found.items()}


def _model_use(calls: Sequence[SpanRecord]) -> str:
    tokens = sum((call.input_tokens or 0) + (call.output_tokens or 0) for call in calls)
    known = [call.cost_nano for call in calls if call.cost_nano is not None]
    sign = "≥ " if len(known) < len(calls) else ""
    cost = sign + money(sum(known)) if known else "unknown cost"
    return f"{len(calls):,} {'call' if len(calls) == 1 else 'calls'}, {amount(tokens)} tokens, {cost}"


def _uses(a: dict[str, str], b: dict[str, str]) -> Uses:
    """Those that differ first."""
    rows = [
        UseRow(name=name, a=a.get(name, ""), b=b.get(name, ""), differs=a.get(name) != b.get(name))
        for name in sorted({*a, *b})
    ]
    rows.sort(key=lambda row: not row.differs)
    hidden = len(rows) - _MOST
    return Uses(rows=tuple(rows[:_MOST]), more=f"and {hidden:,} more" if hidden > 0 else "")


def _words(label: str, a: str, b: str) -> FactRow:
    return FactRow(label=label, a=a, b=b, note="", differs=a != b)


def _count(label: str, a: int, b: int) -> FactRow:
    return _row(label, f"{a:,}", f"{b:,}", a, b, lambda count: f"{count:,}")


def _took(run: RunRecord, now: int) -> int:
    began = run.started_at if run.started_at is not None else run.begun_at
    return max(0, run_end(run, now) - began)


def _row(
    label: str, text_a: str, text_b: str, a: int | None, b: int | None, told: Callable[[int], str]
) -> FactRow:
    """`a` and `b` are the numbers behind the texts, None where they cannot be compared."""
    note = ""
    if a is not None and b is not None and a != b:
        note = ("+ " if b > a else "− ") + told(abs(b - a))
        if a > 0:
            note += f" ({(b - a) / a:+.0%})"
    return FactRow(label=label, a=text_a, b=text_b, note=note, differs=text_a != text_b)
