"""The page of one run: its head, its waterfall, and the selected span or the run's overview."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from holdfast.server.services.viewing.queries import Queries
from holdfast.server.services.viewing.run_tree import SpanTree
from holdfast.server.stores.reads.run_views import RunRecord, RunVersion
from holdfast.server.web.pages import Shell
from holdfast.server.web.run.events import events_page
from holdfast.server.web.run.head import View, run_head
from holdfast.server.web.run.pages import (
    DetailPart,
    FoundPart,
    HeadPart,
    RowsPart,
    RunHead,
    RunPage,
    TreebarPart,
    TreeWindow,
)
from holdfast.server.web.run.query import RunQuery
from holdfast.server.web.run.span_detail import run_overview, span_detail
from holdfast.server.web.run.story import story_window
from holdfast.server.web.run.story_pages import EventsPage, StepsPart, StoryPage, StoryWindow
from holdfast.server.web.run.tree_rows import ROWS, tree_window

__all__ = ["OpenRun", "open_run"]


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenRun:
    """One run as it was at one moment, ready to be shown whole or in parts."""

    queries: Queries
    account_id: str
    record: RunRecord
    version: RunVersion
    query: RunQuery
    now: int

    def page(self, shell: Shell) -> RunPage:
        tree = self._tree()
        detail = self._detail(tree)
        return RunPage(
            shell=shell,
            run=self._head(View.WATERFALL),
            tree=self._window(tree),
            kept=tuple(replace(self.query, find="", first=None, span=None).pairs().items()),
            span=detail.span,
            overview=detail.overview,
        )

    def story(self, shell: Shell) -> StoryPage:
        return StoryPage(shell=shell, run=self._head(View.STORY), story=self._story())

    def steps(self) -> StepsPart:
        return StepsPart(story=self._story())

    def events(self, shell: Shell, query: Mapping[str, str]) -> EventsPage:
        return events_page(self.queries, self.record, self._head(View.EVENTS), shell, query)

    def rows(self, count: int = ROWS) -> RowsPart:
        return RowsPart(tree=self._window(self._tree(), count, sketch=False))

    def treebar(self) -> TreebarPart:
        return TreebarPart(tree=self._window(self._tree(), 1))

    def found(self) -> FoundPart:
        return FoundPart(tree=self._window(self._tree(), 1, sketch=False))

    def detail(self) -> DetailPart:
        return self._detail(self._tree())

    def head(self, shell: Shell, view: View) -> HeadPart:
        return HeadPart(run=self._head(view), shell=shell)

    def _head(self, view: View) -> RunHead:
        return run_head(self.queries, self.account_id, self.record, self.version, view, self.now)

    def _window(self, tree: SpanTree, count: int = ROWS, *, sketch: bool = True) -> TreeWindow:
        return tree_window(
            self.queries,
            self.record,
            self.version,
            tree,
            self.query,
            self.now,
            count=count,
            sketch=sketch,
        )

    def _story(self) -> StoryWindow:
        return story_window(self.queries, self.record, self._tree(), self.query.first)

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


def open_run(queries: Queries, account_id: str, run_id: str, query: RunQuery, now: int) -> OpenRun | None:
    """None for a run that does not exist."""
    version = queries.runs.version(account_id, run_id)
    record = queries.runs.run(account_id, run_id)
    if version is None or record is None:
        return None
    return OpenRun(
        queries=queries, account_id=account_id, record=record, version=version, query=query, now=now
    )
