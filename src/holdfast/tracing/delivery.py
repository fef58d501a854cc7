"""One batch on its way: sent, repeated, split, until each of its records is accepted or set aside.

A `Delivery` holds where it stands and never sleeps: a step sends once and says how long to wait. A server that
is down is waited for; a record that alone makes a working one fail is found by halving (see `suspicion`).
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Protocol

from holdfast.errors import DeliveryError
from holdfast.tracing.backlog import Batch
from holdfast.tracing.losses import head_of
from holdfast.tracing.rejected import Rejection
from holdfast.tracing.suspicion import MOST_ATTEMPTS, Part, Standing
from holdfast.tracing.transport import Answer
from holdfast.tracing.verdict import (
    Accepted,
    Control,
    ItemFailure,
    Problem,
    Refused,
    TryAgain,
    Verdict,
    judge,
    pause_before,
)

__all__ = ["BULK_PATH", "Delivery", "Send", "Step", "send_records"]

BULK_PATH: Final = "/api/v1/bulk"
_random: Final = random.Random()  # noqa: S311 - jitter, not a secret


class Post(Protocol):
    """`HttpTransport.post`."""

    def __call__(self, path: str, body: bytes, timeout: float | None = None) -> Answer: ...


Send = Callable[[list[bytes]], Verdict]


def send_records(records: list[bytes], post: Post, timeout: float | None = None) -> Verdict:
    """Send the records, in the very bytes that were spooled, in one request."""
    body = b"".join((b'{"on_error":"continue","items":[', b",".join(records), b"]}"))
    try:
        answer = post(BULK_PATH, body, timeout)
    except DeliveryError as error:
        return TryAgain(problem=Problem.TLS if error.permanent else Problem.UNREACHABLE, detail=str(error))
    return judge(answer.status, answer.headers, answer.body, datetime.now(UTC))


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What one sending brought. `pause` in seconds before the next; `problem` where it did not succeed."""

    delivered: int = 0
    rejected: tuple[Rejection, ...] = ()
    control: Mapping[str, Control] | None = None
    pause: float = 0.0
    problem: TryAgain | None = None


class Delivery:
    """The records of `batch` that are not settled yet, in parts to send one after the other."""

    def __init__(self, batch: Batch, standing: Standing) -> None:
        self.batch = batch
        self._standing = standing
        self._parts: deque[Part] = deque([Part(records=batch.records)])
        self._item_attempts: dict[str, int] = {}
        self._untouched = True
        self._proof_asked = False

    @property
    def done(self) -> bool:
        return not self._parts

    @property
    def stuck(self) -> bool:
        """Whether only records recorded later can show that the server works: it never took any, and fails on
        each of these by itself."""
        return (
            self._untouched
            and self._standing.sample is None
            and all(len(part.records) == 1 and part.failures for part in self._parts)
        )

    def step(self, send: Send) -> Step:
        """Send the next part once; or, for proof that the server works, what it has taken before."""
        part = self._parts[0]
        sample = self._standing.sample
        if sample is not None and not self._proof_asked and part.unproven(self._standing):
            self._proof_asked = True
            return self._proof(sample, send([sample]))
        self._proof_asked = False
        verdict = send(part.records)
        match verdict:
            case Accepted():
                self._parts.popleft()
                return self._accepted(part.records, verdict)
            case Refused():
                self._standing.failures = 0
                self._parts.popleft()
                return self._refused(part.records, verdict)
            case TryAgain(may_be_request=True):
                return self._suspected(part, verdict)
            case TryAgain():
                return self._again(verdict)

    def _proof(self, sample: bytes, verdict: Verdict) -> Step:
        match verdict:
            case Accepted() if not verdict.failures:
                self._standing.succeeded(sample)
                return Step(control=verdict.control)
            case TryAgain():
                return self._again(verdict)
            case _:
                return Step()

    def _again(self, verdict: TryAgain, attempt: int = 0) -> Step:
        self._standing.failures += 1
        pause = pause_before(max(attempt, self._standing.failures), verdict, _random.random())
        return Step(pause=pause, problem=verdict)

    def _suspected(self, part: Part, verdict: TryAgain) -> Step:
        """The others go first: they get through, or show that it is the server."""
        part.failed(self._standing)
        self._parts.popleft()
        if part.guilty:
            self._standing.failures = 0
            self._untouched = False
            message = f"the server fails on this operation ({verdict.detail}) and takes others"
            return Step(rejected=(Rejection(record=part.records[0], code="server_failure", message=message),))
        self._parts.extend(part.halves())
        return self._again(verdict, part.failures)

    def _refused(self, records: list[bytes], verdict: Refused) -> Step:
        if len(records) == 1:
            self._untouched = False
            rejection = Rejection(
                record=records[0], code=verdict.code, message=verdict.message, errors=verdict.errors
            )
            return Step(rejected=(rejection,))
        middle = len(records) // 2
        self._parts.extendleft((Part(records=records[middle:]), Part(records=records[:middle])))
        return Step()

    def _accepted(self, records: list[bytes], verdict: Accepted) -> Step:
        if not verdict.failures and verdict.executed is None:
            self._untouched = False
            self._standing.succeeded(records[-1])
            return Step(delivered=len(records), control=verdict.control)
        rejected: list[Rejection] = []
        again: list[bytes] = []
        left_out: list[bytes] = []
        for record in records:
            key = head_of(record).idempotency_key
            failure = verdict.failures.get(key)
            if failure is not None:
                if self._may_repeat(key, failure):
                    again.append(record)
                else:
                    rejected.append(_rejection(record, failure))
            elif verdict.executed is not None and key not in verdict.executed:
                left_out.append(record)
        delivered = len(records) - len(rejected) - len(again) - len(left_out)
        nothing_moved = not delivered and not rejected
        self._untouched &= nothing_moved
        self._standing.successes += delivered > 0
        if again:
            self._parts.appendleft(Part(records=again))
        if left_out:
            self._parts.appendleft(Part(records=left_out))
        if again or (left_out and nothing_moved):
            wait = self._again(_WAITING)
        else:
            self._standing.failures, wait = 0, Step()
        return Step(
            delivered=delivered,
            rejected=tuple(rejected),
            control=verdict.control,
            pause=wait.pause,
            problem=wait.problem,
        )

    def _may_repeat(self, key: str, failure: ItemFailure) -> bool:
        if not failure.transient:
            return False
        attempts = self._item_attempts[key] = self._item_attempts.get(key, 0) + 1
        return failure.code == "unavailable" or attempts < MOST_ATTEMPTS


_WAITING: Final = TryAgain(problem=Problem.FAILING, detail="for some operations")


def _rejection(record: bytes, failure: ItemFailure) -> Rejection:
    return Rejection(record=record, code=failure.code, message=failure.message, errors=bytes(failure.errors))
