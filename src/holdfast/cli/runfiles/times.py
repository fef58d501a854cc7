"""When each turn of a recorded run began and ended, the missing times filled in so that the order holds."""

from __future__ import annotations

from collections.abc import Sequence
from email.utils import parsedate_to_datetime
from enum import StrEnum

from msgspec import Struct

from holdfast._clock import parse_utc
from holdfast.cli.runfiles.records import RunRecord, TurnRecord
from holdfast.errors import InvalidInputError

__all__ = ["Synthetic", "Times", "run_times", "turn_times"]

_MS = 1_000_000
_UNTIMED_NS = _MS
"""What a turn is taken to last where nothing says so: long enough to be seen, too short to mislead."""


class Synthetic(StrEnum):
    """Which of a span's times the importer made up."""

    START = "start"
    END = "end"
    BOTH = "both"


class Times(Struct, frozen=True, kw_only=True):
    """Nanoseconds since 1970."""

    started: int
    finished: int
    synthetic: Synthetic | None = None


def turn_times(run: RunRecord, fallback_ns: int) -> list[Times]:
    """One for each turn. A run that names no time at all begins at `fallback_ns`."""
    cursor = _given(run.started_at)
    if cursor is None:
        cursor = _first_known(run.turns, fallback_ns)
    times: list[Times] = []
    for turn in run.turns:
        found = _times_of(turn, cursor)
        times.append(found)
        cursor = max(cursor, found.finished)
    return times


def run_times(run: RunRecord, turns: Sequence[Times], fallback_ns: int) -> Times:
    started, finished = _given(run.started_at), _given(run.ended_at)
    begin = started if started is not None else min((each.started for each in turns), default=fallback_ns)
    last = max((each.finished for each in turns), default=begin)
    if finished is None and run.duration_ms is not None:
        last = max(last, begin + int(run.duration_ms * _MS))
    end = finished if finished is not None else last
    return Times(started=begin, finished=end, synthetic=_synthetic(started is None, finished is None))


def _times_of(turn: TurnRecord, cursor: int) -> Times:
    started, finished = _given(turn.started_at), _given(turn.ended_at)
    lasted = None if turn.duration_ms is None else int(turn.duration_ms * _MS)
    synthetic = _synthetic(
        started is None and (finished is None or lasted is None),
        finished is None and (started is None or lasted is None),
    )
    if started is None:
        if finished is None:
            started = cursor
        else:
            started = finished - lasted if lasted is not None else min(cursor, finished)
    if finished is None:
        finished = started + (_UNTIMED_NS if lasted is None else lasted)
    return Times(started=started, finished=finished, synthetic=synthetic)


def _synthetic(start: bool, end: bool) -> Synthetic | None:
    if start and end:
        return Synthetic.BOTH
    if start:
        return Synthetic.START
    return Synthetic.END if end else None


def _first_known(turns: Sequence[TurnRecord], fallback_ns: int) -> int:
    for turn in turns:
        known = _given(turn.started_at)
        if known is None:
            known = _given(turn.ended_at)
        if known is not None:
            return known
    return fallback_ns


def _given(text: str | None) -> int | None:
    """ISO 8601, or the date of an HTTP header as recordings of requests have it. A time that cannot be read is
    taken as none: one bad stamp must not lose the run."""
    if text is None:
        return None
    try:
        return parse_utc(text)
    except InvalidInputError:
        pass
    try:
        return parse_utc(parsedate_to_datetime(text).isoformat())
    except ValueError:  # an InvalidInputError is one too
        return None
