"""Under what the demo agent works, and the rehearsal that shows what supervision does.

An audit by rule goes too well to show much. So the rehearsing planner stages, once each and saying so, what
happens to agents in earnest: a planner that cannot be reached, a tool that the role may not use, and a call
repeated for nothing. What the supervision does about them is not staged.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from msgspec.structs import replace

from holdfast.cli.demo_agent.planning import Decision, Planner, ToolCall, Turn
from holdfast.cli.demo_agent.toolbox import TOOLS
from holdfast.core.budget import Budget
from holdfast.core.budget_limits import Limits
from holdfast.core.loopguard import LoopLimits
from holdfast.core.permissions import (
    PermissionEnforcer,
    PermissionMode,
    PermissionPolicy,
    RolePermissionConfig,
)
from holdfast.core.pricing import ModelPricing, PricingTable
from holdfast.runtime.options import Recovery, SessionLimits
from holdfast.runtime.orchestrator import Orchestrator
from holdfast.runtime.prices import PriceBook, default_prices

__all__ = ["RehearsingPlanner", "supervisor"]

_MOST_TURNS: Final = 60
_MOST_TOOL_CALLS: Final = 64
_AT_ONCE: Final = 3
_FORBIDDEN: Final = "remove_package"


def supervisor(role: str, rules: str) -> Orchestrator:
    """What holds for the audit: it may only read, call so many tools, and not go in circles. `rules` is the name of
    the planner that costs nothing; models cost what the price table says."""
    reads = RolePermissionConfig(role, PermissionMode.READ_ONLY, allowed_tools=list(TOOLS))
    free = PricingTable({rules: ModelPricing(0.0, 0.0)}, version="no model was asked")
    return Orchestrator(
        role=role,
        phase="audit",
        permissions=PermissionEnforcer(PermissionPolicy({role: reads}, default="deny")),
        max_iterations=_MOST_TURNS,
        budget=Budget(Limits(tool_calls=_MOST_TOOL_CALLS, warn_at=0.5), name="audit budget"),
        limits=SessionLimits(parallel_tools=_AT_ONCE),
        loop_guard=LoopLimits(same_call_steer=3, same_call_stop=10),
        recovery=Recovery(base=0.2, cap=1.0),
        prices=PriceBook(free, default_prices()),
    )


class RehearsingPlanner:
    """Plans as `planner` does. Its second step fails once on the way; after the last one it asks for a tool that it
    may not use, and looks at the same files again until it is told to stop."""

    def __init__(self, planner: Planner) -> None:
        self._planner = planner
        self._reached = False

    @property
    def model(self) -> str:
        return self._planner.model

    @property
    def provider(self) -> str:
        return self._planner.provider

    def decide(self, task: str, history: Sequence[Turn]) -> Decision:
        if history and not self._reached:
            self._reached = True
            raise ConnectionResetError("rehearsed by the demo: the connection to the planner was reset")
        decision = self._planner.decide(task, history)
        if decision.calls:
            return decision
        return self._rehearsed(decision, history)

    def _rehearsed(self, done: Decision, history: Sequence[Turn]) -> Decision:
        asked = [outcome.call for turn in history for outcome in turn.outcomes]
        number = f"call_{len(asked) + 1:03d}"
        verified = next((call for call in reversed(asked) if call.name == "verify_files"), None)
        if verified is None:
            return done
        if not any(call.name == _FORBIDDEN for call in asked):
            package = verified.arguments["package"]
            forbidden = ToolCall(id=number, name=_FORBIDDEN, arguments={"package": package})
            return replace(done, thought=f"Rehearsal: may I remove {package}?", calls=[forbidden])
        if history[-1].advice:
            return replace(done, thought=f"Rehearsal: I was told: {history[-1].advice[-1]} So I stop here.")
        thought = f"Rehearsal: once more, are the files of {verified.arguments['package']} as published?"
        return replace(done, thought=thought, calls=[replace(verified, id=number)])
