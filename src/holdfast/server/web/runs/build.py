"""The page with the list of runs."""

from __future__ import annotations

from dataclasses import replace

from holdfast.server.services.clean_text import clip, one_line
from holdfast.server.services.queries import Queries
from holdfast.server.stores.run_views import RunFilter, RunRecord, RunSlice, RunSums
from holdfast.server.web.format import amount, duration, money, utc_text
from holdfast.server.web.links import run_path
from holdfast.server.web.pages import Choice, Fact, Shell
from holdfast.server.web.runs.pages import Empty, Facet, RunListPage, RunRow
from holdfast.server.web.runs.query import ListQuery
from holdfast.server.web.scope import HOUR, RANGES
from holdfast.server.web.shown import (
    NOTHING,
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

__all__ = ["PAGE_SIZE", "run_list_page"]

PAGE_SIZE = 50
_AGENTS = 200


def run_list_page(queries: Queries, shell: Shell, account_id: str, query: ListQuery, now: int) -> RunListPage:
    wanted = _filter(account_id, query, now)
    found = queries.runs.page(wanted, PAGE_SIZE, before=query.before, after=query.after)
    if query.after is not None and not found.runs and found.scanned_to is None:
        found = queries.runs.page(wanted, PAGE_SIZE)  # nothing is newer: show the newest
    exact = queries.runs.run(account_id, query.text) if query.text else None
    if exact is not None:
        found = RunSlice(runs=[exact], newer=None, older=None)
    sums = queries.sums(wanted, now)
    agents = queries.runs.agents(account_id, _AGENTS)
    names = {agent.id: agent.name for agent in agents}
    filtered = any((query.agent, query.status, query.within, query.text))
    empty = Empty.NO
    if not found.runs:
        empty = Empty.NO_MATCH if filtered or query.before or query.after else Empty.NOTHING_YET
    notice = ""
    if found.scanned_to is not None:
        notice = f"Searched as far as {utc_text(found.scanned_to)}. Go on with “older”."
    return RunListPage(
        shell=shell,
        empty=empty,
        facets=_facets(query, sums),
        sums=_sums(sums),
        rows=tuple(_row(run, query, now) for run in found.runs),
        agents=_choices({"": "all agents", **_known(names, query.agent)}, query.agent),
        statuses=_choices({"": "any status", **{s.value: s.value for s in InstanceStatus}}, query.status),
        ranges=_choices({"": "any time", **{k: label for k, (label, _) in RANGES.items()}}, query.within),
        text=query.text or "",
        filtered=filtered,
        newest_href=query.at().url() if query.before or query.after else "",
        newer_href=query.at(after=found.newer).url() if found.newer else "",
        older_href=query.at(before=found.older).url() if found.older else "",
        notice=notice,
    )


def _filter(account_id: str, query: ListQuery, now: int) -> RunFilter:
    hours = RANGES.get(query.within or "")
    return RunFilter(
        account_id=account_id,
        agent_id=query.agent,
        status=query.status if query.status in {s.value for s in InstanceStatus} else None,
        # whole hours, as the sums are kept: list and sums then speak of the same runs
        since=None if hours is None else (now // HOUR - hours[1]) * HOUR,
        text=query.text,
    )


def _known(names: dict[str, str], agent: str | None) -> dict[str, str]:
    """The choices of agents; one that was asked for is among them, known or not."""
    shown = {agent_id: one_line(name, 60) or agent_id for agent_id, name in names.items()}
    return shown if agent is None or agent in shown else {agent: clip(agent, 60), **shown}


def _choices(labels: dict[str, str], chosen: str | None) -> tuple[Choice, ...]:
    return tuple(Choice(value=v, label=label, chosen=v == (chosen or "")) for v, label in labels.items())


def _facets(query: ListQuery, sums: RunSums) -> tuple[Facet, ...]:
    counts = {
        InstanceStatus.ACTIVE: sums.active,
        InstanceStatus.PENDING: sums.pending,
        InstanceStatus.COMPLETE: sums.complete,
        InstanceStatus.FAILED: sums.failed,
        InstanceStatus.CANCELLED: sums.cancelled,
        InstanceStatus.TERMINATED: sums.terminated,
    }
    return tuple(
        Facet(
            status=status.value,
            count=amount(count),
            href=replace(query.at(), status=None if query.status == status else status.value).url(),
            chosen=query.status == status,
        )
        for status, count in counts.items()
        if count or query.status == status
    )


def _sums(sums: RunSums) -> tuple[Fact, ...]:
    tokens = sums.input_tokens + sums.output_tokens
    known = sums.cost_nano > 0
    cost = ("≥ " if sums.cost_unknown else "") + money(sums.cost_nano) if known else NOTHING
    unknown = f"{sums.cost_unknown:,} calls of unknown cost are not in it" if sums.cost_unknown else ""
    return (
        Fact(label="runs", value=amount(sums.runs), title=f"{sums.runs:,}"),
        Fact(label="spans", value=amount(sums.spans), title=f"{sums.spans:,}"),
        Fact(label="errors", value=amount(sums.errors), title=f"{sums.errors:,}", bad=sums.errors > 0),
        Fact(
            label="tokens",
            value=amount(tokens) if tokens else NOTHING,
            title=f"{sums.input_tokens:,} input, {sums.output_tokens:,} output",
        ),
        Fact(
            label="cost",
            value=cost if known or not sums.cost_unknown else f"{NOTHING} unknown",
            title=unknown,
        ),
    )


def _short(run_id: str) -> str:
    """Enough of an id to tell runs apart: the random end of a UUID, the beginning of any other."""
    text = one_line(run_id, 128)
    return text[-12:] if len(text) == 36 and text.count("-") == 4 else clip(text, 16)


def _row(run: RunRecord, query: ListQuery, now: int) -> RunRow:
    final = InstanceStatus(run.status).final
    began = run.started_at if run.started_at is not None else run.begun_at
    return RunRow(
        href=run_path(run.id),
        title=run_title(run),
        short=_short(run.id),
        status=run.status,
        reason=one_line(run.termination_reason or run.error_type or "", 200),
        agent=agent_name(run),
        agent_href=replace(query.at(), agent=run.agent_id).url() if run.agent_id else "",
        version=version_name(run),
        purpose="" if run.purpose == Purpose.LIVE else run.purpose.replace("_", " "),
        started=past_time(run.begun_at, now),
        duration=duration(run_end(run, now) - began),
        ticks_from=None if final else began // 1_000_000,
        spans=amount(run.spans_total),
        errors=run.errors,
        tokens=total_tokens(run),
        tokens_title=tokens_title(
            run.input_tokens,
            run.output_tokens,
            run.cache_read_tokens,
            run.cache_write_tokens,
            run.reasoning_tokens,
        ),
        cost=run_cost(run),
    )
