"""The quality gate: was the level that is required also observed?"""

from __future__ import annotations

from msgspec import Struct

from holdfast.wire.runtime_vocabulary import QualityLevel

__all__ = ["QualityGate", "QualityGateOutcome", "QualityLevel"]


class QualityGateOutcome(Struct, frozen=True):
    """What a gate found. `observed_level` is None where nothing was observed."""

    satisfied: bool
    required_level: QualityLevel
    observed_level: QualityLevel | None

    def is_satisfied(self) -> bool:
        return self.satisfied

    def to_dict(self) -> dict[str, object]:
        return {
            "satisfied": self.satisfied,
            "required_level": self.required_level.label,
            "observed_level": None if self.observed_level is None else self.observed_level.label,
        }


class QualityGate(Struct, frozen=True):
    """A gate that opens at `required_level` and above. Without an observation it stays shut."""

    required_level: QualityLevel

    def evaluate(self, observed: QualityLevel | None) -> QualityGateOutcome:
        satisfied = observed is not None and observed >= self.required_level
        return QualityGateOutcome(satisfied, self.required_level, observed)

    def is_satisfied_by(self, observed: QualityLevel) -> bool:
        return observed >= self.required_level
