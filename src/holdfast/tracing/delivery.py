"""One batch on its way: sent, repeated, split, until each of its records is accepted or set aside.

A `Delivery` holds where it stands and never sleeps: a step sends once and says how long to wait.
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
_MOST_ITEM_ATTEMPTS: Final = 8
"""So often is an item repeated that alone fails inside the server, before it is set aside like a refused
one: it would hold up all that comes after it."""

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
    """The records of `batch` that are not settled yet, in chunks to send one after the other."""

    def __init__(self, batch: Batch) -> None:
        self.batch = batch
        self._chunks: deque[list[bytes]] = deque([batch.records])
        self._attempt = 0
        self._item_attempts: dict[str, int] = {}

    @property
    def done(self) -> bool:
        return not self._chunks

    def step(self, send: Send) -> Step:
        """Send the next chunk once."""
        chunk = self._chunks[0]
        verdict = send(chunk)
        match verdict:
            case Accepted():
                self._chunks.popleft()
                return self._accepted(chunk, verdict)
            case Refused():
                self._attempt = 0
                self._chunks.popleft()
                return self._refused(chunk, verdict)
            case TryAgain():
                return self._again(verdict)

    def _again(self, verdict: TryAgain) -> Step:
        self._attempt += 1
        return Step(pause=pause_before(self._attempt, verdict, _random.random()), problem=verdict)

    def _refused(self, chunk: list[bytes], verdict: Refused) -> Step:
        if len(chunk) == 1:
            rejection = Rejection(
                record=chunk[0], code=verdict.code, message=verdict.message, errors=verdict.errors
            )
            return Step(rejected=(rejection,))
        middle = len(chunk) // 2
        self._chunks.extendleft((chunk[middle:], chunk[:middle]))
        return Step()

    def _accepted(self, chunk: list[bytes], verdict: Accepted) -> Step:
        if not verdict.failures and verdict.executed is None:
            self._attempt = 0
            return Step(delivered=len(chunk), control=verdict.control)
        rejected: list[Rejection] = []
        again: list[bytes] = []
        left_out: list[bytes] = []
        for record in chunk:
            key = head_of(record).idempotency_key
            failure = verdict.failures.get(key)
            if failure is not None:
                if self._may_repeat(key, failure):
                    again.append(record)
                else:
                    rejected.append(_rejection(record, failure))
            elif verdict.executed is not None and key not in verdict.executed:
                left_out.append(record)
        delivered = len(chunk) - len(rejected) - len(again) - len(left_out)
        nothing_moved = not delivered and not rejected
        if again:
            self._chunks.appendleft(again)
        if left_out:
            self._chunks.appendleft(left_out)
        if again or (left_out and nothing_moved):
            wait = self._again(_WAITING)
        else:
            self._attempt, wait = 0, Step()
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
        return failure.code == "unavailable" or attempts < _MOST_ITEM_ATTEMPTS


_WAITING: Final = TryAgain(problem=Problem.FAILING, detail="for some operations")


def _rejection(record: bytes, failure: ItemFailure) -> Rejection:
    return Rejection(record=record, code=failure.code, message=failure.message, errors=bytes(failure.errors))
