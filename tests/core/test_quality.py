"""The quality gate and the handoff."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.core.handoff import Handoff
from holdfast.core.quality import QualityGate, QualityLevel

levels = st.sampled_from(QualityLevel)


@given(levels, levels)
def test_a_gate_opens_at_its_level_and_above(required: QualityLevel, observed: QualityLevel) -> None:
    """Satisfied exactly when what was observed is at least what is required."""
    gate = QualityGate(required)
    outcome = gate.evaluate(observed)
    assert outcome.satisfied == outcome.is_satisfied() == gate.is_satisfied_by(observed)
    assert outcome.satisfied == (observed.value >= required.value)


@given(levels)
def test_no_observation_never_satisfies(required: QualityLevel) -> None:
    """Nothing observed keeps every gate shut."""
    outcome = QualityGate(required).evaluate(None)
    assert not outcome.satisfied
    assert outcome.to_dict() == {
        "satisfied": False,
        "required_level": required.label,
        "observed_level": None,
    }


def test_levels_are_ordered_and_labelled() -> None:
    """Four levels, the lowest first, each with its name in lower case."""
    assert [level.label for level in sorted(QualityLevel)] == ["minimal", "standard", "strict", "release"]


def test_a_handoff_is_immutable_and_tells_all() -> None:
    """Its dict has every field, and no field can be set."""
    handoff = Handoff("coder", "tester", "build", "done", {"branch": "x"})
    assert handoff.to_dict() == {
        "source_role": "coder",
        "target_role": "tester",
        "phase": "build",
        "reason": "done",
        "context": {"branch": "x"},
        "project_id": None,
        "target_worker_id": "",
        "created_at": handoff.created_at,
    }
    with pytest.raises(AttributeError):
        handoff.reason = "other"  # type: ignore[misc]
