"""How single values of a run look: times, costs, errors, kinds of spans."""

from __future__ import annotations

import msgspec

from holdfast._clock import iso_utc
from holdfast.server.services.clean_text import clean, one_line
from holdfast.server.services.viewing.payload_view import PayloadView
from holdfast.server.stores.reads.run_views import RunRecord
from holdfast.server.stores.reads.spans import SpanRecord
from holdfast.server.web.format import ago, amount, bytes_text, clock_text, money, utc_text
from holdfast.server.web.pages import CostView, ErrorView, Panel, TimeView
from holdfast.wire.operations import RecordedError
from holdfast.wire.vocabulary import CostSource, InstanceStatus

__all__ = [
    "NOTHING",
    "agent_name",
    "clock_time",
    "full_time",
    "panel",
    "past_time",
    "run_cost",
    "run_end",
    "run_title",
    "show_error",
    "span_cost",
    "span_kind",
    "tokens_title",
    "total_tokens",
    "version_name",
]

NOTHING = "—"
_NAME = 160
_STACK = 20_000

_KINDS = {
    "agent:run": "agent",
    "agent:turn": "turn",
    "agent:llm": "llm",
    "agent:tool": "tool",
    "agent:retrieval": "find",
    "agent:step": "step",
    "agent:handoff": "handoff",
    "agent:attempt": "attempt",
    "agent:function": "step",
}
_KIND_WORDS = (
    ("llm", "llm"),
    ("chat", "llm"),
    ("generation", "llm"),
    ("completion", "llm"),
    ("tool", "tool"),
    ("function", "tool"),
    ("retriev", "find"),
    ("embed", "find"),
    ("search", "find"),
    ("handoff", "handoff"),
    ("turn", "turn"),
    ("agent", "agent"),
)


def span_kind(type_name: str | None) -> str:
    """The kind that decides colour and icon, guessed from the words of a foreign type."""
    if type_name is None:
        return "step"
    known = _KINDS.get(type_name)
    if known is not None:
        return known
    lowered = type_name.lower().removeprefix("agent:")
    return next((kind for word, kind in _KIND_WORDS if word in lowered), "step")


def past_time(ns: int, now: int) -> TimeView:
    return TimeView(iso=iso_utc(ns), text=ago(ns, now), title=utc_text(ns))


def clock_time(ns: int) -> TimeView:
    return TimeView(iso=iso_utc(ns), text=clock_text(ns), title=utc_text(ns))


def full_time(ns: int) -> TimeView:
    return TimeView(iso=iso_utc(ns), text=f"{utc_text(ns)[:19]} UTC", title=utc_text(ns))


def run_title(run: RunRecord) -> str:
    return one_line(run.name or run.root_name or "", _NAME) or f"run {one_line(run.id, 40)}"


def agent_name(run: RunRecord) -> str:
    return one_line(run.agent_name or run.agent_id or "", _NAME) or "unknown agent"


def version_name(run: RunRecord) -> str:
    return one_line(run.version_identifier or run.version_name or "", 60)


def run_end(run: RunRecord, now: int) -> int:
    """When the run ended, or now while it is going; what never told an end stops at its last word."""
    if run.finished_at is not None:
        return run.finished_at
    return run.updated_at if InstanceStatus(run.status).final else max(now, run.begun_at)


def run_cost(run: RunRecord) -> CostView:
    """The sum of what is known, and how much is not."""
    parts = [
        f"{count} {word}"
        for count, word in (
            (run.cost_reported, "reported by the provider"),
            (run.cost_computed, "computed from a price table"),
            (run.cost_estimated, "estimated"),
            (run.cost_unknown, "of unknown cost"),
        )
        if count
    ]
    title = "Calls: " + ", ".join(parts) if parts else "No call in this run says what it cost."
    if run.cost_reported + run.cost_computed + run.cost_estimated == 0:
        unknown = run.cost_unknown > 0 or run.llm_calls > 0
        return CostView(text=NOTHING, title=title, unknown=unknown)
    sign = "≥ " if run.cost_unknown else "~ " if run.cost_estimated else ""
    return CostView(text=sign + money(run.cost_nano), title=title, unknown=False)


def span_cost(span: SpanRecord) -> str:
    if span.cost_nano is None or span.cost_source == CostSource.UNKNOWN:
        return ""
    sign = "~ " if span.cost_source == CostSource.ESTIMATED else ""
    return sign + money(span.cost_nano)


def tokens_title(
    input_tokens: int | None,
    output_tokens: int | None,
    cache_read: int | None,
    cache_write: int | None,
    reasoning: int | None,
) -> str:
    """Each kind with its full number."""
    kinds = (
        (input_tokens, "input"),
        (output_tokens, "output"),
        (cache_read, "read from cache"),
        (cache_write, "written to cache"),
        (reasoning, "reasoning"),
    )
    return ", ".join(f"{count:,} {word}" for count, word in kinds if count)


def total_tokens(record: RunRecord | SpanRecord) -> str:
    count = (record.input_tokens or 0) + (record.output_tokens or 0)
    return amount(count) if count else NOTHING


def show_error(data: bytes | None, fallback_type: str | None) -> ErrorView | None:
    """A recorded error; None where there is none."""
    error: RecordedError | None = None
    if data is not None:
        try:
            error = msgspec.json.decode(data, type=RecordedError)
        except (msgspec.DecodeError, UnicodeDecodeError):
            error = RecordedError(type=fallback_type or "error", message=data.decode("utf-8", "replace"))
    if error is None:
        if not fallback_type:
            return None
        error = RecordedError(type=fallback_type)
    return ErrorView(
        type=one_line(error.type, 200),
        category=one_line(error.category or "", 60),
        message=clean(error.message[:4000]),
        stack=clean((error.stack or "")[-_STACK:]),
    )


def panel(title: str, view: PayloadView | None, raw_href: str) -> Panel | None:
    if view is None:
        return None
    return Panel(title=title, view=view, raw_href=raw_href, size=bytes_text(view.size))
