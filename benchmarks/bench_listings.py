"""How fast the pages of failures and of agents are: server time of whole pages, through HTTP, on one SQLite file.

A million runs of twenty agents, one in twenty of them failed, in three hundred groups of failures; twelve tools and
two versions each. Of a range of more than eight days a page that nobody looked at in the last minute is
summed up anew.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from benchmarks.many_runs import AGENTS, fill_with_runs
from benchmarks.page_times import Get, measured, page_reader
from benchmarks.report import Line, print_table
from holdfast.server.config import ServerConfig
from holdfast.server.running import Listening, background_server

GOAL: Final = 150.0
_HOUR: Final = 3600 * 1_000_000_000
_RANGES: Final = ("24h", "7d", "30d", "90d", "all")
_RUN_FACETS: Final = """
INSERT INTO run_facets (instance_key, kind, name, account_id, begun_at, calls, errors, duration_ns)
SELECT key, 'failure', 'group-' || (key % 300), account_id, begun_at, 1, 1, duration
FROM instances WHERE status = 'failed'
"""
_FAILED: Final = """
INSERT INTO failed (instance_key, span_id, error, fingerprint)
SELECT instance_key, 's', '', name FROM run_facets WHERE kind = 'failure'
"""
_TOOLS: Final = f"""
INSERT INTO facet_rollups (account_id, kind, hour, agent_id, name, runs, calls, errors, duration_ns)
SELECT 'default', 'tool', r.hour, r.agent_id, 'tool-' || t.value, 5, 20, 1, {_HOUR}
FROM rollups r, json_each('[0,1,2,3,4,5,6,7,8,9,10,11]') t
"""
_VERSIONS: Final = """
INSERT INTO agent_versions (id, agent_id, content_hash, external_identifier, inserted_at)
SELECT a.id || '-v' || v.value, a.id, v.value, '1.' || v.value, a.inserted_at FROM agents a, json_each('[0,1]') v
"""
_VERSION_SUMS: Final = """
INSERT INTO version_rollups (account_id, version_id, hour, runs_complete, runs_failed, llm_calls, cost_nano, durations)
SELECT 'default', r.agent_id || '-v' || v.value, r.hour, r.runs_complete / 2, r.runs_failed / 2, r.llm_calls,
  r.cost_nano / 2, r.durations FROM rollups r, json_each('[0,1]') v
"""


def main() -> None:
    with (
        tempfile.TemporaryDirectory() as folder,
        background_server(ServerConfig(data=Path(folder), port=0)) as server,
    ):
        fill_with_runs(server)
        _fill(server)
        lines = list(_pages(page_reader(server)))
    print_table("Failures and agents of a million runs: milliseconds of whole requests", lines)


def _fill(server: Listening) -> None:
    with server.services.store.write() as transaction:
        driver: Any = transaction.connection.connection.driver_connection
        for statement in (_RUN_FACETS, _FAILED, _TOOLS, _VERSIONS, _VERSION_SUMS):
            driver.execute(statement)


def _pages(get: Get) -> Iterator[Line]:
    for within in _RANGES:
        yield measured(f"failures, {within}, first view", get, [f"/failures?within={within}"], GOAL)
        yield measured(f"failures, {within}, again", get, [f"/failures?within={within}"] * 20, GOAL)
    orders = [f"/failures?within=30d&sort={order}" for order in ("runs", "last", "first")]
    yield measured("failures, other orders", get, orders, GOAL)
    agents = [f"/failures?within=30d&agent=agent-{number}" for number in range(AGENTS)]
    yield measured("failures of one agent, 30d", get, agents, GOAL)
    groups = [f"/failures/group-{number * 15}?within=all" for number in range(20)]
    yield measured("one group, all time", get, groups, GOAL)
    of_agent = [f"/failures/group-{number * 15}?within=all&agent=agent-3" for number in range(20)]
    yield measured("one group of one agent, all time", get, of_agent, GOAL)
    for within in _RANGES:
        yield measured(f"agents, {within}", get, [f"/agents?within={within}"], GOAL)
        one = [f"/agents/agent-{number}?within={within}" for number in range(AGENTS)]
        yield measured(f"one agent, {within}", get, one, GOAL)


if __name__ == "__main__":
    main()
