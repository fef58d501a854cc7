"""A trend as small as a word: a picture beside a number, with its meaning in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

__all__ = ["SPARK_HEIGHT", "SPARK_WIDTH", "Sparkline", "sparkline"]

SPARK_WIDTH: Final = 100
SPARK_HEIGHT: Final = 24
_EDGE: Final = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Sparkline:
    """For the macro `spark` in `bits.html`. `path` is the `d` of an SVG path in a box of `SPARK_WIDTH` by
    `SPARK_HEIGHT`, empty where there is nothing to draw; `label` says it in words."""

    path: str
    label: str


def sparkline(values: Sequence[float | None], label: str, *, least: float | None = None) -> Sparkline:
    """The values from left to right, equally far apart; None leaves a gap. The lowest lies at the bottom
    (`least`, where it is given and lower) and the highest at the top; a value alone is a dot."""
    known = [value for value in values if value is not None]
    if not known:
        return Sparkline(path="", label=label)
    low = min(known) if least is None else min(least, *known)
    span = max(known) - low
    step = (SPARK_WIDTH - 2 * _EDGE) / max(1, len(values) - 1)
    room = SPARK_HEIGHT - 2 * _EDGE
    parts: list[str] = []
    drawing = False
    for place, value in enumerate(values):
        if value is None:
            drawing = False
            continue
        x = _EDGE + place * step if len(values) > 1 else SPARK_WIDTH / 2
        y = SPARK_HEIGHT - _EDGE - (room * (value - low) / span if span else room / 2)
        alone = not drawing and (place + 1 == len(values) or values[place + 1] is None)
        # a line of no length with round ends is a dot
        parts.append(f"{'L' if drawing else 'M'}{x:.1f} {y:.1f}" + ("h0" if alone else ""))
        drawing = True
    return Sparkline(path="".join(parts), label=label)
