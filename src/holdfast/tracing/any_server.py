"""Delivery to any server that speaks the HTTP API: in bulk to Holdfast, request by request to another."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Final, Protocol

import msgspec
from msgspec import Raw

from holdfast.errors import DeliveryError
from holdfast.tracing.ahead import Ahead
from holdfast.tracing.delivery import BULK_PATH, Post
from holdfast.tracing.destination import Destination
from holdfast.tracing.documented import documented, instance_of
from holdfast.tracing.transport import Answer, HttpTransport, TransportOptions
from holdfast.wire.bulk import BulkRequest
from holdfast.wire.operations import NO_JSON, Operation
from holdfast.wire.spool_state import SpoolState

__all__ = ["AnyServer", "ahead_to", "post_to"]

_PING_PATH: Final = "/api/v1/ping"
_MOST_REQUESTS: Final = 100
_MOST_FAILURES: Final = 8
_decode: Final = msgspec.json.Decoder(BulkRequest).decode
_encode: Final = msgspec.json.Encoder().encode


def post_to(
    destination: Destination, options: TransportOptions, tell: Callable[[], SpoolState] | None = None
) -> Post:
    """How records travel to this destination; `tell` says how the spool stands, to a server of ours."""
    if not destination.any_server:
        return HttpTransport(destination, options, tell).post
    # No server but ours is known to read compressed bodies.
    return AnyServer(HttpTransport(destination, replace(options, compress="never"))).post


def ahead_to(destination: Destination, options: TransportOptions) -> Ahead | None:
    """Ways of their own for the batches behind; None where requests must come one after the other: of another
    server it is not known that a finish may overtake its start."""
    if destination.any_server:
        return None
    return Ahead(HttpTransport(destination, options).post for _ in range(2))


class Transport(Protocol):
    """`HttpTransport`."""

    def get(self, path: str, timeout: float | None = None) -> Answer: ...

    def post(self, path: str, body: bytes, timeout: float | None = None) -> Answer: ...


class _PingDetails(msgspec.Struct, frozen=True):
    server: str = ""


class _Ping(msgspec.Struct, frozen=True):
    details: _PingDetails = _PingDetails()


class _Said(msgspec.Struct, frozen=True):
    """What matters of a single request's answer."""

    status: str
    code: str = ""
    message: str = ""
    errors: Raw = NO_JSON
    control: Raw = NO_JSON


@dataclass(slots=True)
class _Outcome:
    """What has come of the requests of one bulk body so far: the bulk answer in the making."""

    outputs: dict[str, object] = field(default_factory=dict[str, object])
    control: dict[str, Raw] = field(default_factory=dict[str, Raw])

    def answer(self) -> Answer:
        whole = {"status": "success", "outputs": self.outputs, "control": self.control}
        return Answer(status=200, headers={}, body=_encode(whole))


class AnyServer:
    """A `Post` in front of another. Which server it is, a ping says, once.

    A bulk body for a server that is not Holdfast becomes one documented request after the other, in order, at
    most 100 for one call; the answer is that of a bulk request which stopped there, so that whoever sends goes
    on with the rest. A request that fails without a word on what is wrong with it ends the call. One that
    keeps failing so while the server answers pings is refused: it would hold up all that comes after it.
    """

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self._is_holdfast: bool | None = None
        self._failing = ""
        self._failures = 0

    def post(self, path: str, body: bytes, timeout: float | None = None) -> Answer:
        """Raises `DeliveryError` where no answer came."""
        if self._is_holdfast is None:
            ping = self._transport.get(_PING_PATH, timeout)
            if not _tells(ping.status):
                return ping
            self._is_holdfast = _says_holdfast(ping)
        if self._is_holdfast or path != BULK_PATH:
            return self._transport.post(path, body, timeout)
        return self._one_by_one(_decode(body).items, timeout)

    def _one_by_one(self, operations: list[Operation], timeout: float | None) -> Answer:
        ends_at = None if timeout is None else time.monotonic() + timeout
        outcome = _Outcome()
        for operation in operations[:_MOST_REQUESTS]:
            left = None if ends_at is None else ends_at - time.monotonic()
            try:
                if left is not None and left <= 0:
                    raise DeliveryError("no time is left")
                stopped = self._carry_out(operation, outcome, left)
            except DeliveryError:
                if not outcome.outputs:
                    raise
                break
            if stopped is not None:
                if not outcome.outputs:
                    return stopped
                break
        return outcome.answer()

    def _carry_out(self, operation: Operation, outcome: _Outcome, timeout: float | None) -> Answer | None:
        """Send one operation; returns the answer where it says nothing about the operation itself."""
        key = operation.idempotency_key
        request = documented(operation)
        if request is None:
            outcome.outputs[key] = _failure("not_supported", "this server has no place for events")
            return None
        answer = self._transport.post(request.path, request.body, timeout)
        said = _read(answer)
        if 200 <= answer.status < 300 or (answer.status == 409 and request.repeatable):
            outcome.outputs[key] = {"status": "success"}
            run = instance_of(operation)
            if said is not None and run is not None and bytes(said.control) != bytes(NO_JSON):
                outcome.control[run] = said.control
        elif said is not None and answer.status in (400, 404, 409, 413, 415, 422):
            outcome.outputs[key] = _failure(said.code or f"http_{answer.status}", said.message, said.errors)
        elif answer.status >= 500 and self._is_poison(key, timeout):
            outcome.outputs[key] = _failure(f"http_{answer.status}", "the server fails at this one alone")
        else:
            return answer
        return None

    def _is_poison(self, key: str, timeout: float | None) -> bool:
        self._failures = self._failures + 1 if key == self._failing else 1
        self._failing = key
        return (
            self._failures >= _MOST_FAILURES and 200 <= self._transport.get(_PING_PATH, timeout).status < 300
        )


def _tells(status: int) -> bool:
    """Whether the answer to a ping says which server it is. One that does not know the word is not ours."""
    return 200 <= status < 300 or status in (404, 405)


def _says_holdfast(answer: Answer) -> bool:
    try:
        return msgspec.json.decode(answer.body, type=_Ping).details.server == "holdfast"
    except (msgspec.DecodeError, UnicodeDecodeError):
        return False


def _read(answer: Answer) -> _Said | None:
    try:
        return msgspec.json.decode(answer.body, type=_Said)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


def _failure(code: str, message: str, errors: Raw = NO_JSON) -> dict[str, object]:
    return {"status": "error", "code": code, "message": message, "errors": errors}
