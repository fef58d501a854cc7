"""How the evidence about an exception is weighed."""

from __future__ import annotations

import asyncio
import json
import warnings
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.core.failures import classify
from holdfast.errors import BudgetExceededError, CircuitOpenError
from holdfast.wire.agent_events import AgentFailureClass
from holdfast.wire.vocabulary import FailureCategory as C


class APIConnectionError(Exception):
    """Named as the clients of OpenAI and Anthropic name theirs."""


class APITimeoutError(APIConnectionError):
    pass


class BadRequestError(Exception):
    status_code = 400


class RateLimitError(Exception):
    status_code = 429

    def __init__(self, text: str = "", headers: dict[str, str] | None = None, body: object = None) -> None:
        super().__init__(text)
        self.body = body
        self.response = SimpleNamespace(status_code=429, headers=headers or {})


class ClientError(Exception):
    """Named and shaped as botocore's."""

    def __init__(self, code: str, status: int, message: str) -> None:
        super().__init__(f"An error occurred ({code}) when calling the Converse operation: {message}")
        self.response = {
            "Error": {"Code": code, "Message": message},
            "ResponseMetadata": {"HTTPStatusCode": status, "HTTPHeaders": {"Retry-After": "7"}},
        }


# --- the order of evidence ----------------------------------------------------------------------------


def test_words_lose_against_a_status() -> None:
    """A 400 whose text mentions 503, timeouts and rate limits is an invalid request."""
    error = BadRequestError("Unknown parameter: 'timeout' (see the 503 and rate limit pages)")
    assert classify(error).category is C.INVALID_REQUEST


def test_a_number_in_a_sentence_is_no_status() -> None:
    """An order number that reads like a status is not taken for one."""
    assert classify(RuntimeError("order 5031 not found")).category is C.UNKNOWN


def test_a_code_in_the_body_corrects_the_status() -> None:
    """A spent quota is known by its code under 429 as under 400."""
    for status_error in (RateLimitError, BadRequestError):
        error: Any = status_error("x")
        error.body = {"code": "insufficient_quota", "message": "..."}
        failure = classify(error)
        assert (failure.category, failure.retryable, failure.code) == (
            C.QUOTA_EXHAUSTED,
            False,
            "insufficient_quota",
        )


def test_the_nearest_class_decides() -> None:
    """A timeout that derives from a connection error is a timeout."""
    assert classify(APITimeoutError("Request timed out.")).category is C.TIMEOUT


def test_a_subclass_of_ones_own_keeps_its_bases_meaning() -> None:
    """A class that nobody knows is known by its bases."""

    class Mine(APITimeoutError):
        pass

    assert classify(Mine("no words at all")).category is C.TIMEOUT


def test_botocore_keeps_all_in_a_dict() -> None:
    """Code, status and headers are read from botocore's response dict."""
    failure = classify(ClientError("ThrottlingException", 429, "Rate exceeded"))
    assert (failure.category, failure.status, failure.code) == (C.RATE_LIMIT, 429, "ThrottlingException")
    assert (failure.retry_after, failure.retryable) == (7.0, True)


def test_a_body_that_is_json_text_is_read() -> None:
    """A body given as bytes, as JSON text or as a dict says the same."""
    body = {"error": {"code": "context_length_exceeded", "message": "m"}}
    for form in (body, json.dumps(body), json.dumps(body).encode()):
        error = BadRequestError("x")
        error.body = form  # type: ignore[attr-defined]
        assert classify(error).category is C.CONTEXT_OVERFLOW


def test_an_unread_body_is_left_alone() -> None:
    """A response whose body is not in memory is not asked for it: that would wait for the network."""

    class Streaming:
        status_code = 400
        headers: dict[str, str] = {}  # noqa: RUF012  # as a foreign class would have it
        raw = SimpleNamespace(closed=False)

        @property
        def text(self) -> str:
            pytest.fail("the body was read")

    error = BadRequestError("x")
    error.response = Streaming()  # type: ignore[attr-defined]
    assert classify(error).category is C.INVALID_REQUEST


# --- causes -------------------------------------------------------------------------------------------


def _raised(outer: BaseException, inner: BaseException, *, hidden: bool = False) -> BaseException:
    try:
        try:
            raise inner
        except BaseException:
            if hidden:
                raise outer from None
            raise outer  # noqa: B904  # the context is what is tested
    except BaseException as error:  # as above
        return error


def test_a_vague_wrapper_is_judged_by_its_cause() -> None:
    """A RuntimeError raised while handling a 429 is a rate limit, unless the context is suppressed."""
    assert classify(_raised(RuntimeError("agent failed"), RateLimitError())).category is C.RATE_LIMIT
    assert (
        classify(_raised(RuntimeError("agent failed"), RateLimitError(), hidden=True)).category is C.UNKNOWN
    )


def test_a_connection_error_is_judged_by_its_cause() -> None:
    """A client's connection error that was caused by a timeout is a timeout."""
    assert classify(_raised(APIConnectionError("Connection error."), APITimeoutError())).category is C.TIMEOUT


def test_groups_and_circles() -> None:
    """Members of an exception group are looked at, and a circle of causes ends."""
    group = ExceptionGroup("two tasks", [KeyError("x"), RateLimitError()])
    assert classify(group).category is C.RATE_LIMIT
    first, second = RuntimeError("a"), RuntimeError("b")
    first.__cause__, second.__cause__ = second, first
    assert classify(first).category is C.UNKNOWN


# --- tools, cancellations, our own --------------------------------------------------------------------


def test_inside_a_tool() -> None:
    """An error inside a tool is a tool error that is not retried and carries what failed below."""
    failure = classify(RateLimitError("slow down"), during="tool")
    assert (failure.category, failure.retryable, failure.status) == (C.TOOL_ERROR, False, 429)
    assert failure.cause is not None
    assert (failure.cause.category, failure.cause.retryable) == (C.RATE_LIMIT, True)


@pytest.mark.parametrize("error", [asyncio.CancelledError(), KeyboardInterrupt()])
def test_a_cancellation_stays_one(error: BaseException) -> None:
    """A cancellation inside a tool is a cancellation; a tool that only talks of one is a tool error."""
    assert classify(error, during="tool").category is C.CANCELLED
    assert classify(Exception("the order was cancelled by the user"), during="tool").category is C.TOOL_ERROR


def test_the_errors_of_this_library() -> None:
    """An open circuit is left alone, for another provider may be called; a spent budget is the end."""
    opened = classify(CircuitOpenError("openai", retry_after=12.0))
    assert (opened.category, opened.retryable) == (C.PROVIDER_UNAVAILABLE, False)
    assert classify(BudgetExceededError(1.0, 2.0)).category is C.LIMIT_REACHED


def test_every_category_has_a_class_for_events() -> None:
    """A failure names the coarser class that events carry."""
    assert classify(RateLimitError()).failure_class is AgentFailureClass.RATE_LIMIT
    assert classify(APITimeoutError()).failure_class is AgentFailureClass.LLM_TIMEOUT
    assert classify(ZeroDivisionError("division by zero")).failure_class is AgentFailureClass.TOOL_ERROR
    assert classify(RuntimeError("?")).failure_class is AgentFailureClass.UNKNOWN


# --- waits --------------------------------------------------------------------------------------------

NOW = 1_800_000_000.0  # Fri, 15 Jan 2027 08:00:00 GMT


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "4"}, 4.0),
        ({"Retry-After": "1.5"}, 1.5),
        ({"retry-after-ms": "660", "retry-after": "1"}, 0.66),
        ({"retry-after": "Fri, 15 Jan 2027 08:00:30 GMT"}, 30.0),
        ({"retry-after": "Fri, 15 Jan 2027 07:59:00 GMT"}, 0.0),
        ({"x-ratelimit-reset-requests": "1s", "x-ratelimit-remaining-requests": "0"}, 1.0),
        ({"x-ratelimit-reset-tokens": "6m0s", "x-ratelimit-remaining-tokens": "0"}, 360.0),
        ({"x-ratelimit-reset-tokens": "6m0s", "x-ratelimit-remaining-tokens": "1200"}, None),
        ({"x-ratelimit-reset": "1800000045", "x-ratelimit-remaining": "0"}, 45.0),
        ({"x-ratelimit-reset": "1800000045000", "x-ratelimit-remaining": "0"}, 45.0),
        (
            {
                "anthropic-ratelimit-requests-reset": "2027-01-15T08:01:00Z",
                "anthropic-ratelimit-requests-remaining": "0",
            },
            60.0,
        ),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "-5"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "9" * 400}, None),
    ],
)
def test_headers_say_how_long(headers: dict[str, str], seconds: float | None) -> None:
    """Every real form of a wait in the headers is read; a limit that is not used up has none."""
    wait = classify(RateLimitError("x", headers), unix_now=NOW).retry_after
    assert wait == pytest.approx(seconds) if seconds is not None else wait is None


def test_a_date_needs_to_know_now() -> None:
    """Without the time of now a date says nothing, and nothing is guessed."""
    error = RateLimitError("x", {"retry-after": "Fri, 15 Jan 2027 08:00:30 GMT"})
    assert classify(error).retry_after is None


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("Rate limit reached. Please try again in 20s.", 20.0),
        ("Please try again in 1m30s.", 90.0),
        ("Please try again in 7m12s. Visit us.", 432.0),
        ("Please try again in 350ms.", 0.35),
        ("Please retry after 20 seconds.", 20.0),
        ("Too many requests, wait 1 minute and 5 seconds", 65.0),
        ("Please retry in 34.074824224s.", 34.074824224),
        ("Too many requests", None),
    ],
)
def test_sentences_say_how_long(text: str, seconds: float | None) -> None:
    """A wait in a sentence is read where no header has one."""
    wait = classify(RateLimitError(text)).retry_after
    assert wait == pytest.approx(seconds) if seconds is not None else wait is None


def test_a_google_body_says_how_long() -> None:
    """Google's RetryInfo is read, and a quota that is back within the hour is a rate limit."""
    message = "You exceeded your current quota, please check your plan and billing details."
    retry = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "30s"}
    error = RateLimitError("x", body={"error": {"code": 429, "message": message, "details": [retry]}})
    failure = classify(error)
    assert (failure.category, failure.retry_after) == (C.RATE_LIMIT, 30.0)
    spent = RateLimitError("x", body={"error": {"code": 429, "message": message}})
    assert classify(spent).category is C.QUOTA_EXHAUSTED


def test_a_request_larger_than_the_limit_is_not_retried() -> None:
    """A request that alone asks for more than a minute's tokens is a rate limit that no wait helps."""
    error = RateLimitError("Rate limit reached on tokens per min (TPM): Limit 10000, Requested 12000.")
    failure = classify(error)
    assert (failure.category, failure.retryable, failure.retry_after) == (C.RATE_LIMIT, False, None)


# --- hostility ----------------------------------------------------------------------------------------


class Trap:
    """Raises at whatever it is asked."""

    def __getattribute__(self, name: str) -> Any:
        raise RuntimeError(name)

    def __str__(self) -> str:
        raise RuntimeError("str")


class Liar(str):
    """A string that lies about itself."""

    __slots__ = ()

    def __str__(self) -> str:
        raise RuntimeError("str")

    def lower(self) -> str:
        raise RuntimeError("lower")


class Hostile(Exception):
    @property
    def response(self) -> object:
        raise ValueError("no")

    def __str__(self) -> str:
        raise RecursionError


NASTY: dict[str, object] = {
    "trap": Trap(),
    "liar": Liar("429"),
    "class": Trap,
    "exception": Hostile(),
    "object": object(),
    "repr": "{'error': {'code': 429}}",
    "deep": "[" * 500,
    "huge": 10**400,
    "digit": "²²²",
    "long": "9" * 5000,
}


def armed(value: Any) -> Any:
    """The value with the nasty things put in for their names (hypothesis would trip over them itself)."""
    if isinstance(value, list):
        return [armed(item) for item in value]
    if isinstance(value, dict):
        return {key: armed(item) for key, item in value.items()}
    return NASTY.get(value, value) if isinstance(value, str) else value


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=40)
    | st.binary(max_size=20)
    | st.sampled_from(sorted(NASTY)),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["error", "code", "message", "type", "details", "status", "metadata", "Error"])
            | st.text(max_size=5),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)
NAMES = st.just("retry_after") | st.sampled_from(
    [
        "status_code",
        "status",
        "code",
        "body",
        "response",
        "headers",
        "type",
        "reason",
        "details",
        "error",
        "exceptions",
    ]
)


@given(text=st.text(max_size=200), attributes=st.dictionaries(NAMES, VALUES, max_size=6), headers=VALUES)
def test_classify_never_raises(text: str, attributes: dict[str, Any], headers: Any) -> None:
    """Whatever an exception's attributes are, it is classified and a wait is a sane number or none."""
    error = Exception(text)
    for name, value in attributes.items():
        setattr(error, name, armed(value))
    if "response" not in attributes:
        error.response = SimpleNamespace(headers=armed(headers), status_code=429)  # type: ignore[attr-defined]
    for during in ("model", "tool"):
        failure = classify(error, during, unix_now=NOW)
        assert failure.retry_after is None or 0 <= failure.retry_after < float("inf")


def test_an_exception_that_raises_when_looked_at() -> None:
    """An exception whose `str` and properties raise is unknown, no more."""
    assert classify(Hostile()).category is C.UNKNOWN
    assert classify(_raised(Hostile(), RateLimitError())).category is C.RATE_LIMIT


def test_a_printed_dict_with_odd_escapes_warns_of_nothing() -> None:
    """A path or a regular expression in a printed body is read without a warning from Python's parser."""
    text = r"{'error': {'message': 'no match for \d+ in C:\work or \\d \\\w', 'code': 'insufficient_quota'}}"
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        assert classify(Exception(text)).category is C.QUOTA_EXHAUSTED
    assert caught == []


@given(st.text(alphabet="[{(\"'\\:,0 a}])", max_size=3000))
def test_no_text_takes_the_parsers_down(text: str) -> None:
    """Brackets without end and broken quotes are text like any other."""
    assert classify(Exception(text)).category in C
