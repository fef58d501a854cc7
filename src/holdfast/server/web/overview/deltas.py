"""How a number compares with the period before."""

from __future__ import annotations

from holdfast.server.web.overview.pages import Change, Tone

__all__ = ["against", "moved", "rate_change"]

_SAME = 0.005
_NOTED = 0.05


def against(
    value: float, before: float | None, elapsed: float, told: str, *, more_is: Tone = Tone.PLAIN
) -> Change | None:
    """`before` counts for the part of its period that `elapsed` says; `told` is how it is shown. None where
    there is nothing to compare with, or nothing on either side."""
    if before is None or (not value and not before):
        return None
    title = f"{told} in the period before"
    if not before:
        return Change(text="none before", title=title, tone=more_is)
    ratio = value / (before * elapsed) - 1 if elapsed else 0.0
    return Change(text=moved(ratio), title=title, tone=_tone(ratio, more_is))


def moved(ratio: float) -> str:
    if abs(ratio) < _SAME:
        return "as before"
    if ratio >= 1:
        return f"× {ratio + 1:.1f}"
    return f"{'↑' if ratio > 0 else '↓'} {max(1, round(abs(ratio) * 100))} %"


def rate_change(value: float | None, before: float | None) -> Change | None:
    """Two shares, in percentage points; more is better."""
    if value is None or before is None:
        return None
    points = (value - before) * 100
    title = f"{before:.1%} in the period before"
    if abs(points) < 0.05:
        return Change(text="as before", title=title)
    tone = Tone.PLAIN if abs(points) < 1 else Tone.GOOD if points > 0 else Tone.BAD
    return Change(text=f"{'↑' if points > 0 else '↓'} {abs(points):.1f} points", title=title, tone=tone)


def _tone(ratio: float, more_is: Tone) -> Tone:
    if more_is is Tone.PLAIN or abs(ratio) < _NOTED:
        return Tone.PLAIN
    if ratio > 0:
        return more_is
    return Tone.GOOD if more_is is Tone.BAD else Tone.BAD
