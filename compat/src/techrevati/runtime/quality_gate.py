"""The quality gate, which is Holdfast's own."""

from holdfast.core.quality import QualityGate, QualityGateOutcome, QualityLevel

__all__ = ["QualityGate", "QualityGateOutcome", "QualityLevel"]
