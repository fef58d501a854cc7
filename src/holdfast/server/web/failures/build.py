"""The page with the groups of failures."""

from __future__ import annotations

from collections.abc import Mapping

from holdfast._clock import iso_utc
from holdfast.server.services.clean_text import one_line
from holdfast.server.services.viewing.overview import Period
from holdfast.server.services.viewing.queries import Queries
from holdfast.server.stores.reads.failures import FailureOrder, FailureSum, Outcomes
from holdfast.server.web.failures.pages import CategoryChip, FailureRow, FailuresPage
from holdfast.server.web.failures.query import FailuresQuery
from holdfast.server.web.filters import agent_choices, choices, range_choices
from holdfast.server.web.format import amount
from holdfast.server.web.pages import Shell
from holdfast.server.web.period import period_of, period_words
from holdfast.server.web.scope import HOUR
from holdfast.server.web.shown import NOTHING, past_time
from holdfast.server.web.sparkline import Sparkline, sparkline
from holdfast.wire.vocabulary import FailureCategory, InstanceStatus

__all__ = ["AGENTS", "PAGE_SIZE", "category_words", "course", "failures_page", "message_words"]

PAGE_SIZE = 40
AGENTS = 500
_ORDERS = {
    FailureOrder.TIMES: "most frequent first",
    FailureOrder.RUNS: "most runs first",
    FailureOrder.LAST_SEEN: "last seen first",
    FailureOrder.FIRST_SEEN: "newest first",
}


def category_words(category: str) -> str:
    return category.replace("_", " ")


def message_words(message: str, error_type: str | None) -> str:
    """What a group is called. A failure that said nothing is called by its type."""
    return one_line(message, 240) or one_line(error_type or "", 120) or "failed without a word"


def failures_page(
    queries: Queries, shell: Shell, account_id: str, query: FailuresQuery, now: int
) -> FailuresPage:
    failures = queries.failures
    period = period_of(queries.overview, account_id, query.scope, now)
    found = failures.groups(
        period,
        now,
        category=query.category,
        order=query.order,
        limit=PAGE_SIZE + 1,
        offset=(query.page - 1) * PAGE_SIZE,
    )
    shown = found[:PAGE_SIZE]
    names = [one.group.fingerprint for one in shown]
    courses = failures.courses(period, now, names)
    outcomes = failures.outcomes(period, now, names)
    agents = {agent.id: agent.name for agent in queries.runs.agents(account_id, AGENTS)}
    more = len(found) > PAGE_SIZE and not query.is_last
    return FailuresPage(
        shell=shell,
        agents=agent_choices(agents, query.scope.agent),
        ranges=range_choices(query.scope),
        orders=choices({order.value: label for order, label in _ORDERS.items()}, query.order.value),
        kept=_kept(query),
        chips=_chips(query, failures.categories(period, now)),
        rows=tuple(
            _row(one, query, period, courses[name], outcomes[name], now)
            for name, one in zip(names, shown, strict=True)
        ),
        told=period_words(period, query.scope),
        empty="" if shown else _why_empty(query),
        all_href=query.of(None).url() if query.category is not None else "",
        newer_href=query.at(query.page - 1).url() if query.page > 1 else "",
        older_href=query.at(query.page + 1).url() if more else "",
    )


def _kept(query: FailuresQuery) -> tuple[tuple[str, str], ...]:
    """What the form of the filters repeats: a range of one's own, and the category."""
    pairs = {name: text for name, text in query.scope.pairs().items() if name in ("from", "to")}
    if query.category is not None:
        pairs["category"] = query.category.value
    return tuple(pairs.items())


def _why_empty(query: FailuresQuery) -> str:
    if query.page > 1:
        return "There are no more."
    if query.category is not None:
        return f"Nothing failed with {category_words(query.category.value)} in this range."
    return "Nothing failed in this range."


def _chips(query: FailuresQuery, counts: Mapping[str, int]) -> tuple[CategoryChip, ...]:
    if not counts and query.category is None:
        return ()
    chips = [
        CategoryChip(
            label="all",
            count=amount(sum(counts.values())),
            href=query.of(None).url(),
            chosen=query.category is None,
        )
    ]
    if query.category is not None:
        counts = {query.category.value: 0} | dict(counts)
    chips += [
        CategoryChip(
            label=category_words(name),
            count=amount(count),
            href=query.of(FailureCategory(name)).url(),
            chosen=query.category is not None and name == query.category.value,
        )
        for name, count in sorted(counts.items(), key=lambda one: -one[1])
    ]
    return tuple(chips)


def _row(
    one: FailureSum,
    query: FailuresQuery,
    period: Period,
    points: Mapping[int, int],
    outcomes: Outcomes,
    now: int,
) -> FailureRow:
    group = one.group
    completed = outcomes.statuses.get(InstanceStatus.COMPLETE.value, 0)
    return FailureRow(
        href=query.group_url(group.fingerprint),
        message=message_words(group.message, group.error_type),
        category=category_words(group.category),
        side=one_line(group.provider or "", 80),
        error_type=one_line(group.error_type or "", 120),
        times=amount(one.times),
        runs=amount(one.runs),
        runs_href=query.scope.url("/runs", failure=group.fingerprint),
        trend=course(period, points),
        first_seen=past_time(group.first_seen, now),
        last_seen=past_time(group.last_seen, now),
        completed=f"{completed * 100 / outcomes.looked_at:.0f} %" if outcomes.looked_at else NOTHING,
        completed_title=f"{completed:,} of the newest {outcomes.looked_at:,} runs that met it",
        mended=f"{outcomes.mended:,} with a recovery" if outcomes.mended else "",
    )


def course(period: Period, points: Mapping[int, int]) -> Sparkline:
    """How often, over the range, with the point where it was most."""
    values = [points.get(hour, 0) for hour in period.buckets]
    most = max(values, default=0)
    if not most:
        return Sparkline(path="", label="never in this range")
    hour = list(period.buckets)[values.index(most)]
    days, hours = divmod(period.step, 24)
    length = f"{days} days" if days > 1 else "day" if days else f"{hours} hours" if hours > 1 else "hour"
    when = f"{iso_utc(hour * HOUR)[: 10 if period.step >= 24 else 16].replace('T', ' ')} UTC"
    return sparkline(values, f"{sum(values):,} in all; most, {most:,}, in the {length} from {when}", least=0)
