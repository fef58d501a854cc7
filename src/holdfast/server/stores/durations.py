"""The sketch of run durations in a row of `rollups`: how many runs fell into which bucket."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Final

import msgspec

__all__ = ["add_durations", "bucket_of", "bucket_upper_ms"]

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
