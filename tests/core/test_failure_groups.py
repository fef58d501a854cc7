"""Which recorded failures are one and the same."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from failure_records import error_records
from holdfast.core.failures import Group, error_of, group_of
from holdfast.core.failures.grouping import cleaned_message
from holdfast.wire.vocabulary import FailureCategory


def _group(message: str, error_type: str | None = "ValueError", tool: str | None = None) -> Group:
    return group_of(error_type=error_type, message=message, category=None, provider="openai", tool=tool)


@pytest.mark.parametrize(
    ("one", "other", "shown"),
    [
        (
            "Rate limit reached. Limit: 40000 / min. Please try again in 1.2s.",
            "Rate limit reached. Limit: 10000 / min. Please try again in 7m12s.",
            "Rate limit reached. Limit: <n> / min. Please try again in <n>.",
        ),
        ("No such file: '/a/b.txt'", 'No such file: "C:\\c d"', "No such file: <…>"),
        ("cannot open /home/me/x.py here", "cannot open ~/y/z.py here", "cannot open <path> here"),
        ("GET https://a.example/x?y=1 failed", "GET http://b.example failed", "GET <url> failed"),
        ("flight HAT270 is full", "flight HAT012 is full", "flight <id> is full"),
        ("due 2024-05-20", "due 2025-01-02T03:04:05Z", "due <time>"),
        ("mail to a.b@example.com bounced", "mail to c@example.org bounced", "mail to <address> bounced"),
        (
            "Traceback (most recent call last):\n  File \"a.py\", line 3, in f\n    g()\nKeyError: 'a'",
            "Traceback (most recent call last):\n  File \"b.py\", line 9, in h\n    i()\nKeyError: 'b'",
            "KeyError: <…>",
        ),
        (
            'Error code: 429 - {"error": {"message": "Slow down", "request_id": "a1"}}',
            'Error code: 429 - {"error": {"message": "Slow down", "request_id": "b2"}}',
            "Slow down",
        ),
    ],
)
def test_alike(one: str, other: str, shown: str) -> None:
    """What differs only in numbers, ids, quoted values, paths, addresses, times or the way there is one group."""
    assert _group(one) == _group(other)
    assert _group(one).message == shown


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("exit code 1", "exit code 137"),
        ("Error code: 400", "Error code: 404"),
        ("User not found", "Order not found"),
    ],
)
def test_different(one: str, other: str) -> None:
    """Codes and words tell failures apart."""
    assert _group(one).fingerprint != _group(other).fingerprint


def test_who_failed() -> None:
    """A tool's error is the tool's; the same words from elsewhere are another group of the same error."""
    tool, model = _group("it broke", "a.Trouble", "search"), _group("it broke", "a.Trouble")
    assert (tool.category, tool.side) == (FailureCategory.TOOL_ERROR, "search")
    assert (model.category, model.side) == (FailureCategory.UNKNOWN, "openai")
    assert tool.fingerprint != model.fingerprint
    assert error_of(tool.fingerprint) == tool.error == model.error


def test_what_the_writer_says_holds() -> None:
    """A category that was recorded is not judged again; without any word the group says so."""
    said = group_of(
        error_type="Odd", message="429", category=FailureCategory.CONTENT_FILTER, provider=None, tool=None
    )
    assert said.category is FailureCategory.CONTENT_FILTER
    mute = group_of(error_type=None, message="", category=None, provider=None, tool=None)
    assert (mute.category, mute.error, mute.message) == (FailureCategory.UNKNOWN, "", "")


@given(st.text(max_size=300), st.none() | st.text(max_size=50), st.none() | st.text(max_size=50))
def test_any_text(message: str, error_type: str | None, tool: str | None) -> None:
    """Whatever was recorded has a group, the same every time, short enough to show and to be an address."""
    one = _group(message, error_type, tool)
    assert one == _group(message, error_type, tool)
    assert len(one.message) <= 240
    assert "\n" not in one.message
    assert one.fingerprint.isascii()
    assert len(one.fingerprint) < 60


def test_cleaning_stays_quick() -> None:
    """A message made to keep the patterns busy is cleaned like any other, and no more of it than is looked at."""
    for hostile in (
        "a/" * 200_000,
        "'" * 400_000,
        "a-1" * 100_000,
        "0:" * 200_000,
        "a@" * 200_000,
        '"a' * 200_000,
    ):
        assert len(cleaned_message(hostile)) <= 240


def test_recorded_errors_keep_their_category() -> None:
    """From type and text alone nearly every recorded error is put where a reader would put it."""
    records = error_records()
    right = 0
    for record in records:
        tool = "t" if record["category"] == "tool_error" else None
        found = group_of(
            error_type=record["exception_type"],
            message=record["text"],
            category=None,
            provider=None,
            tool=tool,
        )
        right += found.category in {record["category"], *record.get("acceptable", [])}
    assert right >= 0.97 * len(records)
