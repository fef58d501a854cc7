"""PFIDs against the published vectors and against themselves."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.errors import InvalidInputError
from holdfast.wire.pfid import PARTITION_LIMIT, Pfid, decode_pfid, encode_pfid, is_pfid, partition_of

VECTORS = Path(__file__).resolve().parents[3] / "shared" / "reference" / "pfid_fixtures.csv"


def test_the_published_vectors() -> None:
    """Every published vector is what we encode, and decodes to its parts."""
    if not VECTORS.exists():
        pytest.skip("the PFID vectors are not here: ../shared/reference/pfid_fixtures.csv")
    with VECTORS.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) > 1000
    for row in rows:
        parts = Pfid(
            milliseconds=int(row["timestamp"]),
            partition=int(row["partition"]),
            random=bytes.fromhex(row["randomness_hex"]),
        )
        assert encode_pfid(parts) == row["pfid"]
        assert decode_pfid(row["pfid"]) == parts


@pytest.mark.parametrize(
    ("milliseconds", "partition", "random", "text"),
    [
        (0, 0, bytes(10), "0" * 32),
        ((1 << 48) - 1, PARTITION_LIMIT - 1, b"\xff" * 10, "7" + "z" * 31),
        (1_800_000_000_000, 33, bytes(9) + b"\x21", "01mcc5rm00" + "000011" + "0" * 14 + "11"),
    ],
)
def test_known_ids(milliseconds: int, partition: int, random: bytes, text: str) -> None:
    """The layout is ten characters of time, six of partition, sixteen of randomness."""
    assert encode_pfid(Pfid(milliseconds=milliseconds, partition=partition, random=random)) == text


@given(
    st.integers(0, (1 << 48) - 1), st.integers(0, PARTITION_LIMIT - 1), st.binary(min_size=10, max_size=10)
)
def test_what_is_encoded_is_decoded(milliseconds: int, partition: int, random: bytes) -> None:
    """Encoding loses nothing, and ids sort by time."""
    parts = Pfid(milliseconds=milliseconds, partition=partition, random=random)
    text = encode_pfid(parts)
    assert decode_pfid(text) == parts
    if milliseconds:
        assert encode_pfid(Pfid(milliseconds=milliseconds - 1, partition=partition, random=random)) < text


@pytest.mark.parametrize(
    "text", ["", "0" * 31, "0" * 33, "8" + "0" * 31, "0" * 31 + "u", "0" * 31 + "A", "é" * 32]
)
def test_what_is_no_pfid(text: str) -> None:
    """Wrong length, a time past 48 bits and letters outside the alphabet are refused."""
    assert not is_pfid(text)
    with pytest.raises(InvalidInputError, match="not a PFID"):
        decode_pfid(text)


def test_parts_that_do_not_fit() -> None:
    """A part too large for its place is refused, never cut."""
    fit = Pfid(milliseconds=0, partition=0, random=bytes(10))
    for field, wrong in [("milliseconds", 1 << 48), ("partition", PARTITION_LIMIT), ("random", b"x")]:
        with pytest.raises(InvalidInputError, match=field):
            encode_pfid(Pfid(**{"milliseconds": 0, "partition": 0, "random": fit.random, field: wrong}))  # type: ignore[arg-type]


def test_accounts_have_partitions() -> None:
    """An account keeps its partition; one that is named by a PFID has that id's."""
    own = encode_pfid(Pfid(milliseconds=5, partition=77, random=bytes(10)))
    assert partition_of(own) == 77
    assert partition_of("default") == partition_of("default") != partition_of("other")
