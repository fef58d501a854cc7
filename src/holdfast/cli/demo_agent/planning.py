"""What a planner sees and what it answers. A model and a set of rules are planners alike."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from msgspec import Struct

from holdfast.wire.vocabulary import CostSource

__all__ = ["Decision", "Outcome", "Planner", "ToolCall", "Turn", "Usage"]


class ToolCall(Struct, frozen=True, kw_only=True):
    id: str
    name: str
    arguments: dict[str, object]


class Usage(Struct, frozen=True, kw_only=True):
    """Tokens of one step. `estimated`: nobody counted them, four characters are taken as one token."""

    input_tokens: int
    output_tokens: int
    estimated: bool
    cost_usd: float | None = None
    cost_source: CostSource = CostSource.UNKNOWN


class Decision(Struct, frozen=True, kw_only=True):
    """One step of a plan: what the planner thinks, and the calls it wants. No calls: the work is done."""

    thought: str
    calls: list[ToolCall]
    usage: Usage


class Outcome(Struct, frozen=True, kw_only=True):
    """What became of one call: `result`, or the exception that the tool raised."""

    call: ToolCall
    result: Struct | None = None
    error: Exception | None = None
    seconds: float


class Turn(Struct, frozen=True, kw_only=True):
    """`advice` is what supervision would have the planner told after it."""

    decision: Decision
    outcomes: list[Outcome]
    advice: list[str] = []


class Planner(Protocol):
    """Decides the next step. `model` and `provider` name what decides, for the record."""

    @property
    def model(self) -> str: ...

    @property
    def provider(self) -> str: ...

    def decide(self, task: str, history: Sequence[Turn]) -> Decision:
        """The next step after `history`, which is what this planner decided so far and what came of it.

        Raises `PlannerError` where a model cannot be asked.
        """
        ...
