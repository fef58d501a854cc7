"""Payloads, whatever they are, become a bounded list of lines."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from holdfast.server.services.clean_text import clean, one_line
from holdfast.server.services.json_read import decode_json, resolve_pointer
from holdfast.server.services.viewing.chat_view import read_chat
from holdfast.server.services.viewing.payload_view import LineKind, PayloadView, show_merged, show_payload

_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


def _show(value: Any) -> PayloadView:
    shown = show_payload(json.dumps(value).encode())
    assert shown is not None
    return shown


@given(_json)
def test_containers_open_and_close_in_pairs(value: Any) -> None:
    """A page can turn the lines into nested elements without looking ahead."""
    shown = show_payload(json.dumps(value).encode())
    level = 0
    for line in () if shown is None else shown.lines:
        level += {LineKind.OPEN: 1, LineKind.CLOSE: -1}.get(line.kind, 0)
        assert level >= 0
    assert level == 0


def test_a_payload_of_any_size_gives_a_bounded_view() -> None:
    """Ten megabytes of text, five thousand rows, and a thousand lists of a thousand."""
    for value in ("x" * 10_000_000, [{"a": 1}] * 5_000, [list(range(1_000))] * 1_000):
        shown = _show(value)
        assert shown.clipped
        assert len(shown.lines) < 1_000
        assert sum(len(line.text) for line in shown.lines) < 20_000


def test_deep_json_is_cut_where_it_gets_too_deep_to_look_at() -> None:
    """Two hundred levels are shown in part; a hundred thousand are shown as text."""
    shown = show_payload(b"[" * 200 + b"]" * 200)
    assert shown is not None
    assert shown.clipped
    assert any(line.kind is LineKind.MORE for line in shown.lines)
    endless = show_payload(b"[" * 100_000 + b"]" * 100_000)
    assert endless is not None
    assert endless.plain is not None


def test_no_single_field_makes_a_view_large() -> None:
    """Long names of roles, long ways to a text, many tool calls, marks with many facts."""
    call = {"name": "n", "arguments": "a" * 2_000}
    for value in (
        {"role": "r" * 100_000, "content": "x", "tool_calls": [call] * 1_000},
        {"k" * 100_000: ["t" * 3_000] * 60},
        {"$truncated": {f"{number}\u202e" * 100: 1 for number in range(1_000)}},
    ):
        shown = _show(value)
        assert len(repr(shown)) < 200_000
        assert "\u202e" not in "".join(line.text for line in shown.lines)


def test_a_role_may_be_anything() -> None:
    """What is no text is no role, and the payload is shown as it is."""
    roles: tuple[object, ...] = ([], {}, 1, None)
    for role in roles:
        assert _show({"role": role, "content": "x"}).chat is None
        assert _show({"messages": [{"role": role, "content": "x"}]}).chat is None


def test_a_clipped_text_can_be_fetched_by_its_pointer() -> None:
    """Keys with slashes and tildes included."""
    value = {"a/b": [{"~": "z" * 5_000}]}
    line = next(line for line in _show(value).lines if line.at is not None)
    assert line.at is not None
    assert resolve_pointer(value, line.at) == "z" * 5_000


def test_what_the_recorder_put_in_the_place_of_something_is_marked() -> None:
    """Redactions, truncations and bytes do not look like data."""
    value = {
        "key": {"$redacted": "api_key"},
        "cut": [1, {"$truncated": {"kept": 1, "items": 9}}],
        "blob": {"$bytes": "AAAA"},
        "ring": {"$cycle": True},
    }
    marks = [line.text for line in _show(value).lines if line.kind is LineKind.MARK]
    assert marks[0] == "redacted: api_key"
    assert "kept 1, items 9" in marks[1]
    assert marks[2:] == [
        "3 bytes that are no text",
        "inside itself: a reference back to a container around this one",
    ]


def test_what_is_no_json_is_shown_as_the_text_it_is() -> None:
    """Nothing that is stored is hidden because it cannot be read."""
    shown = show_payload(b"{broken \xff")
    assert shown is not None
    assert shown.plain == "{broken \ufffd"


def test_no_payload_gives_no_view() -> None:
    """`null` says that there is none."""
    assert show_payload(None) is None
    assert show_payload(b"null") is None


def test_attributes_of_the_finish_win() -> None:
    """As everywhere else."""
    shown = show_merged(b'{"a": 1, "b": 1}', b'{"b": 2}')
    assert shown is not None
    assert [(line.key, line.text) for line in shown.lines[1:-1]] == [("a", "1"), ("b", "2")]


def test_lone_surrogates_and_nan_are_read() -> None:
    """Other writers' JSON is shown too."""
    assert decode_json(b'"\\ud800"') == "\ud800"
    assert clean("\ud800") == "\ufffd"
    assert str(decode_json(b"[NaN]")) == "[nan]"


def test_invisible_characters_are_made_visible() -> None:
    """Direction marks, zero widths and controls are named; joiners of emoji stay; colours go."""
    assert clean("a\u202eb") == "a⟨U+202E⟩b"
    assert clean("a\u200bb\x00") == "a⟨U+200B⟩b␀"
    assert clean("\x1b[1;31mred\x1b[0m\r\nnext") == "red\nnext"
    assert clean("👩\u200d👧") == "👩\u200d👧"
    assert one_line("a\n\tb " * 100, 9) == "a b a b …"


def test_a_conversation_is_found_in_the_shapes_of_the_field() -> None:
    """OpenAI, Anthropic, Gemini and OpenTelemetry messages; answers; lists of messages."""
    call = {"id": "1", "type": "function", "function": {"name": "look", "arguments": '{"at": "x"}'}}
    shapes: list[Any] = [
        [{"role": "user", "content": "hi"}],
        {"messages": [{"role": "user", "content": [{"type": "text", "text": "hi"}]}]},
        {"contents": [{"role": "user", "parts": [{"text": "hi"}]}]},
        {"role": "user", "parts": [{"type": "text", "content": "hi"}]},
        {"choices": [{"message": {"role": "assistant", "content": "hi"}}]},
        {"content": "hi", "tool_calls": []},
    ]
    for shape in shapes:
        chat = read_chat(shape)
        assert chat is not None, shape
        assert chat.recent[-1].text == "hi"
    chat = read_chat({"role": "assistant", "content": None, "tool_calls": [call]})
    assert chat is not None
    assert chat.recent[0].calls[0].name == "look"
    assert json.loads(chat.recent[0].calls[0].arguments) == {"at": "x"}
    others: list[Any] = [{"a": 1}, [1, 2], "text", {"role": "admin", "content": "x"}, {"messages": []}]
    for other in others:
        assert read_chat(other) is None


def test_of_a_long_conversation_the_beginning_and_the_end_are_shown() -> None:
    """And how much is between."""
    chat = read_chat([{"role": "user", "content": str(number)} for number in range(100)])
    assert chat is not None
    assert [said.text for said in chat.head] == ["0", "1"]
    assert chat.recent[-1].text == "99"
    assert chat.earlier + len(chat.recent) == 100
    assert chat.skipped == 100 - 2 - 10 - 4
