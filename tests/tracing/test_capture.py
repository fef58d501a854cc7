"""Payloads that are not JSON: the closest faithful form, bounded, never raised."""

from __future__ import annotations

import base64
import dataclasses
import datetime as dt
import json
import math
import tracemalloc
import uuid
from collections import OrderedDict, deque, namedtuple
from decimal import Decimal
from enum import Enum, IntEnum
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pydantic
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import holdfast
from holdfast.testing import MemoryRecorder
from holdfast.tracing.client import ClientConfig
from holdfast.tracing.encoding import PayloadEncoder

ENCODER = PayloadEncoder(max_payload=1 << 20)


CLEAN = PayloadEncoder(max_payload=1 << 20, redact=False)


def recorded(value: Any, encoder: PayloadEncoder = CLEAN) -> Any:
    body, _ = encoder.pair({"v": value}, None)
    return json.loads(bytes(body))["v"]


class Colour(Enum):
    RED = "red"


class Level(IntEnum):
    HIGH = 3


@dataclasses.dataclass
class Point:
    x: int
    y: Any


class Item(msgspec.Struct):
    name: str


class Model(pydantic.BaseModel):
    name: str
    secret_note: pydantic.SecretStr
    when: dt.datetime
    hidden: str = pydantic.Field(default="h", exclude=True)


class Attrs:
    """As `attrs` makes its classes."""

    __attrs_attrs__ = (SimpleNamespace(name="a"), SimpleNamespace(name="b"))

    def __init__(self) -> None:
        self.a = 1
        self.b = {2}


class Text(str):
    """Text of a class of its own."""


class Broken:
    def __repr__(self) -> str:
        raise RuntimeError("no")


class Plain:
    def __repr__(self) -> str:
        return "<Plain>"


Pair = namedtuple("Pair", ["left", "right"])
UTC = dt.UTC


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (b"plain text", "plain text"),
        (b"\xff\x00", {"$bytes": "/wA="}),
        (bytearray(b"abc"), "abc"),
        (memoryview(b"abc"), "abc"),
        (b"", ""),
        ({3, 1, 2}, [1, 2, 3]),
        (frozenset({"b", "a"}), ["a", "b"]),
        (deque([1, 2]), [1, 2]),
        (range(3), [0, 1, 2]),
        ((1, (2,)), [1, [2]]),
        (dt.datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC), "2026-01-02T03:04:05Z"),
        (dt.date(2026, 1, 2), "2026-01-02"),
        (dt.time(3, 4), "03:04:00"),
        (dt.timedelta(minutes=1), "PT60S"),
        (Decimal("1.10"), "1.10"),
        (uuid.UUID(int=5), "00000000-0000-0000-0000-000000000005"),
        (Path("/a/b"), "/a/b"),
        (Colour.RED, "red"),
        (Level.HIGH, 3),
        (Point(1, Point(2, None)), {"x": 1, "y": {"x": 2, "y": None}}),
        (Item(name="n"), {"name": "n"}),
        (Attrs(), {"a": 1, "b": [2]}),
        (Pair(1, 2), {"left": 1, "right": 2}),
        (OrderedDict(a=1), {"a": 1}),
        (Text("x"), "x"),
        (math.nan, "NaN"),
        (math.inf, "Infinity"),
        (-math.inf, "-Infinity"),
        ([1.5, math.nan], [1.5, "NaN"]),
        (2**64 - 1, 2**64 - 1),
        (2**80, 2**80),
        (-(2**20_000), hex(-(2**20_000))),
        (1 + 2j, "(1+2j)"),
        (True, True),
        ({1: "a", None: "b", 2.5: "c"}, {"1": "a", "None": "b", "2.5": "c"}),
        ({Colour.RED: "d", (1, 2): "e"}, {"red": "d", "(1, 2)": "e"}),
        ({1: "a", "1": "b"}, {"1": "a", "1#2": "b"}),
        ("lone \ud800 surrogate", "lone \\ud800 surrogate"),
        ({"\udfff": 1}, {"\\udfff": 1}),
        (ValueError("bad"), {"type": "ValueError", "message": "bad"}),
        (Broken(), "<Broken: repr raised RuntimeError>"),
        (Plain(), "<Plain>"),
        (int, "<class 'int'>"),
    ],
    ids=lambda value: type(value).__name__,
)  # fmt: skip
def test_objects_are_recorded_in_their_closest_form(value: Any, expected: Any) -> None:
    """Every kind of object that agents hand over has a form in JSON."""
    assert recorded(value) == expected


def test_a_pydantic_model_is_its_own_dump() -> None:
    """A model is recorded as it dumps itself: excluded fields stay out, secrets stay hidden."""
    model = Model(name="n", secret_note=pydantic.SecretStr("hush"), when=dt.datetime(2026, 1, 1, tzinfo=UTC))
    shown = recorded(model)
    assert shown["name"] == "n"
    assert shown["when"] == "2026-01-01T00:00:00Z"
    assert "hidden" not in shown
    assert "hush" not in json.dumps(shown)


def test_arrays_of_numbers_are_lists_where_they_are_small() -> None:
    """What offers itself as a NumPy array is listed up to 1,000 numbers, and shown as its repr beyond."""

    class Array:
        def __init__(self, size: int) -> None:
            self.size = size

        def tolist(self) -> list[int]:
            assert self.size <= 1000
            return list(range(self.size))

        def __repr__(self) -> str:
            return "array([0, ...])"

    Array.__module__ = "numpy"
    assert recorded(Array(3)) == [0, 1, 2]
    assert recorded(Array(100_000)) == "array([0, ...])"


def test_an_iterator_is_not_consumed() -> None:
    """Recording a generator leaves it to its owner."""
    generator = (number for number in range(3))
    assert "generator object" in recorded(generator)
    assert list(generator) == [0, 1, 2]


def test_cycles_and_depth_end() -> None:
    """A list inside itself is marked, and nesting ends at a depth."""
    circle: list[Any] = [1]
    circle.append(circle)
    assert recorded(circle) == [1, {"$cycle": True}]
    deep: Any = "bottom"
    for _ in range(100_000):
        deep = [deep]
    text = json.dumps(recorded(deep))
    assert "$truncated" in text
    assert len(text) < 1000


def test_the_same_object_twice_is_no_cycle() -> None:
    """An object that appears twice side by side is recorded twice."""
    shared = {"a": {1}}
    assert recorded([shared, shared]) == [{"a": [1]}, {"a": [1]}]


def test_a_huge_text_is_cut_without_being_copied() -> None:
    """Of 100 MB of text the beginning is kept, with a mark of how much there was, in bounded memory."""
    huge = "x" * 100_000_000
    tracemalloc.start()
    try:
        with MemoryRecorder() as recorder, holdfast.span("s", payload={"text": huge, "more": 1}):
            pass
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    payload = recorder.span("s").payload
    assert payload["text"].endswith("of 100000000 characters]")
    assert payload["more"] == 1
    assert 1000 < len(payload["text"]) < 1 << 20
    assert recorder.span("s").attributes["holdfast.truncated"] > 98_000_000
    assert peak < 20_000_000


def test_huge_bytes_lists_and_mappings_are_cut_too() -> None:
    """Each kind of collection says how much of it was kept."""
    small = PayloadEncoder(max_payload=4096)
    for value, unit in (
        (b"\xff" * 1_000_000, "bytes"),
        (list(range(100_000)), "items"),
        ({str(n): n for n in range(100_000)}, "items"),
    ):
        body, attributes = small.pair({"v": value, "w": "kept"}, None)
        shown = json.loads(bytes(body))
        assert shown["w"] == "kept"
        mark = shown["v"][-1] if isinstance(shown["v"], list) else shown["v"]
        assert mark["$truncated"][unit] == len(value)
        assert len(bytes(body)) <= 4096
        assert json.loads(bytes(attributes))["holdfast.truncated"] > 0


def test_long_texts_are_shortened_before_structure_is_lost() -> None:
    """A conversation that is too long keeps all its messages, each shortened."""
    small = PayloadEncoder(max_payload=20_000)
    messages = [{"role": "user", "content": f"{n} " + "x" * 5000} for n in range(12)]
    body, _ = small.pair({"messages": messages}, None)
    shown = json.loads(bytes(body))["messages"]
    assert [one["content"].split()[0] for one in shown] == [str(n) for n in range(12)]
    assert len(bytes(body)) <= 20_000


def test_texts_that_json_writes_sixfold_stay_in_bounds() -> None:
    """Control characters count as the six bytes that JSON makes of them."""
    small = PayloadEncoder(max_payload=10_000)
    body, _ = small.pair({"v": "\x01" * 9_000}, None)
    assert len(bytes(body)) <= 10_000 * 2 + 4096


def test_a_slow_value_takes_bounded_time() -> None:
    """A structure of millions of nodes is given up after a while, with what was kept."""

    class Endless(dict[str, Any]):
        """A mapping that makes another of its kind for every key."""

        def __init__(self) -> None:
            super().__init__(a=None, b=None)

        def items(self) -> Any:
            return [("a", Endless()), ("b", Endless())]

    assert "$truncated" in json.dumps(recorded(Endless()))


def test_a_value_that_is_no_object_is_wrapped() -> None:
    """The payload of a span is an object: anything else is its `value`."""
    for value, shown in (("text", "text"), ([1], [1]), (7, 7), (Colour.RED, "red")):
        body, _ = ENCODER.pair(value, None)
        assert json.loads(bytes(body)) == {"value": shown}


def test_attributes_take_any_value_too() -> None:
    """An attribute that is not JSON is recorded as a payload would be."""
    with (
        MemoryRecorder() as recorder,
        holdfast.span("s", attributes={"at": dt.date(2026, 1, 1), "n": math.nan}),
    ):
        pass
    assert recorder.span("s").attributes == {"at": "2026-01-01", "n": "NaN"}


def test_a_model_that_cannot_dump_is_its_repr() -> None:
    """A failing `model_dump` does not lose the span."""

    class Failing:
        model_fields = ()

        def model_dump(self, **_: Any) -> dict[str, Any]:
            raise RuntimeError

        def __repr__(self) -> str:
            return "<Failing>"

    assert recorded(Failing()) == "<Failing>"


@given(st.binary(max_size=1000))
def test_bytes_can_be_had_back(value: bytes) -> None:
    """Bytes are recorded as their text, or as base64 in full, as long as they fit."""
    shown = recorded(value)
    assert (shown.encode() if isinstance(shown, str) else base64.b64decode(shown["$bytes"])) == value


utf8 = st.text(st.characters(codec="utf-8"))
json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | utf8,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(utf8, inner, max_size=5),
    max_leaves=25,
)


@given(json_values)
@settings(deadline=None)
def test_plain_json_comes_back_equal(value: Any) -> None:
    """Whatever is JSON already is recorded unchanged."""
    assert recorded(value) == value


any_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary() | st.dates() | st.datetimes()
    | st.decimals() | st.uuids() | st.complex_numbers() | st.timedeltas(),
    lambda inner: st.lists(inner, max_size=5) | st.tuples(inner, inner) | st.sets(st.integers() | st.text())
    | st.dictionaries(st.text() | st.integers() | st.none() | st.floats(), inner, max_size=5),
    max_leaves=25,
)  # fmt: skip


@given(any_values, st.sampled_from([200, 2_000, 1 << 20]), st.booleans())
@settings(deadline=None, max_examples=200)
def test_nothing_raises_and_all_is_json_within_bounds(value: Any, most: int, redact: bool) -> None:
    """Any value becomes valid JSON, an object, about as large as allowed at most."""
    encoder = PayloadEncoder(max_payload=most, redact=redact)
    body, attributes = encoder.pair(value, {"a": value})
    for encoded in (body, attributes):
        if bytes(encoded) != b"null":
            assert isinstance(json.loads(bytes(encoded)), dict)
            assert len(bytes(encoded)) <= 2 * most + 4096


def test_the_hot_path_and_the_careful_one_agree() -> None:
    """A plain payload is recorded alike whether or not a rule of the user's forces the careful way."""
    hooked = PayloadEncoder(max_payload=1 << 20, hook=lambda _, value: value)
    value = {"a": [1, 2.5, None, True, {"b": "text", "c": []}], "d": {}}
    assert bytes(ENCODER.pair(value, value)[0]) == bytes(hooked.pair(value, value)[0])
    assert bytes(ENCODER.pair(value, value)[1]) == bytes(hooked.pair(value, value)[1])


def test_the_settings_bound_payloads() -> None:
    """`max_payload` of the client holds for payloads, results and attributes."""
    config = ClientConfig(max_payload=2000, raise_errors=True)
    with MemoryRecorder(config) as recorder, holdfast.span("s", payload={"t": "x" * 9000}) as span:
        span.set_result({"t": "y" * 9000})
    recorded_span = recorder.span("s")
    assert len(recorded_span.payload["t"]) < 2000
    assert len(recorded_span.result["t"]) < 2000
    assert recorded_span.attributes["holdfast.truncated"] > 7000
    assert recorded_span.attributes["holdfast.truncated.result"] > 7000
