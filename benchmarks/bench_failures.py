"""How many of the recorded real errors are classified rightly, beside a classifier that looks for substrings."""

from __future__ import annotations

import json
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from holdfast.wire.vocabulary import FailureCategory

ROOT = Path(__file__).resolve().parents[1]
RECORDS = ROOT.parent / "shared" / "data" / "errors.jsonl"
TIMED_ROUNDS = 20

sys.path.insert(0, str(ROOT / "tests"))
from failure_records import is_right, judged_during, rebuild  # noqa: E402  # the tests' own way of rebuilding
from holdfast.core.failures import Failure, classify  # noqa: E402  # after it, as it follows

NAIVE = (
    ("429", FailureCategory.RATE_LIMIT),
    ("rate limit", FailureCategory.RATE_LIMIT),
    ("quota", FailureCategory.QUOTA_EXHAUSTED),
    ("timeout", FailureCategory.TIMEOUT),
    ("timed out", FailureCategory.TIMEOUT),
    ("context", FailureCategory.CONTEXT_OVERFLOW),
    ("token", FailureCategory.CONTEXT_OVERFLOW),
    ("401", FailureCategory.AUTH),
    ("api key", FailureCategory.AUTH),
    ("503", FailureCategory.PROVIDER_UNAVAILABLE),
    ("502", FailureCategory.PROVIDER_UNAVAILABLE),
    ("connection", FailureCategory.CONNECTION_ERROR),
    ("filter", FailureCategory.CONTENT_FILTER),
    ("json", FailureCategory.MALFORMED_OUTPUT),
    ("tool", FailureCategory.TOOL_ERROR),
    ("400", FailureCategory.INVALID_REQUEST),
    ("invalid", FailureCategory.INVALID_REQUEST),
)

Record = dict[str, Any]


def naive(record: Record) -> Failure:
    """What most code does: the first word found in the text."""
    text = record["text"].lower()
    category = next((found for word, found in NAIVE if word in text), FailureCategory.UNKNOWN)
    return Failure(category=category)


def ours(record: Record) -> Failure:
    return classify(rebuild(record), judged_during(record))


def share(records: Iterable[Record], judge: Callable[[Record], Failure]) -> str:
    right = [is_right(record, judge(record)) for record in records]
    return f"{sum(right):4d} of {len(right):4d}  {100 * sum(right) / max(1, len(right)):5.1f} %"


def print_confusion(records: list[Record]) -> None:
    """Rows are labels, columns what was answered; answers that the label accepts count as the label."""
    pairs = Counter(
        (record["category"], record["category"] if is_right(record, failure) else failure.category.value)
        for record in records
        for failure in [ours(record)]
    )
    labels = sorted({label for label, _ in pairs})
    answers = sorted({answer for _, answer in pairs})
    print(f"{'label':>20} " + " ".join(f"{answer[:12]:>12}" for answer in answers))
    for label in labels:
        cells = (pairs[label, answer] for answer in answers)
        print(f"{label:>20} " + " ".join(f"{cell or '·':>12}" for cell in cells))


def main() -> None:
    if not RECORDS.exists():
        print("failures: the recorded errors are not here (../shared/data/errors.jsonl)")
        return
    with RECORDS.open(encoding="utf-8") as lines:
        records: list[Record] = [json.loads(line) for line in lines]
    others = [record for record in records if record["category"] != "tool_error"]
    traps = [record for record in others if record.get("trap")]
    print_confusion(records)
    print()
    for title, chosen in (
        ("all records", records),
        ("without tool errors", others),
        ("of these, traps", traps),
    ):
        print(f"{title:>20}: {share(chosen, ours)}   by substrings: {share(chosen, naive)}")
    errors = [(rebuild(record), judged_during(record)) for record in others]
    times: list[float] = []
    for _ in range(TIMED_ROUNDS):
        started = time.perf_counter()
        for error, during in errors:
            classify(error, during)
        times.append((time.perf_counter() - started) / len(errors))
    print(f"{'one classification':>20}: {min(times) * 1e6:.0f} µs (the least mean of {TIMED_ROUNDS} rounds)")


if __name__ == "__main__":
    main()
