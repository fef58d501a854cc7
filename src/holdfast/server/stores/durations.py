"""The sketch of run durations in a row of `rollups`: how many runs fell into which bucket."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Final

import msgspec

__all__ = ["add_durations", "bucket_of", "bucket_upper_ms", "merge_durations", "quantile_ns"]

_BASE: Final = 1.1
"""Buckets grow by 10 %: a quantile read from them is at most 5 % off in the middle of its bucket."""

_decode: Final = msgspec.json.Decoder(dict[int, int]).decode


def bucket_of(duration_ns: int) -> int:
    """The bucket of a duration; everything up to one millisecond is in bucket 0."""
    return max(0, math.floor(math.log(max(duration_ns, 1) / 1e6, _BASE)))


def bucket_upper_ms(bucket: int) -> float:
    """The longest duration in a bucket, in milliseconds."""
    return float(_BASE ** (bucket + 1))


def add_durations(stored: bytes, delta: Mapping[int, int]) -> bytes:
    """`stored` with `delta` added, buckets in order, empty ones left out."""
    counts = _decode(stored)
    for bucket, runs in delta.items():
        counts[bucket] = counts.get(bucket, 0) + runs
    return msgspec.json.encode({str(bucket): counts[bucket] for bucket in sorted(counts) if counts[bucket]})


def merge_durations(sketches: Iterable[bytes]) -> dict[int, int]:
    """The sketch of all their runs together."""
    merged: dict[int, int] = {}
    for sketch in sketches:
        for bucket, runs in _decode(sketch).items():
            merged[bucket] = merged.get(bucket, 0) + runs
    return merged


def quantile_ns(counts: Mapping[int, int], share: float) -> int | None:
    """The duration in nanoseconds that `share` (0 to 1) of the runs did not exceed; None without runs.

    The nearest rank: of n runs the ⌈share·n⌉-th shortest. Its bucket b holds 1.1**b to 1.1**(b+1) ms; the
    answer is the geometric middle, 1.1**(b+½) ms, at most 5 % off. Up to one millisecond it is one.
    """
    runs = sum(counts.values())
    if runs <= 0:
        return None
    rank = max(1, math.ceil(share * runs))
    seen = 0
    for bucket in sorted(counts):
        seen += counts[bucket]
        if seen >= rank:
            return round(_BASE ** (bucket + 0.5) * 1e6) if bucket else 1_000_000
    return None
