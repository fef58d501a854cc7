"""What the server's answers mean, decided without any server."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.tracing.verdict import (
    Accepted,
    Problem,
    Refused,
    TryAgain,
    judge,
    pause_before,
    retry_after_seconds,
)

NOW = datetime(2026, 11, 21, 12, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("7", 7.0),
        ("0", 0.0),
        ("-3", 0.0),
        ("86400", 300.0),
        ("inf", 300.0),
        ("nan", None),
        ("Sat, 21 Nov 2026 12:00:30 GMT", 30.0),
        ("Sat, 21 Nov 2026 11:00:00 GMT", 0.0),
        ("Sun, 22 Nov 2026 12:00:00 GMT", 300.0),
        ("soon", None),
        ("", None),
        (None, None),
    ],
)
def test_retry_after(header: str | None, seconds: float | None) -> None:
    """Retry-After is read as seconds and as a date, never beyond five minutes, never before now."""
    assert retry_after_seconds(header, NOW) == seconds


@given(st.text(max_size=60))
def test_any_retry_after_is_survived(header: str) -> None:
    """Whatever a proxy puts into Retry-After, it gives a bounded time or none."""
    seconds = retry_after_seconds(header, NOW)
    assert seconds is None or 0.0 <= seconds <= 300.0


@pytest.mark.parametrize(
    ("status", "problem"),
    [
        (401, Problem.TOKEN),
        (403, Problem.TOKEN),
        (404, Problem.WRONG_SERVER),
        (405, Problem.WRONG_SERVER),
        (302, Problem.WRONG_SERVER),
        (408, Problem.BUSY),
        (429, Problem.BUSY),
        (500, Problem.FAILING),
        (503, Problem.FAILING),
    ],
)
def test_what_is_repeated(status: int, problem: Problem) -> None:
    """Every status that says nothing about the operations themselves leads to another attempt."""
    verdict = judge(status, {}, b"<html>", NOW)
    assert isinstance(verdict, TryAgain)
    assert verdict.problem is problem


@pytest.mark.parametrize("status", [400, 413, 422])
def test_what_is_split(status: int) -> None:
    """A request that was refused as a whole carries the server's reason, whatever shape that has."""
    verdict = judge(status, {}, b'{"status":"error","code":"bad","message":"no","errors":{"a":1}}', NOW)
    assert verdict == Refused(status=status, code="bad", message="no", errors=b'{"a":1}')
    assert judge(status, {}, b"\xff?", NOW) == Refused(
        status=status, code=f"http_{status}", message="\ufffd?"
    )


@given(st.binary(max_size=80))
def test_garbage_is_never_an_acknowledgement(body: bytes) -> None:
    """No bytes but a server's own success count as one: a captive portal does not eat the record."""
    verdict = judge(200, {}, body, NOW)
    assert isinstance(verdict, TryAgain)
    assert verdict.problem is Problem.GARBAGE


@pytest.mark.parametrize(
    "body", [b"", b"{}", b'{"status":"success"}', b'{"status":"error","outputs":{}}', b"[]"]
)
def test_incomplete_success_is_none(body: bytes) -> None:
    """A 200 that does not say what was accepted is not believed."""
    assert isinstance(judge(200, {}, body, NOW), TryAgain)


def test_minimal_and_full_answers() -> None:
    """A minimal answer vouches for all items but those that it lists; a full one only for those it lists."""
    minimal = judge(200, {}, b'{"status":"success","accepted":2,"outputs":{"k":{"status":"error"}}}', NOW)
    assert isinstance(minimal, Accepted)
    assert (list(minimal.failures), minimal.executed) == (["k"], None)
    full = judge(200, {}, b'{"status":"success","outputs":{"a":{"status":"success","details":{}}}}', NOW)
    assert isinstance(full, Accepted)
    assert (dict(full.failures), full.executed) == ({}, frozenset({"a"}))


@given(st.integers(1, 10_000), st.floats(0, 1, exclude_max=True))
def test_pauses_are_bounded(attempt: int, chance: float) -> None:
    """However long a server is away, the next attempt comes within 30 seconds and never at once."""
    pause = pause_before(attempt, TryAgain(problem=Problem.UNREACHABLE, detail=""), chance)
    assert 0.05 <= pause <= min(30.0, 0.5 * 2.0 ** (attempt - 1) if attempt < 10 else 30.0)


def test_wishes_and_fixes_come_first() -> None:
    """The server's own wish beats the back-off; what somebody has to mend is tried every 30 seconds."""
    assert pause_before(9, TryAgain(problem=Problem.BUSY, detail="", after=2.0), 0.9) == 2.0
    assert pause_before(1, TryAgain(problem=Problem.TOKEN, detail=""), 0.0) == 30.0
