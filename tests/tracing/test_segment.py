"""The framing of segments: whatever happens to the file, no wrong record is ever read."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.tracing.segment import FRAME_OVERHEAD, SegmentWriter, content_end, iter_records, read_chunk

RECORDS = [b'{"n":%d,"text":"%s"}' % (n, b"abc" * n) for n in range(6)]
SIZE = 4096


def written(path: Path, records: list[bytes], size: int = SIZE) -> int:
    """Write the records to a new segment; where they end."""
    segment = SegmentWriter(path, 1, size)
    assert all(segment.write(record) for record in records)
    segment.close()
    return segment.end


def read_all(path: Path) -> list[bytes]:
    return list(iter_records(path, 0, path.stat().st_size))


@settings(max_examples=150, deadline=None)
@given(records=st.lists(st.binary(min_size=1, max_size=400), max_size=40), most=st.integers(1, 2000))
def test_what_is_written_is_read(
    tmp_path_factory: pytest.TempPathFactory, records: list[bytes], most: int
) -> None:
    """Any records come back as they were and in order, however small the pieces they are read in."""
    path = tmp_path_factory.mktemp("s") / "1.seg"
    end = written(path, records, SIZE * 8)
    fd = os.open(path, os.O_RDONLY)
    found: list[bytes] = []
    offset = 0
    while offset < end:
        chunk = read_chunk(fd, offset, end, max_records=3, max_bytes=most)
        assert chunk.records
        found += chunk.records
        offset = chunk.next_offset
    os.close(fd)
    assert found == records


def test_cut_at_every_byte(tmp_path: Path) -> None:
    """A file cut at any byte gives the records that lie before the cut, and nothing else."""
    whole = tmp_path / "whole.seg"
    end = written(whole, RECORDS)
    content = whole.read_bytes()
    ends = []
    offset = 0
    for record in RECORDS:
        offset += FRAME_OVERHEAD + len(record)
        ends.append(offset)
    cut = tmp_path / "cut.seg"
    for length in range(end + 20):
        cut.write_bytes(content[:length])
        assert read_all(cut) == [r for r, e in zip(RECORDS, ends, strict=True) if e <= length]


def test_every_prefix_of_the_stores_is_valid(tmp_path: Path) -> None:
    """The bytes of a frame may appear in the order payload, length, checksum, one by one: a kill between
    two of them leaves what was there before."""
    path = tmp_path / "torn.seg"
    end = written(path, RECORDS)
    content = bytearray(path.read_bytes())
    start = end - FRAME_OVERHEAD - len(RECORDS[-1])
    order = [*range(start + FRAME_OVERHEAD, end), *range(start, start + FRAME_OVERHEAD)]
    last = bytes(content[start:end])
    content[start:end] = bytes(end - start)
    for place in order[:-1]:
        content[place] = last[place - start]
        path.write_bytes(content)
        assert read_all(path) in (RECORDS[:-1], RECORDS)  # the checksum's last bytes may be zeros
    content[start:end] = last
    path.write_bytes(content)
    assert read_all(path) == RECORDS


@pytest.mark.parametrize("flip", [0x01, 0x80, 0xFF])
def test_a_damaged_byte_costs_one_record_at_most(tmp_path: Path, flip: int) -> None:
    """A byte damaged anywhere never yields a record that was not written, and the others are all found."""
    path = tmp_path / "damaged.seg"
    end = written(path, RECORDS)
    content = path.read_bytes()
    for place in range(end):
        damaged = bytearray(content)
        damaged[place] ^= flip
        path.write_bytes(damaged)
        found = read_all(path)
        assert len(found) == len(RECORDS) - 1
        assert [record for record in RECORDS if record in found] == found


def test_damage_is_counted(tmp_path: Path) -> None:
    """Reading over a damaged frame says so."""
    path = tmp_path / "damaged.seg"
    end = written(path, RECORDS)
    content = bytearray(path.read_bytes())
    content[FRAME_OVERHEAD + 2] ^= 1
    path.write_bytes(content)
    fd = os.open(path, os.O_RDONLY)
    chunk = read_chunk(fd, 0, end, max_records=100, max_bytes=1 << 20)
    os.close(fd)
    assert chunk.unreadable == 1
    assert chunk.records == RECORDS[1:]


def test_a_hole_is_stepped_over(tmp_path: Path) -> None:
    """A place that was reserved and never filled does not hide the records behind it."""
    path = tmp_path / "hole.seg"
    segment = SegmentWriter(path, 1, SIZE)
    segment.write(RECORDS[0])
    segment.end += 77
    segment.write(RECORDS[1])
    segment.close()
    assert read_all(path) == RECORDS[:2]


@settings(max_examples=200, deadline=None)
@given(before=st.integers(0, 30_000), middle=st.integers(0, 20_000), after=st.integers(0, 30_000))
def test_records_are_found_among_zeros(
    tmp_path_factory: pytest.TempPathFactory, before: int, middle: int, after: int
) -> None:
    """However much emptiness lies before, between and behind, records are found and an end is no damage."""
    path = tmp_path_factory.mktemp("s") / "1.seg"
    segment = SegmentWriter(path, 1, 100_000)
    segment.end = before
    segment.write(RECORDS[2])
    segment.end += middle
    segment.write(RECORDS[5])
    segment.close()
    os.truncate(path, segment.end + after)
    assert read_all(path) == [RECORDS[2], RECORDS[5]]
    assert segment.end <= content_end(path) <= segment.end + 16


@pytest.mark.parametrize("warm", [True, False])
def test_an_empty_segment_is_empty(tmp_path: Path, warm: bool) -> None:
    """A segment that nothing was written to holds nothing, whether its pages were touched or not."""
    path = tmp_path / "1.seg"
    SegmentWriter(path, 1, 1 << 20, warm=warm).close()
    assert read_all(path) == []
    assert content_end(path) == 0


def test_a_full_segment_refuses(tmp_path: Path) -> None:
    """A record that does not fit is refused and leaves the segment as it was; the last byte can be used."""
    segment = SegmentWriter(tmp_path / "1.seg", 1, 64)
    assert not segment.write(b"x" * (65 - FRAME_OVERHEAD))
    assert segment.write(b"y" * (64 - FRAME_OVERHEAD))
    assert not segment.write(b"z")
    segment.close()
    assert read_all(tmp_path / "1.seg") == [b"y" * (64 - FRAME_OVERHEAD)]


def test_its_blocks_are_really_allocated(tmp_path: Path) -> None:
    """A new segment has its blocks on disk, so that a store into it cannot meet a full one."""
    segment = SegmentWriter(tmp_path / "1.seg", 1, 1 << 20)
    assert (tmp_path / "1.seg").stat().st_blocks * 512 >= 1 << 20
    segment.close()
