"""How a benchmark says what it found: one table, with the number to hold and whether it was held."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["Line", "median", "print_table", "spread"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One row. `held` is None where the row has no number to hold."""

    what: str
    ours: str
    peer: str = ""
    goal: str = ""
    held: bool | None = None


def median(values: Sequence[float]) -> float:
    return statistics.median(values)


def spread(values: Sequence[float], form: str = "{:.1f}") -> str:
    """The median and, behind it, the least and the most."""
    least, most = min(values), max(values)
    return f"{form.format(median(values))} ({form.format(least)} to {form.format(most)})"


def print_table(title: str, lines: Sequence[Line]) -> None:
    heads = ("what", "Holdfast", "peer", "to hold", "")
    verdict = {True: "held", False: "MISSED", None: ""}
    rows = [heads, *((line.what, line.ours, line.peer, line.goal, verdict[line.held]) for line in lines)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(heads))]
    print(f"\n## {title}\n")
    for number, row in enumerate(rows):
        print("| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |")
        if number == 0:
            print("|" + "|".join("-" * (width + 2) for width in widths) + "|")
    print(flush=True)
