"""The comparison of two runs, as its reader gets it."""

from __future__ import annotations

import json
import re
from urllib.parse import urlencode

import pytest

from holdfast._clock import utc_now_ns
from holdfast.server.running import Listening
from holdfast.server.web.compare.pages import DiffKind
from holdfast.server.web.compare.text_diff import text_diff
from web.conftest import Reader
from web.sample_runs import SECOND, Story, hostile_run, refund_run, send, usage, wide_run

pytestmark = pytest.mark.usefixtures("twins")


@pytest.fixture(scope="module")
def twins(server: Listening) -> Listening:
    """A run and the same again with another tool in the second turn; and a third that is like the first."""
    now = utc_now_ns()
    items = refund_run(now - 9000 * SECOND, "first").items + refund_run(now - 6000 * SECOND, "third").items
    other = json.dumps(refund_run(now - 7000 * SECOND, "second").items).replace("check_policy", "ask_manager")
    items += json.loads(other.replace("within 3 to 5 days", "tomorrow"))
    items += wide_run(now - 5000 * SECOND, "wide", 400).items
    items += hostile_run(now - 4000 * SECOND, "evil & <b>").items
    send(server.url, server.token, items)
    return server


def rows(html: str) -> list[tuple[str, str]]:
    """Of each row its mark, and its text without tags."""
    table = html.partition('<table class="steps"')[2].partition("</table>")[0]
    found = re.findall(r'<tr class="m-(\w+)[^"]*" data-row>(.*?)</tr>', table, re.DOTALL)
    return [(mark, " ".join(re.sub(r"<[^>]+>", " ", text).split())) for mark, text in found]


def test_steps_stand_beside_each_other(reader: Reader) -> None:
    """What only one run did has a row of its own; the rest is matched."""
    found = rows(reader.html("/compare?a=first&b=second"))
    only = [(mark, text) for mark, text in found if mark.startswith("only")]
    assert [mark for mark, _ in only] == ["only_a", "only_b"]
    assert "check_policy" in only[0][1]
    assert "ask_manager" in only[1][1]
    assert len(found) == 18


def test_the_first_divergence_is_marked_and_told(reader: Reader) -> None:
    """Of the steps and of the results; the links lead there."""
    html = reader.html("/compare?a=first&b=second")
    assert "They part in row 7: check_policy is only in A." in html
    assert "The results first differ in row 6." in html
    parting = re.search(r'<tr class="m-only_a[^"]* parting"', html)
    assert parting is not None
    href = re.search(r'check_policy is only in A\. <a href="([^"#]+)', html)
    assert href is not None
    there = reader.html(href[1].replace("&amp;", "&"))
    assert "Row 7: check_policy" in there


def test_the_texts_of_a_row_are_compared(reader: Reader) -> None:
    """Without a choice those of the first results that differ: what the model said."""
    texts = reader.html("/compare?a=first&b=second").partition('id="texts"')[2].partition("</section>")[0]
    assert "Row 6: claude-sonnet-4-5" in texts
    lines = re.findall(r'<li class="(only_\w)">.*?<span dir="auto">(.*?)</span>', texts)
    assert ("only_a", " &#34;content&#34;: &#34;I will use check_policy now.&#34;,") in lines
    assert ("only_b", " &#34;content&#34;: &#34;I will use ask_manager now.&#34;,") in lines


def test_tools_and_models_are_counted_on_both_sides(reader: Reader) -> None:
    """Those that differ first."""
    tools = reader.html("/compare?a=first&b=second").partition(">Tools<")[2].partition("</section>")[0]
    named = re.findall(r"<bdi>(\w+)</bdi></th><td>([^<]*)</td><td>([^<]*)</td>", tools)
    assert named[:2] == [("ask_manager", "—", "1 call"), ("check_policy", "1 call", "—")]
    assert ("refund", "2 calls, 1 failed", "2 calls, 1 failed") in named


@pytest.mark.parametrize(
    ("models", "marks"),
    [
        ("gpt-5 gpt-5-mini gpt-5", ["same", "same", "same"]),
        ("gpt-5-mini gpt-5", ["only_a", "same", "same"]),
        ("claude-a claude-b claude-a", ["differs", "differs", "differs"]),
    ],
)
def test_calls_are_matched_by_the_models_that_both_runs_use(
    server: Listening, reader: Reader, models: str, marks: list[str]
) -> None:
    """And where they use different ones in their order."""
    now = utc_now_ns()
    first = f"calls before {models}"
    for run_id, names in ((first, "gpt-5 gpt-5-mini gpt-5"), (models, models)):
        story = Story(run_id, now - 500 * SECOND).begin(run_id, "caller")
        for name in names.split():
            story.span(name, "agent:llm", None, 1, attributes=usage(name, 1, 1, 0.1))
        send(server.url, server.token, story.end().items)
    found = rows(reader.html("/compare?" + urlencode({"a": first, "b": models})))
    assert [mark for mark, _ in found] == marks


def test_runs_that_are_alike_say_so(reader: Reader) -> None:
    """No divergence, no differing row."""
    html = reader.html("/compare?a=first&b=third")
    assert "Both runs took the same steps, and each ended in the same way." in html
    assert {mark for mark, _ in rows(html)} == {"same"}
    assert "No step is another." in reader.html("/compare?a=first&b=third&only=differing")


def test_the_run_before_can_be_named_as_such(reader: Reader) -> None:
    """The one that the agent did last before the other; the first one has none."""
    html = reader.html("/compare?a=previous&b=second")
    assert "<code>first</code>" in html
    answer = reader.get("/compare?a=previous&b=first")
    assert answer.status == 404
    assert "This is the first run of its agent" in answer.data.decode()


def test_two_ticked_runs_are_compared_older_first(reader: Reader) -> None:
    """As the list of runs sends them, the newer one first."""
    html = reader.html("/compare?run=second&run=first")
    assert html.index("<code>first</code>") < html.index("<code>second</code>")


def test_without_two_runs_the_page_asks_for_them(reader: Reader) -> None:
    """What is known stays in the form; what is not there is told."""
    html = reader.html("/compare?a=first")
    assert 'name="a" value="first"' in html
    answer = reader.get("/compare?a=first&b=nobody")
    assert answer.status == 404
    assert "There is no run with this id here: nobody" in answer.data.decode()


def test_only_other_steps_can_be_asked_for_and_long_runs_are_paged(reader: Reader) -> None:
    """A hundred rows at a time; whoever comes to a row sees it."""
    html = reader.html("/compare?a=wide&b=first")
    assert len(rows(html)) == 100
    assert "Later ›" in html
    other = reader.html("/compare?a=wide&b=first&only=differing&from=100")
    assert "‹ Earlier" in other
    assert {mark for mark, _ in rows(other)} <= {"only_a", "only_b", "differs"}
    assert "sel" in reader.html("/compare?a=wide&b=first&at=300").partition('id="steps"')[2]
    assert "There is no such row." in reader.html("/compare?a=wide&b=first&at=99999")


def test_hostile_runs_are_compared_harmlessly(reader: Reader) -> None:
    """Names, payloads and ids are text."""
    html = reader.html("/compare?" + urlencode({"a": "evil & <b>", "b": "first", "at": 1}))
    assert "<script>alert" not in html
    assert "&lt;script&gt;" in html
    assert len(html) < 400_000


def test_a_reader_without_a_login_is_led_to_the_help(server: Listening) -> None:
    """As from every page."""
    answer = Reader(server.url, "").get("/compare?a=first&b=second")
    assert (answer.status, answer.headers["location"]) == (303, "/login/help")


@pytest.mark.parametrize(
    ("a", "b", "kinds"),
    [
        (b'{"x":1,"y":[2]}', b'{"y":[2],"x":1}', set()),
        (b'"one\\ntwo"', b'"one\\n2"', {DiffKind.BOTH, DiffKind.ONLY_A, DiffKind.ONLY_B}),
        (None, b'"new"', {DiffKind.ONLY_B}),
        (b"\xff not json", b"\xff not json either", {DiffKind.ONLY_A, DiffKind.ONLY_B}),
    ],
)
def test_payloads_are_compared_by_line(a: bytes | None, b: bytes | None, kinds: set[DiffKind]) -> None:
    """JSON as it is laid out, whatever the order of its keys; texts at their own line ends."""
    found = text_diff("Result", a, b)
    assert found is not None
    assert {line.kind for line in found.lines} == kinds
    assert found.same == (not kinds)


def test_long_and_deep_payloads_are_cut_and_say_so() -> None:
    """Bounded whatever comes."""
    for a, b in ((b'"' + b"x" * 900_000 + b'"', b'"y"'), (b"[" * 5_000 + b"]" * 5_000, b"[]")):
        found = text_diff("Result", a, b)
        assert found is not None
        assert found.note
        assert sum(len(line.text) for line in found.lines) < 500_000
    many = json.dumps(list(range(5_000))).encode()
    found = text_diff("Result", many, many[:-1] + b",1]")
    assert found is not None
    assert not found.same
