"""A run as a story, and its events, as a browser without scripts gets them."""

from __future__ import annotations

import re
from html import unescape
from urllib.parse import quote

import pytest

from holdfast._clock import utc_now_ns
from holdfast.server.running import Listening
from web.conftest import HOSTILE_ID, Reader
from web.sample_runs import HOSTILE_TEXT, SECOND, Story, send

pytestmark = pytest.mark.usefixtures("filled")

_STEP = re.compile(r'<li id="([^"]+)" class="tale is-(\w+)')


def _text(html: str) -> str:
    main = html.partition("<main")[2].partition("</main>")[0]
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", main)))


def test_a_run_reads_like_a_story(reader: Reader) -> None:
    """What was said stands once, in the order in which it was said; tools with what they were asked and gave; a
    failure, and what was done about it."""
    html = reader.html("/runs/refund-1/story")
    kinds = [kind for _, kind in _STEP.findall(html)]
    assert kinds[:5] == ["part", "message", "message", "message", "tool"]
    told = _text(html)
    assert told.count("My kettle arrived broken") == 1
    assert told.count("You resolve support tickets") == 1
    parts = [
        "My kettle arrived broken",
        "I will use look_up_order now.",
        '"order": "20-4417"',
        '"total": 49.9',
        "no answer within 8.0 s",
        "Recovery attempted",
        "Your refund of 49.90 was accepted.",
    ]
    places = [told.index(part) for part in parts]
    assert places == sorted(places)
    assert "delay s 0.5" in told


def test_every_step_has_an_address(reader: Reader) -> None:
    """An anchor of its own, and a way to its span in the waterfall."""
    html = reader.html("/runs/refund-1/story")
    anchors = [anchor for anchor, _ in _STEP.findall(html)]
    assert len(anchors) == len(set(anchors)) > 10
    for href in re.findall(r'<a href="([^"]+)" data-open>', html)[:5]:
        assert 'article class="span' in reader.html(unescape(href).partition("#")[0])


def test_a_long_story_comes_in_parts(reader: Reader) -> None:
    """Each span is told on exactly one page; from the last one there is no way on."""
    path, told = "/runs/wide-1000/story", list[str]()
    pages = 0
    while path:
        html = reader.html(path)
        assert len(html) < 150_000
        told += re.findall(r"<bdi>fetch page (\d+)</bdi>", html)
        later = re.search(r'<a href="([^"]+)" rel="next">', html)
        path = unescape(later[1]) if later else ""
        pages += 1
    assert pages == 17
    assert [int(number) for number in told] == [n for n in range(1_000) if n % 10 > 1]
    assert "spans 961–1,000 of 1,000" in reader.html("/runs/wide-1000/story?from=99999")


def test_hostile_texts_do_no_harm_in_a_story(reader: Reader) -> None:
    """They are shown as they are, bounded, and nothing of them is markup."""
    html = reader.html("/runs/" + _quoted(HOSTILE_ID) + "/story")
    assert HOSTILE_TEXT not in html
    assert "&lt;script&gt;" in html
    assert "\u202e" not in html
    assert len(html) < 150_000


def test_failed_attempts_in_a_row_stand_as_one(server: Listening, reader: Reader) -> None:
    """With how many they were."""
    story = Story("attempts", utc_now_ns() - 60 * SECOND).begin("Attempts", "trier")
    for _ in range(7):
        story.span(
            "m", "agent:attempt", None, 0.1, status="failed", error={"type": "RateLimit", "message": "wait"}
        )
    story.span("m", "agent:llm", None, 0.1, result_payload={"role": "assistant", "content": "at last"})
    send(server.url, server.token, story.end().items)
    told = _text(reader.html("/runs/attempts/story"))
    assert "A call failed and was tried again ×7" in told
    assert told.index("×7") < told.index("at last")


def test_events_are_shown_by_their_times_and_by_what_they_are_about(
    server: Listening, reader: Reader
) -> None:
    """A hundred a page; each kind of decision has a list of its own, that the head leads to."""
    story = Story("events", utc_now_ns() - 600 * SECOND).begin("Events", "trier")
    for number in range(130):
        story.wait(1).event(f"note {number}")
    story.event(
        "guardrail.refused", level="warning", payload={"detail": "no writing here", "guardrail": "paths"}
    )
    send(server.url, server.token, story.end().items)
    first = reader.html("/runs/events/events")
    assert "note 99<" in first
    assert "note 100<" not in first
    later = re.search(r'<a href="([^"]+)" rel="next">', first)
    assert later is not None
    assert re.findall(r"<b>(note \d+)</b>", reader.html(unescape(later[1])))[:1] == ["note 100"]
    about = re.search(r'<dt>Refused</dt><dd class="bad"[^>]*><a href="([^"]+)">1</a>', first)
    assert about is not None
    refused = reader.html(unescape(about[1]))
    assert "guardrail.refused" in refused
    assert "note" not in _text(refused).partition("All")[2].partition("guardrail")[0]


def _quoted(run_id: str) -> str:
    return quote(quote(run_id, safe=""), safe="")


def test_controls_in_force_stand_with_what_they_decided(server: Listening, reader: Reader) -> None:
    """The rules in words, from the record of the session; the numbers lead to the events."""
    story = Story("held", utc_now_ns() - 60 * SECOND)
    controls = {
        "turns": {"most": 7},
        "budget": {"usd": 0.5, "enforced": True},
        "loop_guard": {"same_call_steer": 3, "same_call_stop": 10},
        "permissions": {"mode": "read_only", "denied": ["rm"]},
        "later kind": {"x": [1, {"y": None}]},
    }
    story.begin("Held", "held", attributes={"holdfast.controls": controls})
    story.event("budget.exceeded", level="warning", payload={"detail": "0.6 of 0.5 usd"})
    send(server.url, server.token, story.end().items)
    html = reader.html("/runs/held")
    told = _text(html)
    assert "Turns at most 7" in told
    assert "Budget $0.5 a session; it holds exceeded 1" in told
    assert "Loop guard same call: word at 3, stop at 10" in told
    assert "Permissions mode read_only, denied rm" in told
    assert "Later kind x 1, y None" in told
    assert '<a href="/runs/held/events?about=budget">exceeded 1</a>' in html


def test_the_attempts_of_a_turn_stand_beside_each_other(server: Listening, reader: Reader) -> None:
    """From the turn and from each of them: what failed, how long was waited, what came through."""
    story = Story("tried", utc_now_ns() - 60 * SECOND).begin("Tried", "trier")
    turn = story.open("turn 1", "agent:turn", span_id="turn")
    error = {"type": "RateLimit", "message": "slow down", "category": "rate_limit"}
    story.span("m", "agent:llm", turn, 0.5, status="failed", error=error)
    story.wait(2)
    story.span("m", "agent:llm", turn, 1, start={"span_id": "last"}, result_payload={"content": "ok"})
    story.close(turn)
    send(server.url, server.token, story.end().items)
    for span in ("turn", "last"):
        told = _text(reader.html(f"/runs/tried?span={span}"))
        assert "Attempts 2 1. m 500 ms rate_limit: slow down 2. m 1.00 s, 2.00 s after the one before" in told
