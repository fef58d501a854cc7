"""Holdfast's records under the eyes of `dataclasses`.

The originals were dataclasses, and programs call `replace`, `asdict` and `fields` on them. Those functions go by
one attribute of the class, which Holdfast's records (`msgspec.Struct`) do not have by themselves.
"""

from __future__ import annotations

import dataclasses
from typing import Any, Final

import msgspec

from techrevati.runtime.agent_events import AgentEvent
from techrevati.runtime.agent_lifecycle import AgentWorkerEvent
from techrevati.runtime.guardrails import AllowAllGuardrail, GuardrailOutcome
from techrevati.runtime.handoffs import Handoff
from techrevati.runtime.permissions import PermissionOutcome, RolePermissionConfig
from techrevati.runtime.policy_engine import PolicyActionData, PolicyRule
from techrevati.runtime.quality_gate import QualityGate, QualityGateOutcome
from techrevati.runtime.retry_policy import RecoveryEvent, RecoveryRecipe, RecoveryResult
from techrevati.runtime.usage_tracking import ModelPricing, UsageSnapshot

__all__ = ["show_as_dataclasses"]

_NEWER: Final[dict[type[msgspec.Struct], set[str]]] = {
    GuardrailOutcome: {"replacement"},
    ModelPricing: {"per_request", "tiers"},
    UsageSnapshot: {"reasoning_tokens"},
}
"""Fields that the originals did not have."""

_RECORDS: Final[tuple[type[msgspec.Struct], ...]] = (
    AgentEvent,
    AgentWorkerEvent,
    AllowAllGuardrail,
    GuardrailOutcome,
    Handoff,
    ModelPricing,
    PermissionOutcome,
    PolicyActionData,
    PolicyRule,
    QualityGate,
    QualityGateOutcome,
    RecoveryEvent,
    RecoveryRecipe,
    RecoveryResult,
    RolePermissionConfig,
    UsageSnapshot,
)


def show_as_dataclasses() -> None:
    """Let `dataclasses` see the records with the fields that the originals had. A repeat changes nothing."""
    for record in _RECORDS:
        newer = _NEWER.get(record, set())
        fields = [_field(found) for found in msgspec.structs.fields(record) if found.name not in newer]
        shown = dataclasses.make_dataclass(record.__name__, fields)
        record.__dataclass_fields__ = shown.__dataclass_fields__  # type: ignore[attr-defined]  # the purpose


def _field(found: msgspec.structs.FieldInfo) -> tuple[str, Any, Any]:
    if found.default_factory is not msgspec.NODEFAULT:
        held: Any = dataclasses.field(default_factory=found.default_factory)
    elif found.default is not msgspec.NODEFAULT:
        held = dataclasses.field(default=found.default)
    else:
        held = dataclasses.field()
    return found.name, found.type, held
