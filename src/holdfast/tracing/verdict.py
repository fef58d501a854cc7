"""What an answer of the server means for what was sent: pure decisions over status, headers and body."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Final

import msgspec

from holdfast.wire.questions import AnswerGiven

__all__ = [
    "Accepted",
    "Control",
    "ItemFailure",
    "Problem",
    "Refused",
    "TryAgain",
    "Verdict",
    "judge",
    "pause_before",
    "retry_after_seconds",
]

MAX_RETRY_AFTER: Final = 300.0
SLOW_RETRY: Final = 30.0
_BASE: Final = 0.5
_CAP: Final = 30.0
_LEAST: Final = 0.05
_TRANSIENT: Final = frozenset({"internal_error", "unavailable"})
_SERVERS_OWN: Final = frozenset({503, 507})
"""Unavailable, out of room: no fault of the request, whatever was in it."""
_SPLITTABLE: Final = frozenset({400, 413, 415, 422})


class Problem(StrEnum):
    """Why nothing arrives, by what its reader can do about it. The value is that advice."""

    UNREACHABLE = "the server cannot be reached; is `holdfast serve` running?"
    TLS = "the server's certificate is not trusted; set ca_bundle (HOLDFAST_CA_BUNDLE)"
    TOKEN = "the server does not accept the token; set HOLDFAST_TOKEN"  # noqa: S105 - advice, not a secret
    WRONG_SERVER = "what answers at this address is not a Holdfast server; set HOLDFAST_URL"
    BUSY = "the server asks to wait"
    FAILING = "the server fails"
    GARBAGE = "the answer is no answer of a Holdfast server; is a proxy or portal in between?"
    REJECTED = "the server refuses operations; see rejected.jsonl in the spool"
    DISK = "the spool cannot be written; operations wait in memory, the oldest are lost and counted"
    LOST = "more was recorded than could be kept; the oldest operations are gone: see spool_max"
    BUG = "delivery failed in a way that Holdfast did not expect; please report it"

    @property
    def slow(self) -> bool:
        """Somebody has to change something first: asking often does not help."""
        return self in (Problem.TLS, Problem.TOKEN, Problem.WRONG_SERVER)


class Control(msgspec.Struct, frozen=True, kw_only=True):
    """The server's word to a live run: stop, and why; answers to its questions, by question."""

    terminate: bool = False
    reason: str | None = None
    answers: dict[str, AnswerGiven] = msgspec.field(default_factory=dict[str, AnswerGiven])


class ItemFailure(msgspec.Struct, frozen=True, kw_only=True):
    """What the server says to one item. `status` is "error" for a failure."""

    status: str = "success"
    code: str = "error"
    message: str = ""
    errors: msgspec.Raw = msgspec.Raw(b"null")

    @property
    def transient(self) -> bool:
        return self.code in _TRANSIENT


class _Answer(msgspec.Struct, frozen=True, kw_only=True):
    status: str
    accepted: int | None = None
    outputs: dict[str, ItemFailure] | None = None
    control: dict[str, Control] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """The request took effect, but for the items in `failures` (by idempotency key).

    `executed` holds the keys that the server answered for where it does not say that it did all: a server
    that stops at the first failure leaves the later ones out.
    """

    failures: Mapping[str, ItemFailure]
    control: Mapping[str, Control]
    executed: frozenset[str] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TryAgain:
    """Nothing is known to have taken effect. `after` is the server's wish in seconds.

    `may_be_request`: the server may have failed because of what was sent.
    """

    problem: Problem
    detail: str
    after: float | None = None
    may_be_request: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """The request as a whole can never succeed: send less of it, and set aside what fails alone."""

    status: int
    code: str
    message: str
    errors: bytes = b"null"


Verdict = Accepted | TryAgain | Refused

_decode_answer = msgspec.json.Decoder(_Answer).decode
_decode_failure = msgspec.json.Decoder(ItemFailure).decode


def judge(status: int, headers: Mapping[str, str], body: bytes, now: datetime) -> Verdict:
    """The verdict on an answer to `POST /api/v1/bulk`. `now` only serves a Retry-After given as a date."""
    if 200 <= status < 300:
        return _judge_success(body)
    detail = f"HTTP {status}"
    if status in (401, 403):
        return TryAgain(problem=Problem.TOKEN, detail=detail)
    if status in _SPLITTABLE:
        try:
            failure = _decode_failure(body)
        except (msgspec.DecodeError, UnicodeDecodeError):
            failure = ItemFailure(code=f"http_{status}", message=body[:200].decode("utf-8", "replace"))
        code = failure.code if failure.code != "error" else f"http_{status}"
        return Refused(status=status, code=code, message=failure.message, errors=bytes(failure.errors))
    if status in (408, 429) or status >= 500:
        after = retry_after_seconds(headers.get("retry-after"), now)
        problem = Problem.BUSY if status in (408, 429) or after is not None else Problem.FAILING
        blame = problem is Problem.FAILING and status not in _SERVERS_OWN
        return TryAgain(problem=problem, detail=detail, after=after, may_be_request=blame)
    return TryAgain(problem=Problem.WRONG_SERVER, detail=detail)


def _judge_success(body: bytes) -> Verdict:
    try:
        answer = _decode_answer(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return TryAgain(problem=Problem.GARBAGE, detail=f"{body[:60]!r}")
    if answer.status != "success" or (answer.accepted is None and answer.outputs is None):
        return TryAgain(problem=Problem.GARBAGE, detail=f"status {answer.status!r} without outputs")
    outputs = answer.outputs or {}
    failures = {key: output for key, output in outputs.items() if output.status == "error"}
    return Accepted(
        failures=failures,
        control=answer.control or {},
        executed=frozenset(outputs) if answer.accepted is None else None,
    )


def retry_after_seconds(value: str | None, now: datetime) -> float | None:
    """A Retry-After header (seconds or HTTP date) in seconds, 0 to 300; None where it says nothing."""
    if not value:
        return None
    from email.utils import parsedate_to_datetime  # 10 ms to import, and seldom needed

    text = value.strip()
    try:
        seconds = float(text)
    except ValueError:
        try:
            moment = parsedate_to_datetime(text)
        except ValueError:
            return None
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        seconds = (moment - now).total_seconds()
    return min(max(seconds, 0.0), MAX_RETRY_AFTER) if seconds == seconds else None


def pause_before(attempt: int, verdict: TryAgain, chance: float) -> float:
    """Seconds before attempt number `attempt` (the first repetition is 1); `chance` in [0, 1) is the jitter.

    Full jitter over an exponential bound (0.5 s doubling to 30 s), the "full jitter" of the AWS
    architecture blog's "Exponential Backoff And Jitter"; the server's own wish comes first.
    """
    if verdict.after is not None:
        return max(verdict.after, _LEAST)
    if verdict.problem.slow:
        return SLOW_RETRY
    bound = min(_CAP, _BASE * 2.0 ** min(attempt - 1, 16))
    return float(max(_LEAST, bound * chance))
