"""One row of the run list."""

from __future__ import annotations

from dataclasses import replace

from holdfast.server.services.clean_text import clip, one_line
from holdfast.server.stores.reads.run_views import RunRecord
from holdfast.server.web.format import amount, duration
from holdfast.server.web.links import run_path
from holdfast.server.web.runs.pages import RunRow, SnippetView
from holdfast.server.web.runs.query import ListQuery
from holdfast.server.web.shown import (
    agent_name,
    past_time,
    run_cost,
    run_end,
    run_title,
    tokens_title,
    total_tokens,
    version_name,
)
from holdfast.wire.vocabulary import InstanceStatus, Purpose

__all__ = ["run_row"]


def run_row(run: RunRecord, query: ListQuery, now: int, snippet: tuple[SnippetView, ...] = ()) -> RunRow:
    final = InstanceStatus(run.status).final
    began = run.started_at if run.started_at is not None else run.begun_at
    of_agent = replace(query.at(), scope=replace(query.scope, agent=run.agent_id))
    return RunRow(
        id=run.id,
        href=run_path(run.id),
        title=run_title(run),
        short=_short(run.id),
        status=run.status,
        reason=one_line(run.termination_reason or run.error_type or "", 200),
        agent=agent_name(run),
        agent_href=of_agent.url() if run.agent_id else "",
        version=version_name(run),
        environment=one_line(run.environment or "", 60),
        purpose="" if run.purpose == Purpose.LIVE else run.purpose.replace("_", " "),
        started=past_time(run.begun_at, now),
        duration=duration(run_end(run, now) - began),
        ticks_from=None if final else began // 1_000_000,
        spans=amount(run.spans_total),
        calls=amount(run.llm_calls),
        tools=amount(run.tool_calls),
        errors=run.errors,
        input_tokens=amount(run.input_tokens),
        output_tokens=amount(run.output_tokens),
        tokens=total_tokens(run),
        tokens_title=tokens_title(
            run.input_tokens,
            run.output_tokens,
            run.cache_read_tokens,
            run.cache_write_tokens,
            run.reasoning_tokens,
        ),
        cost=run_cost(run),
        snippet=snippet,
    )


def _short(run_id: str) -> str:
    """Enough of an id to tell runs apart: the random end of a UUID, the beginning of any other."""
    text = one_line(run_id, 128)
    return text[-12:] if len(text) == 36 and text.count("-") == 4 else clip(text, 16)
