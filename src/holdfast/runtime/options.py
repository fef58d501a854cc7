"""What an orchestrator is told in groups: how to recover, and how long and how much at a time."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from math import inf, isfinite
from typing import Any

from holdfast.core.flow import Target
from holdfast.core.recovery import FailureScenario, JitterMode, RecoveryRecipe, RecoveryStep, Remedy
from holdfast.core.recovery_flow import RecoveryPlan
from holdfast.errors import InvalidInputError
from holdfast.runtime.breaker import CircuitBreaker
from holdfast.runtime.hands import EscalateHook, PrepareHook
from holdfast.wire.vocabulary import FailureCategory

__all__ = ["Fallback", "Recovery", "SessionLimits", "check_fallbacks"]


@dataclass(frozen=True, slots=True)
class Fallback:
    """Another model to turn to, and the function that calls it: a plain one for sync sessions, one that returns
    a coroutine for async ones. `name` tells two fallbacks with the same model apart. One whose
    `circuit_breaker` is open is passed over. After a context overflow only a fallback with a larger
    `context_window` (tokens) is turned to."""

    model: str
    call: Callable[[], Any]
    name: str | None = None
    context_window: int | None = None
    circuit_breaker: CircuitBreaker | None = None

    def __post_init__(self) -> None:
        if not self.model or not callable(self.call):
            raise InvalidInputError(
                "fallback", "has no model or no function", "Fallback('model', function of no arguments)"
            )

    @property
    def target(self) -> Target:
        return Target(name=self.name or self.model, model=self.model, context_window=self.context_window)


@dataclass(frozen=True, slots=True, kw_only=True)
class Recovery:
    """How sessions recover; `holdfast.core.recovery.REMEDIES` is what is done without a word here.

    The hooks carry out a step before the next call and may say False for "could not": `shrink_context` after a
    context overflow, `reduce_tools`, `clear_memory` and `restart` where a remedy asks for them. `escalate` is
    told when a human should know. `remedies` replaces the default of the categories it names, `recipes` that of
    all categories of a scenario. For the numbers see `holdfast.core.recovery_flow.RecoveryPlan`.
    """

    fallbacks: Sequence[Fallback] = ()
    remedies: Mapping[FailureCategory, Remedy] = field(default_factory=dict[FailureCategory, Remedy])
    recipes: Mapping[FailureScenario, RecoveryRecipe] = field(
        default_factory=dict[FailureScenario, RecoveryRecipe]
    )
    shrink_context: PrepareHook | None = None
    reduce_tools: PrepareHook | None = None
    clear_memory: PrepareHook | None = None
    restart: PrepareHook | None = None
    escalate: EscalateHook | None = None
    max_attempts: int = 8
    base: float = 2.0
    cap: float = 60.0
    retry_after_cap: float = 60.0
    jitter: JitterMode = JitterMode.DECORRELATED

    def __post_init__(self) -> None:
        check_fallbacks(self.fallbacks)
        if self.max_attempts < 1:
            raise InvalidInputError("max_attempts", f"{self.max_attempts} allows no call", "say 1 or more")
        for name, seconds in (
            ("base", self.base),
            ("cap", self.cap),
            ("retry_after_cap", self.retry_after_cap),
        ):
            if not 0 <= seconds < inf:
                raise InvalidInputError(name, f"{seconds} is no time", "give seconds, 0 or more")
        JitterMode(self.jitter)

    def hooks(self) -> dict[RecoveryStep, PrepareHook]:
        given = {
            RecoveryStep.RETRY_WITH_SMALLER_CONTEXT: self.shrink_context,
            RecoveryStep.REDUCE_TOOL_SET: self.reduce_tools,
            RecoveryStep.CLEAR_MEMORY_CACHE: self.clear_memory,
            RecoveryStep.RESTART_AGENT: self.restart,
        }
        return {step: hook for step, hook in given.items() if hook is not None}

    def plan(self) -> RecoveryPlan:
        return RecoveryPlan(
            fallbacks=tuple(fallback.target for fallback in self.fallbacks),
            remedies=self.remedies,
            recipes=self.recipes,
            hooks=frozenset(self.hooks()),
            max_attempts=self.max_attempts,
            base=self.base,
            cap=self.cap,
            retry_after_cap=self.retry_after_cap,
            jitter=self.jitter,
        )


def check_fallbacks(fallbacks: Sequence[object]) -> None:
    """Raises `InvalidInputError` where two of them cannot be told apart, or one is none."""
    names: set[str] = set()
    for one in fallbacks:
        if not isinstance(one, Fallback):
            raise InvalidInputError("fallbacks", f"has a {type(one).__name__}", "each is a Fallback")
        if one.target.name in names:
            raise InvalidInputError(
                "fallbacks", f"names {one.target.name!r} twice", "give each a name of its own"
            )
        names.add(one.target.name)


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionLimits:
    """Seconds, and how many tools at a time. None is no limit.

    `turn_seconds` bounds a turn with all its attempts and waits, `call_seconds` one call of it (one that is
    late is tried again), `tool_seconds` a tool, `session_seconds` the session and those it hands over to.
    """

    turn_seconds: float | None = None
    call_seconds: float | None = None
    tool_seconds: float | None = None
    session_seconds: float | None = None
    parallel_tools: int = 8

    def __post_init__(self) -> None:
        for name in ("turn_seconds", "call_seconds", "tool_seconds", "session_seconds"):
            seconds: float | None = getattr(self, name)
            if seconds is not None and not (isfinite(seconds) and seconds > 0):
                raise InvalidInputError(
                    name, f"{seconds} is no time", "give more than 0, or None for no limit"
                )
        if self.parallel_tools < 1:
            raise InvalidInputError(
                "parallel_tools", f"{self.parallel_tools} would run none", "say 1 or more"
            )
