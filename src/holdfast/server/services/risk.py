"""How risky a span is, by the data risk that its type declares and the profile that its agent is held to.

The score is 0 to 100: half of it for the worst that the span may do, half for the most sensitive data that
it carries in or out. A profile says how much of what is left `unknown` counts. Computed when it is read, so
that another profile holds for old runs too.
"""

from __future__ import annotations

from typing import Final, cast

from msgspec import Struct

from holdfast.wire.vocabulary import RiskLevel

__all__ = ["PROFILES", "RiskProfile", "risk_level", "risk_score"]


class RiskProfile(Struct, frozen=True, kw_only=True):
    """`unknown` is the weight, 0 to 1, of an action or a data category that is declared as unknown."""

    id: str
    name: str
    description: str
    unknown: float


PROFILES: Final = {
    profile.id: profile
    for profile in (
        RiskProfile(
            id="standard",
            name="Standard",
            description="What is unknown does not count.",
            unknown=0.0,
        ),
        RiskProfile(
            id="cautious",
            name="Cautious",
            description="What is unknown counts half.",
            unknown=0.5,
        ),
        RiskProfile(
            id="strict",
            name="Strict",
            description="What is unknown counts as if it were so.",
            unknown=1.0,
        ),
    )
}

_ACTIONS: Final = {
    "read_data": 10,
    "create_data": 20,
    "update_data": 30,
    "external_communication": 35,
    "destroy_data": 50,
    "financial_transactions": 50,
}
_CLASSES: Final = {"public": 0, "internal": 10, "confidential": 25, "restricted": 40, "secret": 50}
_CATEGORY: Final = 5
"""Points of each kind of personal or sensitive data, on top of the classification; 50 in all at most."""


def risk_score(data_risk: dict[str, object], profile: RiskProfile) -> float:
    """0 to 100. What is not declared counts as unknown."""
    actions = _object(data_risk, "action_profile")
    worst = max(
        points * _weight(actions.get(action), "allowed", profile) for action, points in _ACTIONS.items()
    )
    data = max(
        _data_points(_object(data_risk, part), profile)
        for part in ("params_data_categories", "result_data_categories")
    )
    return round(worst + data, 1)


def risk_level(score: float) -> RiskLevel:
    """low below 25, medium below 50, high below 75, critical from there on."""
    levels = (RiskLevel.LOW, RiskLevel.MEDIUM, RiskLevel.HIGH)
    return next(
        (level for level, end in zip(levels, (25, 50, 75), strict=True) if score < end), RiskLevel.CRITICAL
    )


def _data_points(declared: dict[str, object], profile: RiskProfile) -> float:
    classification = declared.get("classification")
    known = _CLASSES.get(classification) if isinstance(classification, str) else None
    points = profile.unknown * 25 if known is None else float(known)
    for category, value in declared.items():
        if category != "classification":
            points += _CATEGORY * _weight(value, "included", profile)
    return min(50.0, points)


def _weight(value: object, full: str, profile: RiskProfile) -> float:
    if value == full:
        return 1.0
    return profile.unknown if value in (None, "unknown") else 0.0


def _object(whole: dict[str, object], name: str) -> dict[str, object]:
    part = whole.get(name)
    return cast("dict[str, object]", part) if isinstance(part, dict) else {}
