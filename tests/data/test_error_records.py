"""The recorded real errors: how many are classified rightly."""

from __future__ import annotations

from typing import Any

import pytest

from failure_records import error_records, is_right, judge
from holdfast.wire.vocabulary import FailureCategory

pytestmark = pytest.mark.data

NEVER = {"auth", "quota_exhausted", "invalid_request", "content_filter", "context_overflow", "cancelled"}


@pytest.fixture(scope="module")
def records() -> list[dict[str, Any]]:
    return error_records()


def _wrong(records: list[dict[str, Any]]) -> list[str]:
    judged = [(record, judge(record)) for record in records]
    return [
        f"{record['category']} -> {failure.category} ({failure.reason}): {record['text'][:120]}"
        for record, failure in judged
        if not is_right(record, failure)
    ]


def test_records_other_than_tool_errors(records: list[dict[str, Any]]) -> None:
    """At least 95 % of the recorded errors outside tools are classified rightly."""
    others = [record for record in records if record["category"] != "tool_error"]
    wrong = _wrong(others)
    assert len(wrong) <= 0.05 * len(others), "\n".join(wrong)


def test_records_that_carry_a_trap(records: list[dict[str, Any]]) -> None:
    """At least 90 % of the recorded errors that mislead by their words are classified rightly."""
    traps = [record for record in records if record.get("trap") and record["category"] != "tool_error"]
    wrong = _wrong(traps)
    assert len(wrong) <= 0.1 * len(traps), "\n".join(wrong)


def test_tool_errors_stay_tool_errors(records: list[dict[str, Any]]) -> None:
    """What failed inside a tool is a tool error with its cause below, whatever its text mentions."""
    tools = [record for record in records if record["category"] == "tool_error"]
    failures = [judge(record) for record in tools]
    assert {failure.category for failure in failures} == {FailureCategory.TOOL_ERROR}
    assert all(failure.cause is not None and not failure.retryable for failure in failures)


def test_nothing_hopeless_is_retryable(records: list[dict[str, Any]]) -> None:
    """No recorded error that can never succeed as it is is called retryable."""
    hopeless = [record for record in records if {record["category"], *record.get("acceptable", [])} <= NEVER]
    assert [record["id"] for record in hopeless if judge(record).retryable] == []
