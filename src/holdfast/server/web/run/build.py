"""The page of one run: its head, its waterfall, and the selected span or the run's overview."""

from __future__ import annotations

from dataclasses import dataclass

from holdfast.server.services.clean_text import clean
from holdfast.server.services.queries import Queries
from holdfast.server.services.run_tree import SpanTree
from holdfast.server.stores.run_views import RunRecord, RunVersion
from holdfast.server.web.format import amount, duration
from holdfast.server.web.links import run_path
from holdfast.server.web.pages import Fact, Shell
from holdfast.server.web.run.feedback import run_feedback
from holdfast.server.web.run.pages import DetailPart, HeadPart, RowsPart, RunHead, RunPage, TreebarPart
from holdfast.server.web.run.query import RunQuery
from holdfast.server.web.run.span_detail import run_overview, span_detail
from holdfast.server.web.run.tree_rows import ROWS, tree_window
from holdfast.server.web.runs.query import ListQuery
from holdfast.server.web.shown import (
    agent_name,
    full_time,
    run_cost,
    run_end,
    run_title,
    show_error,
    tokens_title,
    total_tokens,
    version_name,
)
from holdfast.wire.vocabulary import InstanceStatus, Purpose

__all__ = ["OpenRun", "open_run"]


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenRun:
    """One run as it was at one moment, ready to be shown whole or in parts."""

    queries: Queries
    record: RunRecord
    version: RunVersion
    query: RunQuery
    now: int

    def page(self, shell: Shell) -> RunPage:
        tree = self._tree()
        detail = self._detail(tree)
        return RunPage(
            shell=shell,
            run=self._head(),
            tree=tree_window(self.queries, self.record, tree, self.query, self.now),
            span=detail.span,
            overview=detail.overview,
        )

    def rows(self, count: int = ROWS) -> RowsPart:
        window = tree_window(self.queries, self.record, self._tree(), self.query, self.now, count=count)
        return RowsPart(tree=window)

    def treebar(self) -> TreebarPart:
        return TreebarPart(
            tree=tree_window(self.queries, self.record, self._tree(), self.query, self.now, count=1)
        )

    def detail(self) -> DetailPart:
        return self._detail(self._tree())

    def head(self, shell: Shell) -> HeadPart:
        return HeadPart(run=self._head(), shell=shell)

    def _tree(self) -> SpanTree:
        return self.queries.tree(self.version)

    def _detail(self, tree: SpanTree) -> DetailPart:
        """The selected span; the overview where none is, or where it does not exist."""
        run = self.record
        span = self.queries.spans.record(run.key, self.query.span) if self.query.span is not None else None
        if span is None:
            return DetailPart(span=None, overview=run_overview(self.queries, run, tree, self.query, self.now))
        return DetailPart(
            span=span_detail(self.queries, run, tree, self.query, span, self.now), overview=None
        )

    def _head(self) -> RunHead:
        run = self.record
        status = InstanceStatus(run.status)
        began = run.started_at if run.started_at is not None else run.begun_at
        path = run_path(run.id)
        error = self.queries.runs.body(run.key).error if status.final else None
        return RunHead(
            id=run.id,
            title=run_title(run),
            status=run.status,
            live=not status.final,
            stamp=str(self.version),
            agent=agent_name(run),
            agent_href=ListQuery(agent=run.agent_id).url() if run.agent_id else "",
            version=version_name(run),
            purpose="" if run.purpose == Purpose.LIVE else run.purpose.replace("_", " "),
            started=full_time(run.begun_at),
            duration=duration(run_end(run, self.now) - began),
            ticks_from=None if status.final else began // 1_000_000,
            facts=_facts(run),
            cost=run_cost(run),
            reason=clean((run.termination_reason or "")[:1000]) or _silence(run),
            error=show_error(error, run.error_type),
            feedback=run_feedback(self.queries, run),
            stop_href=f"{path}/stop" if status is InstanceStatus.ACTIVE else "",
            path=path,
        )


def open_run(queries: Queries, account_id: str, run_id: str, query: RunQuery, now: int) -> OpenRun | None:
    """None for a run that does not exist."""
    version = queries.runs.version(account_id, run_id)
    record = queries.runs.run(account_id, run_id)
    if version is None or record is None:
        return None
    return OpenRun(queries=queries, record=record, version=version, query=query, now=now)


def _facts(run: RunRecord) -> tuple[Fact, ...]:
    tokens = tokens_title(
        run.input_tokens,
        run.output_tokens,
        run.cache_read_tokens,
        run.cache_write_tokens,
        run.reasoning_tokens,
    )
    facts = [
        Fact(label="Spans", value=amount(run.spans_total), title=f"{run.spans_total:,}"),
        Fact(label="Model calls", value=amount(run.llm_calls), title=f"{run.llm_calls:,}"),
        Fact(label="Tool calls", value=amount(run.tool_calls), title=f"{run.tool_calls:,}"),
        Fact(label="Errors", value=amount(run.errors), title=f"{run.errors:,}", bad=run.errors > 0),
        Fact(
            label="Tokens", value=total_tokens(run), title=tokens or "No call says how many tokens it took."
        ),
    ]
    if run.violations:
        facts.append(Fact(label="Schema violations", value=amount(run.violations), bad=True))
    return tuple(facts)


def _silence(run: RunRecord) -> str:
    return "Nothing was heard of it for a long time: the server ended it." if run.closed_by_server else ""
