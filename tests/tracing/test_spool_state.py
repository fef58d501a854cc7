"""With each request a process tells how its spool stands."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from holdfast.wire.spool_state import SPOOL_HEADER, SpoolState, read_spool_state

from .recorder import operation, pipeline_at
from .sink import Sink, status


def test_requests_tell_how_the_spool_stands(tmp_path: Path) -> None:
    """Who it is, what waits, and since when: the second attempt is farther behind than the first."""
    with Sink(script=[status(503, Retry_After="1")]) as sink:
        pipeline = pipeline_at(sink.url, tmp_path)
        pipeline.append(operation("only", 1000))
        assert pipeline.flush(20.0)
        pipeline.close(1.0)
    first, second = (read_spool_state(request.headers[SPOOL_HEADER.lower()]) for request in sink.requests[:2])
    assert first is not None
    assert second is not None
    assert first.client == second.client
    assert first.client.endswith(f":{os.getpid()}")
    assert (first.lost, second.lost) == (0, 0)
    assert first.waiting == second.waiting > 1000
    assert second.behind >= first.behind + 0.9


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "{",
        "[]",
        '{"client": 7}',
        '{"client": "a", "lost": -1}',
        '{"client": "a", "behind": 1e300}',
        '{"client": "a\\u0007"}',
        '{"client": "' + "a" * 500 + '"}',
    ],
)
def test_what_is_no_such_header_is_passed_over(header: str | None) -> None:
    """Nothing depends on it."""
    assert read_spool_state(header) is None


def test_a_host_with_an_odd_name_is_told_in_ascii() -> None:
    """Headers are ASCII."""
    state = SpoolState(client="büro:7", lost=3, waiting=10, behind=1.5)
    assert state.header().isascii()
    again = read_spool_state(state.header())
    assert again is not None
    assert (again.lost, again.waiting, again.behind) == (3, 10, 1.5)
