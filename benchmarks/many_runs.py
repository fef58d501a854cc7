"""A database with a million runs, made by the database itself: recording them is not what is measured."""

from __future__ import annotations

from typing import Any, Final

from holdfast._clock import utc_now_ns
from holdfast.server.running import Listening
from holdfast.server.stores.durations import bucket_of

__all__ = ["AGENTS", "EVERY", "RUNS", "fill_with_runs"]

RUNS: Final = 1_000_000
AGENTS: Final = 20
EVERY: Final = 30
"""Seconds between two runs: a million go back 347 days."""
_SECOND: Final = 1_000_000_000

_INSTANCES: Final = f"""
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {RUNS}),
drawn AS (
  SELECT i, :now - ({RUNS} - i) * {EVERY * _SECOND} AS begun, (i * 7919) % 100003 AS chance,
    CASE WHEN (i / {AGENTS}) % 20 = 3 THEN 'failed' WHEN i % 2000 = 7 THEN 'cancelled' ELSE 'complete' END AS status
  FROM n
)
INSERT INTO instances (key, account_id, id, agent_id, status, purpose, name, begun_at, started_at,
  finished_at, duration, inserted_at, updated_at, spans_total, spans_complete, llm_calls, tool_calls, errors,
  input_tokens, output_tokens, cost_nano, cost_reported, cost_unknown)
SELECT i, 'default', printf('run-%07d', i), 'agent-' || (i % {AGENTS}), status, 'live', 'run ' || i, begun, begun,
  begun + (1 + chance) * 1000000, (1 + chance) * 1000000, begun, begun, 17, 17, 6, 5, status = 'failed',
  1000 + chance, 500, chance * 1000, 6, i % 11 = 0
FROM drawn
"""
_SKETCHES: Final = f"""
CREATE TEMP TABLE sketches AS
SELECT agent_id, hour, CAST(json_group_object(bucket, runs) AS BLOB) AS durations FROM (
  SELECT agent_id, begun_at / {3600 * _SECOND} AS hour, bucket(duration) AS bucket, count(*) AS runs
  FROM instances GROUP BY 1, 2, 3
) GROUP BY 1, 2
"""
_ROLLUPS: Final = f"""
INSERT INTO rollups (account_id, agent_id, hour, runs_complete, runs_failed, runs_cancelled, spans_total,
  llm_calls, tool_calls, errors, input_tokens, output_tokens, cost_nano, cost_unknown, durations)
SELECT 'default', i.agent_id, s.hour, sum(status = 'complete'), sum(status = 'failed'), sum(status = 'cancelled'),
  sum(spans_total), sum(llm_calls), sum(tool_calls), sum(errors), sum(input_tokens), sum(output_tokens),
  sum(cost_nano), sum(cost_unknown), s.durations
FROM instances i JOIN sketches s ON s.agent_id = i.agent_id AND s.hour = i.begun_at / {3600 * _SECOND}
GROUP BY i.agent_id, s.hour
"""
_FACETS: Final = f"""
INSERT INTO facet_rollups (account_id, kind, hour, agent_id, name, runs, calls, errors, input_tokens,
  output_tokens, cost_nano, cost_unknown, duration_ns)
SELECT 'default', :kind, begun_at / {3600 * _SECOND}, agent_id, :name || (key % :names), count(*), sum(llm_calls),
  sum(errors), sum(input_tokens), sum(output_tokens), sum(cost_nano), sum(cost_unknown), sum(duration)
FROM instances WHERE CASE :kind WHEN 'model' THEN 1 WHEN 'event' THEN key % 50 = 1 ELSE status = 'failed' END
GROUP BY 3, 4, 5
"""
_KINDS: Final = (("model", "openai/model-", 4), ("category", "category-", 6), ("failure", "group-", 300))


def fill_with_runs(server: Listening) -> None:
    """Finished runs, one every thirty seconds back from now, of twenty agents; one in twenty failed. With their
    hourly sums and those of four models, six categories and three hundred kinds of failure."""
    now = utc_now_ns()
    with server.services.store.write() as transaction:
        driver: Any = transaction.connection.connection.driver_connection
        driver.create_function("bucket", 1, bucket_of, deterministic=True)
        driver.executemany(
            "INSERT INTO agents (id, account_id, name, status, inserted_at, updated_at) "
            "VALUES (?, 'default', ?, 'active', ?, ?)",
            [(f"agent-{number}", f"agent {number}", now, now) for number in range(AGENTS)],
        )
        driver.execute(_INSTANCES, {"now": now})
        driver.execute(_SKETCHES)
        driver.execute("CREATE UNIQUE INDEX temp.ix_sketches ON sketches (agent_id, hour)")
        driver.execute(_ROLLUPS)
        driver.execute("DROP TABLE temp.sketches")
        for kind, name, names in _KINDS:
            driver.execute(_FACETS, {"kind": kind, "name": name, "names": names})
        for event in ("loop.stopped", "budget.exceeded", "agent.recovery.succeeded", "agent.recovery.failed"):
            driver.execute(
                _FACETS.replace(":name || (key % :names)", ":name"), {"kind": "event", "name": event}
            )
        driver.executemany(
            "INSERT INTO failure_groups (account_id, fingerprint, category, message, first_seen, last_seen) "
            "VALUES ('default', ?, 'category-1', 'no answer within <n> s', ?, ?)",
            [(f"group-{number}", now - number * 3600 * _SECOND, now) for number in range(300)],
        )
