"""What providers and libraries raise, as they word it."""

from __future__ import annotations

import pytest

from failure_cases import CASES, Case
from failure_records import rebuild
from holdfast.core.failures import RETRYABLE, classify


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case[0]}-{case[1]}-{case[2]}")
def test_the_category_is_found(case: Case) -> None:
    """The category of a provider's error is found from class, status, body and words."""
    category, name, status, text = case
    record = {
        "text": text,
        "exception_type": None if name == "Exception" else name,
        "status": status,
        "body": text if text.startswith("{") else None,
        "mro": ["BaseException"] if name == "CancelledError" else None,
    }
    failure = classify(rebuild(record))
    assert failure.category is category, failure.reason
    assert not failure.retryable or category in RETRYABLE
