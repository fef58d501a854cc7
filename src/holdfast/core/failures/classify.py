"""`classify`: why a call failed, by what can be done about it."""

from __future__ import annotations

from typing import Literal

from msgspec.structs import replace

from holdfast.core.failures.chain import chain
from holdfast.core.failures.evidence import Evidence, examine
from holdfast.core.failures.failure import RETRYABLE, Failure
from holdfast.core.failures.verdict import Verdict, decide
from holdfast.core.failures.waits import wait_from_headers, wait_from_text
from holdfast.errors import CircuitOpenError
from holdfast.wire.vocabulary import FailureCategory

__all__ = ["classify"]

_LONGEST_WAIT = 366 * 86_400.0  # seconds: longer is a time since 1970 taken for a wait, or nonsense


def classify(
    error: BaseException, during: Literal["model", "tool"] = "model", *, unix_now: float | None = None
) -> Failure:
    """Why `error` was raised. Never raises itself, whatever the exception does when it is looked at.

    The exception is judged first and then what caused it (`__cause__`, members of a group, `__context__`
    unless suppressed): the outermost that type, status or code decide wins, and words count only where none
    does. No provider library needs to be installed: classes are known by name, along their bases.

    With `during="tool"` the answer is a `tool_error` whose `cause` is the failure below it, except for a
    cancellation, which stays one. It is not `retryable`: a tool may have had its effect before it failed.

    `unix_now` (seconds since 1970) is needed to read a Retry-After that is a date.
    """
    failure, firm = _judge(chain(error), unix_now)
    if during == "model" or (firm and failure.category is FailureCategory.CANCELLED):
        return failure
    cause = failure
    if failure.category is FailureCategory.TOOL_ERROR:
        cause = replace(failure, category=FailureCategory.UNKNOWN)
    return Failure(
        category=FailureCategory.TOOL_ERROR,
        status=failure.status,
        code=failure.code,
        provider=failure.provider,
        reason=f"raised inside a tool: {failure.reason}",
        cause=cause,
    )


def _judge(errors: list[BaseException], unix_now: float | None) -> tuple[Failure, bool]:
    """The failure, and whether more than words decided it."""
    seen: list[tuple[Evidence, Verdict]] = []
    for error in errors:
        evidence = examine(error)
        seen.append((evidence, decide(evidence)))
        if seen[-1][1].firm:
            break
    evidence, verdict = next(
        (pair for pair in seen if pair[1].firm),
        next((pair for pair in seen if pair[1].category is not FailureCategory.UNKNOWN), seen[0]),
    )
    retryable = verdict.category in RETRYABLE and not verdict.hopeless
    if isinstance(errors[0], CircuitOpenError):
        retryable = False  # our own breaker asks for quiet: another provider may be called, this one may not
    failure = Failure(
        category=verdict.category,
        retryable=retryable,
        retry_after=_wait([one for one, _ in seen], unix_now) if retryable else None,
        provider=next((one.provider for one, _ in seen if one.provider), None),
        status=evidence.status,
        code=verdict.code,
        reason=verdict.reason,
    )
    return failure, verdict.firm


def _wait(seen: list[Evidence], unix_now: float | None) -> float | None:
    for evidence in seen:
        for wait in (
            wait_from_headers(evidence.headers, unix_now),
            evidence.delay,
            wait_from_text(evidence.message),
        ):
            if wait is not None and 0 <= wait < _LONGEST_WAIT:
                return wait
    return None
