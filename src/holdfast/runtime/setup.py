"""What an orchestrator is told: flat where the field expects it flat, in groups where there is more to say."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field
from math import isfinite
from typing import TYPE_CHECKING, cast

from holdfast.core.budget import Budget
from holdfast.core.guardrails import Guardrail
from holdfast.core.lifecycle import AgentRegistry
from holdfast.core.loopguard import LoopLimits
from holdfast.core.permissions import PermissionEnforcer
from holdfast.core.policy import PolicyEngine
from holdfast.core.pricing import Prices
from holdfast.core.quality import QualityGate
from holdfast.core.ratelimit import RateLimiter
from holdfast.errors import InvalidInputError
from holdfast.runtime.breaker import AsyncCircuitBreaker, CircuitBreaker
from holdfast.runtime.clock import SYSTEM_CLOCK, Clock
from holdfast.runtime.options import Recovery, SessionLimits
from holdfast.runtime.sinks import EventSink, NoopEventSink, NoopUsageSink, UsageSink

if TYPE_CHECKING:
    from holdfast.runtime.recorder import Recorder

__all__ = ["Setup"]


@dataclass(slots=True)
class Setup:
    """What the sessions of one orchestrator share. It may be read and changed; sessions that are open keep what
    they were opened with.

    `budget_usd` is per session: going beyond it is told as an event, and with `enforce_budget` refuses and
    raises. `budget` is one that other sessions may share, and always holds. One breaker serves sync and async
    sessions; where both names are given each kind takes its own. `recover=False` calls once and only
    classifies. The loop guard sees the tool calls whose arguments are given; None turns it off. A lone rate
    limiter limits each model; a mapping of them limits models and tools by name, and what is not named is
    free. `control` is asked before every step: a string that it returns is the reason to stop.
    """

    role: str
    phase: str
    project_id: int | None = None
    registry: AgentRegistry = field(default_factory=AgentRegistry)
    permissions: PermissionEnforcer | None = None
    circuit_breaker: CircuitBreaker | None = None
    async_circuit_breaker: CircuitBreaker | AsyncCircuitBreaker | None = None
    policy_engine: PolicyEngine | None = None
    quality_gate: QualityGate | None = None
    budget_usd: float | None = None
    enforce_budget: bool = False
    max_iterations: int = 25
    guardrails: Sequence[Guardrail] = ()
    event_sink: EventSink = field(default_factory=NoopEventSink)
    usage_sink: UsageSink = field(default_factory=NoopUsageSink)
    _: KW_ONLY
    recover: bool = True
    recovery: Recovery = field(default_factory=Recovery)
    budget: Budget | None = None
    limits: SessionLimits = field(default_factory=SessionLimits)
    loop_guard: LoopLimits | None = field(default_factory=LoopLimits)
    rate_limits: RateLimiter | Mapping[str, RateLimiter] | None = None
    prices: Prices | None = None
    recorder: Recorder | None = None
    control: Callable[[], str | None] | None = None
    clock: Clock = SYSTEM_CLOCK

    def __post_init__(self) -> None:
        if not self.role or not self.phase:
            raise InvalidInputError("role" if not self.role else "phase", "is empty", "name it")
        if self.budget_usd is not None and not (isfinite(self.budget_usd) and self.budget_usd >= 0):
            raise InvalidInputError(
                "budget_usd", f"{self.budget_usd} is not an amount", "give 0 or more, or None"
            )
        _check_ports(self.guardrails, self.event_sink, self.usage_sink)
        if not _is_count(self.max_iterations):
            raise InvalidInputError("max_iterations", f"{self.max_iterations!r} is no count", "say 0 or more")


def _check_ports(guardrails: object, event_sink: object, usage_sink: object) -> None:
    """Raises `InvalidInputError` for what has not the methods of its port: an application without a type checker
    should hear of it here, not in the middle of a run."""
    if not isinstance(guardrails, Iterable):
        raise InvalidInputError("guardrails", f"is {type(guardrails).__name__}", "give a list")
    for guard in cast("Iterable[object]", guardrails):
        if not _has(guard, "check_pre", "check_post"):
            raise InvalidInputError("guardrails", f"has a {type(guard).__name__}", "see Guardrail")
    for name, sink, method in (("event_sink", event_sink, "emit"), ("usage_sink", usage_sink, "record")):
        if not _has(sink, method):
            raise InvalidInputError(name, f"is {type(sink).__name__}, which has no method {method}")


def _is_count(value: object) -> bool:
    return isinstance(value, int) and value >= 0


def _has(thing: object, *methods: str) -> bool:
    return all(callable(getattr(thing, method, None)) for method in methods)
