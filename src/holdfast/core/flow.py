"""The commands that a decision yields, and what it is sent back.

A decision that takes several steps is a generator (`Flow`): it yields one command at a time and is resumed
with the reply. It never waits, calls or reads a clock itself, so sync and async code drive the very same one:

| command    | what the driver does                                | reply             |
|------------|-----------------------------------------------------|-------------------|
| `Call`     | makes the call, catching every exception            | `Returned`, `Raised` |
| `Sleep`    | waits                                               | `None`            |
| `Emit`     | hands the event on; what a sink raises stays there  | `None`            |
| `Prepare`  | runs the hook of the step                           | `bool`: it was done |
| `Escalate` | tells a human, as far as anyone is listening        | `None`            |
| `Park`     | waits until it is woken, or for so many seconds     | `None`            |
| `Next`     | takes the next part of a stream                     | `Returned`, `Raised` |
| `Deliver`  | hands a part of a stream to whoever reads it        | `None`            |

An exception that strikes the driver in between (a cancellation while it sleeps, most of all) is thrown into
the generator at its `yield`; what the flow holds is released by its `finally`.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from typing import TYPE_CHECKING, TypeAlias, TypeVar

from msgspec import Struct

from holdfast.errors import FlowProtocolError
from holdfast.wire.agent_events import AgentEventName, AgentEventStatus, AgentFailureClass

if TYPE_CHECKING:
    from holdfast.core.failures import Failure
    from holdfast.core.recovery import EscalationPolicy, RecoveryStep

__all__ = [
    "Call",
    "Command",
    "Deliver",
    "Emit",
    "Escalate",
    "Flow",
    "Next",
    "Outcome",
    "Park",
    "Prepare",
    "Raised",
    "Reply",
    "Returned",
    "Sleep",
    "StreamEnd",
    "Target",
    "call",
    "prepare",
]

R = TypeVar("R")


class Target(Struct, frozen=True, kw_only=True):
    """Whom a call goes to. `name` is unique among the fallbacks of one flow: the driver keeps the callables
    by it. `context_window` is in tokens, None where it is not known."""

    name: str
    model: str | None = None
    context_window: int | None = None


class Call(Struct, frozen=True, kw_only=True):
    """Call `target`, with `arguments` by name where there are some. `number` counts the attempts of this flow
    from 1. Where it is not done after `seconds`
    the driver stops waiting and replies `Raised` with a `CallTimeoutError`."""

    target: Target
    number: int = 1
    seconds: float | None = None
    arguments: Mapping[str, object] | None = None


class Sleep(Struct, frozen=True, kw_only=True):
    """Wait for `seconds`; `reason` is for the record."""

    seconds: float
    reason: str


class Emit(Struct, frozen=True, kw_only=True):
    """Something that happened. The driver adds what only it knows: the time, the role, the phase."""

    event: AgentEventName
    status: AgentEventStatus
    failure_class: AgentFailureClass | None = None
    detail: str | None = None
    data: Mapping[str, object] | None = None


class Prepare(Struct, frozen=True, kw_only=True):
    """Have the application do `step` before `target` is called again: shrink the context, reduce the tools.

    `times` counts from 1 how often this flow has asked for this step.
    """

    step: RecoveryStep
    target: Target
    failure: Failure
    times: int = 1


class Escalate(Struct, frozen=True, kw_only=True):
    """A human should know. `error` is the last one; `attempts` says how many calls failed."""

    policy: EscalationPolicy
    failure: Failure
    error: BaseException
    attempts: int


class Park(Struct, frozen=True, kw_only=True):
    """Hand `enrol` a function to be woken by; wait until that is called (from any thread) or `seconds` are
    over. Where `enrol` returns False there is nothing to wait for."""

    enrol: Callable[[Callable[[], None]], bool]
    seconds: float | None = None


class Next(Struct, frozen=True, kw_only=True):
    """Take the next part of `source`, the iterable that a `Call` returned. At its end the reply is `Raised`
    with a `StreamEnd`; for the time that is allowed see `Call`."""

    source: object
    seconds: float | None = None


class StreamEnd(Exception):  # noqa: N818 - as StopIteration, which no generator may raise
    """A stream has no more parts."""


class Deliver(Struct, frozen=True, kw_only=True):
    """Hand `chunk` to the reader. A reader that goes away is thrown in as `GeneratorExit`."""

    chunk: object


class Returned(Struct, frozen=True, kw_only=True):
    """The call gave `value`. Times are seconds of the driver's monotonic clock."""

    value: object
    started: float
    ended: float


class Raised(Struct, frozen=True, kw_only=True):
    """The call raised `error`. `unix_now` (seconds since 1970) lets a Retry-After that is a date be read."""

    error: BaseException
    started: float
    ended: float
    unix_now: float | None = None


Command: TypeAlias = Call | Sleep | Emit | Prepare | Escalate | Park | Next | Deliver
Outcome: TypeAlias = Returned | Raised
Reply: TypeAlias = Returned | Raised | bool | None
Flow: TypeAlias = Generator[Command, Reply, R]


def call(target: Target, number: int) -> Flow[Outcome]:
    """One call as a step of a larger flow: `outcome = yield from call(...)`."""
    reply = yield Call(target=target, number=number)
    if isinstance(reply, Returned | Raised):
        return reply
    raise FlowProtocolError("Call", reply)


def prepare(command: Prepare) -> Flow[bool]:
    """One hook as a step of a larger flow: True where it was done."""
    reply = yield command
    if isinstance(reply, bool):
        return reply
    raise FlowProtocolError("Prepare", reply)
