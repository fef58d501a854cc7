"""What callers of a session say, made into requests: the same words for plain and for async sessions."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from dataclasses import replace as with_changes
from math import inf
from types import CoroutineType
from typing import Any, Final, Generic, TypedDict, TypeVar, cast

import msgspec

from holdfast.core.budget_limits import Spend
from holdfast.core.flow import Target
from holdfast.core.tool_call import ToolRequest
from holdfast.core.turn import TurnParts, TurnRequest
from holdfast.core.usage import UsageSnapshot
from holdfast.errors import InvalidInputError
from holdfast.runtime.hands import Work, inside_a_call
from holdfast.runtime.options import Fallback, check_fallbacks
from holdfast.runtime.parts import Parts

__all__ = ["ToolCall", "ToolResult", "TurnOptions", "tool_request", "turn_request"]

_LOG: Final = logging.getLogger("holdfast")
_PRIMARY: Final = "primary"
T = TypeVar("T")


class TurnOptions(TypedDict, total=False):
    """What a turn may be told besides the call itself.

    `estimate` is reserved in the budget before the call: US dollars and tokens as a `Spend`, or tokens of which
    the price is looked up. `input` is what the record shows as the turn's input. `fallbacks` are used instead
    of the orchestrator's.
    """

    estimate: Spend | UsageSnapshot | None
    input: object
    fallbacks: Sequence[Fallback]


@dataclass(frozen=True, slots=True)
class ToolCall(Generic[T]):
    """One of several tool calls: `fn` is called with `arguments` by name, or with none where there are none. In an
    async session it returns a coroutine. `call_id` is the model's own id of the call; `timeout` is in seconds."""

    name: str
    fn: Callable[..., T]
    arguments: Mapping[str, object] | None = None
    call_id: str | None = None
    timeout: float | None = None


@dataclass(frozen=True, slots=True)
class ToolResult(Generic[T]):
    """What became of one of several tool calls: a value, or the error that refused or failed it."""

    call: ToolCall[Any]
    value: T | None = None
    error: Exception | None = None

    @property
    def ok(self) -> bool:
        return self.error is None

    def unwrap(self) -> T:
        """The value; raises the error where there is one."""
        if self.error is not None:
            raise self.error
        return cast("T", self.value)


def turn_request(
    parts: Parts,
    fn: Work,
    model: str,
    usage: UsageSnapshot | None,
    estimate_usage: Callable[[Any], object] | None,
    timeout: float | None,
    options: TurnOptions,
) -> tuple[TurnParts, TurnRequest, Mapping[str, Work]]:
    """Parts, request and callables of one turn. Raises `InvalidInputError` for what cannot be asked."""
    _check_callable(fn)
    _check_seconds(timeout)
    turns, works = parts.turns, parts.fallbacks
    _check_known(model, usage)
    if options and not options.keys() <= TurnOptions.__annotations__.keys():
        unknown = ", ".join(sorted(options.keys() - TurnOptions.__annotations__.keys()))
        raise InvalidInputError("options", f"has no {unknown}", "estimate, input and fallbacks are known")
    fallbacks = options.get("fallbacks")
    if fallbacks is not None:
        turns, works = _with_fallbacks(turns, fallbacks)
    name = model or _PRIMARY
    estimate = options.get("estimate")
    request = TurnRequest(
        target=Target(name=name, model=model or None),
        usage=usage,
        read=None if estimate_usage is None else _guarded(estimate_usage),
        estimate=_ONE_TURN if estimate is None else _spend(turns, model, estimate),
        seconds=timeout,
        payload=options.get("input"),
        patient=not inside_a_call(),
    )
    return turns, request, {**works, name: fn}


def tool_request(call: ToolCall[Any]) -> ToolRequest:
    _check_named(call.name, call.arguments)
    _check_callable(call.fn)
    _check_seconds(call.timeout)
    return ToolRequest(
        name=call.name,
        arguments=call.arguments,
        seconds=call.timeout,
        call_id=call.call_id,
        patient=not inside_a_call(),
    )


_ONE_TURN: Final = Spend(turns=1)


def _with_fallbacks(turns: TurnParts, fallbacks: Sequence[Fallback]) -> tuple[TurnParts, Mapping[str, Work]]:
    check_fallbacks(fallbacks)
    plan = turns.plan
    if plan is not None:
        plan = msgspec.structs.replace(plan, fallbacks=tuple(one.target for one in fallbacks))
    changed = with_changes(
        turns, plan=plan, fallback_circuits={one.target.name: one.circuit_breaker for one in fallbacks}
    )
    return changed, {one.target.name: one.call for one in fallbacks}


def _spend(turns: TurnParts, model: str, estimate: Spend | UsageSnapshot) -> Spend:
    if isinstance(estimate, Spend):
        return msgspec.structs.replace(estimate, turns=1)
    _check_known(model, estimate)
    cost = turns.spending.price(model, estimate)
    return Spend(usd=cost.usd or 0.0, tokens=estimate.total_tokens, turns=1)


def _guarded(read: Callable[[Any], object]) -> Callable[[object], UsageSnapshot | None]:
    def reading(value: object) -> UsageSnapshot | None:
        try:
            found = read(value)
        except Exception:  # noqa: BLE001 - a hook that raises never breaks a session
            _LOG.exception("estimate_usage raised; the usage of this turn is not known")
            return None
        return found if isinstance(found, UsageSnapshot) else None

    return reading


def _check_callable(fn: object) -> None:
    if not callable(fn):
        kind = type(fn).__name__
        if isinstance(fn, CoroutineType):
            cast("CoroutineType[object, object, object]", fn).close()
        raise InvalidInputError("fn", f"is {kind}, not a function", "give a function of no arguments")


# What follows is for callers without a type checker, who should hear of a mistake before a call is paid for.


def _check_known(model: object, usage: object) -> None:
    if model is not None and not isinstance(model, str):
        raise InvalidInputError("model", f"is {type(model).__name__}", "give its name")
    if usage is not None and not isinstance(usage, UsageSnapshot):
        raise InvalidInputError("usage", f"is {type(usage).__name__}", "give a UsageSnapshot")


def _check_named(name: object, arguments: object) -> None:
    if not isinstance(name, str) or not name:
        raise InvalidInputError("tool_name", f"is {name!r}", "name the tool")
    if arguments is not None and not isinstance(arguments, Mapping):
        raise InvalidInputError("arguments", f"are {type(arguments).__name__}", "give a mapping by name")


def _check_seconds(timeout: object) -> None:
    if timeout is not None and not (isinstance(timeout, (int, float)) and 0 < timeout < inf):
        raise InvalidInputError("timeout", f"{timeout} is no time", "give more than 0 seconds, or None")
