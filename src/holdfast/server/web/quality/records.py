"""The numbers that agents put into their quality records, by day."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import cast

import msgspec

from holdfast.server.stores.reads.quality import QualityLine

__all__ = ["NumberSeries", "number_series"]

_DAY = 24 * 3_600_000_000_000
_MOST_FIELDS = 12
_decode = msgspec.json.Decoder().decode


@dataclass(slots=True)
class NumberSeries:
    """One number of one kind of record: its sum and count by day, or (`path` empty) how many records there are
    that hold none. `newest` is the record that came last."""

    name: str
    path: str
    agent_id: str | None
    agent_name: str | None
    newest: QualityLine
    count: int = 0
    violations: int = 0
    days: dict[int, tuple[float, int]] = field(default_factory=dict[int, tuple[float, int]])

    @property
    def mean(self) -> float | None:
        seen = sum(count for _, count in self.days.values())
        return sum(total for total, _ in self.days.values()) / seen if seen else None

    def add(self, line: QualityLine, value: float | None) -> None:
        self.count += 1
        self.violations += bool(line.violations)
        if value is not None:
            day = line.timestamp // _DAY
            total, count = self.days.get(day, (0.0, 0))
            self.days[day] = total + value, count + 1


def number_series(lines: Sequence[QualityLine]) -> list[NumberSeries]:
    """By name, agent and path, the newest record first for each; at most 12 numbers of a record are followed."""
    found: dict[tuple[str, str | None, str], NumberSeries] = {}
    for line in lines:
        numbers: dict[str, float | None] = dict(_numbers(line.payload))
        numbers = numbers or {"": None}
        for path, value in numbers.items():
            key = line.name, line.agent_id, path
            series = found.get(key)
            if series is None:
                series = found[key] = NumberSeries(line.name, path, line.agent_id, line.agent_name, line)
            series.add(line, value)
    return sorted(found.values(), key=lambda one: (one.name, one.agent_name or "", one.path))


def _numbers(payload: bytes | None) -> Iterator[tuple[str, float]]:
    """The numbers, and truth values as 1 and 0, at the top of a record and one level below; a record that is
    itself a number has the path `value`."""
    if payload is None:
        return
    try:
        value = _decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return
    top = cast("dict[str, object]", value) if isinstance(value, dict) else {"value": cast("object", value)}
    left = _MOST_FIELDS
    for path, one in _flat(top):
        if isinstance(one, int | float) and math.isfinite(one) and left > 0:
            left -= 1
            yield path[:80], float(one)


def _flat(top: Mapping[str, object]) -> Iterator[tuple[str, object]]:
    for key, value in top.items():
        if isinstance(value, dict):
            inner = cast("dict[str, object]", value)
            yield from ((f"{key}.{name}", one) for name, one in inner.items())
        else:
            yield key, value
