"""The overview's sums and lists are those of the runs, over each store."""

from __future__ import annotations

import random
import uuid
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import pytest

from holdfast._clock import utc_now_ns
from holdfast.server.running import Listening
from holdfast.server.services.viewing.overview import Overview, Period
from holdfast.server.services.viewing.overview_sums import by_name, total, totals_by_agent
from holdfast.server.stores.reads.overview import Extreme
from holdfast.server.stores.reads.overview_views import OverviewSpan
from holdfast.wire.vocabulary import FacetKind
from web.sample_runs import SECOND, Story, send, usage

HOUR = 3600 * SECOND


@dataclass(frozen=True)
class Told:
    """What was told of a run."""

    id: str
    agent: str
    hour: int
    status: str
    seconds: float
    model: str
    tokens: int
    cost: float | None


@pytest.fixture(scope="module")
def now() -> int:
    return utc_now_ns()


@pytest.fixture(scope="module")
def told(running: Listening, now: int) -> Sequence[Told]:
    """Two hundred runs of the last ten days."""
    rng = random.Random(7)
    runs: list[Told] = []
    for _ in range(200):
        at = now - rng.randrange(2 * 60, 240 * 3600) * SECOND
        run = Told(
            id=str(uuid.UUID(int=rng.getrandbits(128))),
            agent=f"worker {rng.randrange(3)}",
            hour=at // HOUR,
            status=rng.choice(["complete", "complete", "failed", "cancelled"]),
            seconds=rng.randrange(1, 100) / 10,
            model=rng.choice(["gpt-5", "claude-sonnet-4-5"]),
            tokens=rng.randrange(1, 1000),
            cost=rng.choice([None, rng.randrange(1, 1000) / 1000]),
        )
        story = Story(run.id, at).begin(run.id, run.agent)
        story.span(
            run.model, "agent:llm", None, run.seconds, attributes=usage(run.model, run.tokens, 0, run.cost)
        )
        send(running.url, running.token, story.end(run.status).items)
        runs.append(run)
    return runs


@pytest.fixture
def overview(running: Listening) -> Overview:
    """With nothing kept."""
    return Overview(running.services.store)


def period(now: int, hours: int, agent: str | None = None) -> Period:
    return Period.of("default", agent, now // HOUR + 1 - hours, now // HOUR + 1)


def within(told: Sequence[Told], wanted: Period) -> list[Told]:
    return [run for run in told if wanted.first <= run.hour < wanted.last]


@pytest.mark.parametrize("hours", [2, 25, 169, 721])
def test_sums_of_a_range_are_those_of_its_runs(
    overview: Overview, told: Sequence[Told], now: int, hours: int
) -> None:
    """However its points are cut; the second look, at what was kept, says the same."""
    wanted = period(now, hours)
    runs = within(told, wanted)
    for _ in range(2):
        sums = total(overview.series(wanted, now))
        statuses = Counter(run.status for run in runs)
        assert (sums.complete, sums.failed, sums.cancelled) == (
            statuses["complete"],
            statuses["failed"],
            statuses["cancelled"],
        )
        assert sums.runs == len(runs)
        assert sums.tokens == sum(run.tokens for run in runs)
        assert sums.cost_nano == sum(round(run.cost * 1e9) for run in runs if run.cost is not None)
        assert sums.cost_unknown == sum(run.cost is None for run in runs)


def test_quantiles_are_within_five_percent(overview: Overview, told: Sequence[Told], now: int) -> None:
    """Of the nearest-rank quantile of the runs themselves."""
    sums = total(overview.series(period(now, 241), now))
    lengths = sorted(run.seconds for run in told)
    for share in (0.5, 0.9, 0.99):
        exact = lengths[max(0, -int(-share * len(lengths) // 1) - 1)]
        found = sums.quantile(share)
        assert found is not None
        assert found / SECOND == pytest.approx(exact, rel=0.051)


def test_sums_by_agent_and_by_model_add_up_to_the_whole(
    overview: Overview, told: Sequence[Told], now: int
) -> None:
    """Each run belongs to one agent, and here to one model."""
    wanted = period(now, 241)
    whole = total(overview.series(wanted, now))
    agents = overview.agents(wanted, now)
    assert totals_by_agent(overview.series(wanted, now, by_agent=True)) == agents
    assert sum(sums.cost_nano for sums in agents.values()) == whole.cost_nano
    assert sorted(sums.runs for sums in agents.values()) == sorted(Counter(r.agent for r in told).values())
    models = overview.facets(wanted, FacetKind.MODEL, now)
    assert by_name(overview.facet_series(wanted, FacetKind.MODEL, tuple(models), now)) == models
    assert {name: model.input_tokens for name, model in models.items()} == {
        name: sum(run.tokens for run in told if name.endswith(run.model)) for name in models
    }
    assert len(models) == 2
    for agent_id, sums in agents.items():
        assert total(overview.series(period(now, 241, agent_id), now)).runs == sums.runs


@pytest.mark.parametrize("hours", [25, 241])
@pytest.mark.parametrize("share", [0.001, 1.0])
def test_the_slowest_and_costliest_are_found_whichever_way_they_are_looked_for(
    overview: Overview, told: Sequence[Told], now: int, hours: int, share: float
) -> None:
    """Along the index of the values where the range holds many of the runs, else along that of the times."""
    wanted = period(now, hours)
    span = OverviewSpan(account_id="default", agent_id=None, first=wanted.first, last=wanted.last)
    runs = within(told, wanted)
    slowest, _ = overview.reads.extremes(span, Extreme.DURATION, 3, share=share)
    assert [run.duration for run in slowest] == [
        round(seconds * SECOND) for seconds in sorted((run.seconds for run in runs), reverse=True)[:3]
    ]
    costliest, complete = overview.reads.extremes(span, Extreme.COST, 3, share=share)
    costs = sorted((run.cost for run in runs if run.cost is not None), reverse=True)
    assert [run.cost_nano for run in costliest] == [round(cost * 1e9) for cost in costs[:3]]
    assert complete


def test_what_arrives_late_for_hours_long_ago_is_seen_within_five_minutes(
    running: Listening, overview: Overview, told: Sequence[Told], now: int
) -> None:
    """And what arrives for the last day at once."""
    assert told
    wanted = period(now, 721)
    before = total(overview.series(wanted, now)).runs
    for number, hours_ago in enumerate((600, 2)):
        story = Story(f"late-{number}", now - hours_ago * HOUR).begin("late", "late worker")
        send(running.url, running.token, story.end().items)
    assert total(overview.series(wanted, now)).runs == before + 1
    assert total(overview.series(wanted, now + 301 * SECOND)).runs == before + 2


def test_open_runs_say_who_waits_for_an_answer(running: Listening, overview: Overview, now: int) -> None:
    """A question counts until it is answered."""
    for run_id, events in (("asks", 1), ("was-answered", 2)):
        story = Story(run_id, now - HOUR).begin(run_id, "asking worker")
        for name in ("input.requested", "input.provided")[:events]:
            story.event(name)
        send(running.url, running.token, story.items)
    found = {run.id: run.asked for run in overview.open_runs("default", None, now)}
    assert (found["asks"], found["was-answered"]) == (1, 0)
    agent = next(run.agent_id for run in overview.open_runs("default", None, now) if run.id == "asks")
    assert {run.id for run in overview.open_runs("default", agent, now)} == {"asks", "was-answered"}
    assert not overview.open_runs("somebody else", None, now)
