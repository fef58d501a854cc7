"""Pages as a browser without scripts gets them."""

from __future__ import annotations

import re
from html import unescape
from urllib.parse import quote

import pytest
import urllib3

from holdfast.server.running import Listening
from holdfast.server.stores.reads.run_views import RunVersion
from holdfast.server.web.run.live import is_settled
from web.conftest import HOSTILE_ID, Reader
from web.sample_runs import HOSTILE_TEXT, SECOND

pytestmark = pytest.mark.usefixtures("filled")

_RUN = re.compile(r'<a href="(/runs/[^"]+)" data-open>')


def _hostile_path() -> str:
    return "/runs/" + quote(quote(HOSTILE_ID, safe=""), safe="")


def _links(html: str, label: str) -> list[str]:
    found = re.findall(rf'<a[^>]* href="([^"]+)"[^>]*>{label}</a>', html)
    return [unescape(href) for href in found]


def test_every_run_is_on_exactly_one_page_of_the_list(reader: Reader) -> None:
    """Going older to the end, and newer back to the beginning."""
    path, older = "/runs", []
    while True:
        html = reader.html(path)
        older += _RUN.findall(html)
        following = _links(html, "Older ›")
        if not following:
            break
        path = following[0]
    assert len(older) == len(set(older)) == 64
    newer: list[str] = []
    while True:
        html = reader.html(path)
        newer = _RUN.findall(html) + newer
        following = _links(html, "‹ Newer")
        if not following:
            break
        path = following[0]
    assert newer == older


def test_filters_narrow_the_list(reader: Reader) -> None:
    """By status, by agent, by time, by a text in the name, by an id; and together."""
    assert len(_RUN.findall(reader.html("/runs?status=failed"))) == 1
    assert _RUN.findall(reader.html("/runs?q=refund-1")) == ["/runs/refund-1"]
    assert _RUN.findall(reader.html("/runs?q=OF+10,000")) == ["/runs/wide-10000"]
    assert len(_RUN.findall(reader.html("/runs?within=24h&status=complete"))) == 3
    crawler = re.search(r'<option value="([^"]+)">crawler</option>', reader.html("/runs"))
    assert crawler is not None
    assert len(_RUN.findall(reader.html(f"/runs?agent={crawler[1]}"))) == 2
    html = reader.html(f"/runs?agent={crawler[1]}&status=failed")
    assert "No run matches" in html
    assert "Show all runs" in html


@pytest.mark.parametrize(
    "query",
    [
        "status=no",
        "before=x.y",
        "within=9y",
        "before=99999999999999999999.1",
        "before=9999999999999999999.9",
        "after=1.9223372036854775808",
        "q=%00%ff",
        "agent=nobody",
    ],
)
def test_a_query_that_makes_no_sense_still_gives_a_page(reader: Reader, query: str) -> None:
    """It counts as not given, or matches nothing."""
    assert "<h1>Runs</h1>" in reader.html(f"/runs?{query}")


def test_a_long_address_does_not_make_a_long_page(reader: Reader) -> None:
    """The addresses of rows repeat the page's own: of what it says only so much is kept."""
    plain = len(reader.html("/runs/refund-1"))
    for query in (
        "fold=" + "a" * 40_000,
        "fold=" + ".".join(["0123456789abcdef"] * 2_000),
        "span=" + "s" * 40_000,
    ):
        assert len(reader.html(f"/runs/refund-1?{query}")) < plain + 50_000, query[:30]
    assert len(reader.html("/runs?agent=" + "a" * 40_000)) < 60_000


def test_an_unknown_cost_is_never_shown_as_nothing(reader: Reader) -> None:
    """The list, the head and the span say that it is unknown."""
    row = reader.html("/runs?q=wide-1000")
    assert re.search(r'class="cost unknown"[^>]*>—&ensp;unknown<', row)
    assert "$0<" not in row
    head = reader.html("/runs/wide-1000")
    assert "— unknown" in head.replace("&ensp;", " ")


def test_nothing_of_a_hostile_run_becomes_markup(reader: Reader) -> None:
    """Names, ids, keys, values and errors are text on every page."""
    path = _hostile_path()
    run_page = reader.html(path)
    spans = re.findall(r'class="nm" href="(\?[^"#]+)#detail"', run_page)
    pages = [reader.html("/runs"), run_page, *(reader.html(path + unescape(href)) for href in spans)]
    assert len(pages) == 2 + 7
    for html in pages:
        assert "<script>alert" not in html
        assert "<img" not in html
        assert "\u202e" not in html
        assert len(html) < 150_000
    assert HOSTILE_TEXT in unescape(pages[-1])


def test_a_text_that_was_cut_is_served_whole_as_plain_text(reader: Reader) -> None:
    """No browser takes it for a page."""
    path = _hostile_path()
    span = quote("span long/ä?#%41", safe="")
    html = reader.html(f"{path}?span={span}")
    hrefs = [unescape(href) for href in re.findall(r'<a href="([^"]+)">Show all</a>', html)]
    answer = reader.get(hrefs[0])
    assert answer.data == b"y" * 300_000
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert reader.get(f"{path}/raw?span={span}&part=payload").status == 200
    assert reader.get(f"{path}/raw?span={span}&part=payload&at=/no/0").status == 404
    assert reader.get(f"{path}/raw?span=nobody&part=payload").status == 404


def test_a_run_of_ten_thousand_spans_comes_as_a_small_page(reader: Reader) -> None:
    """A window of rows, links to those around it, and the chosen span in the middle."""
    html = reader.html("/runs/wide-10000")
    assert html.count('<li class="r ') == 120
    assert len(html) < 120_000
    later = _links(html, "Later ›")
    assert "121–240 of 10,000" in reader.html("/runs/wide-10000" + later[0])
    rows = reader.html("/runs/wide-10000?from=9900")
    assert "9,901–10,000" in rows.replace("9901–10000", "9,901–10,000")
    chosen = re.findall(r'class="nm" href="(\?[^"#]+)#detail"', rows)[-1]
    around = reader.html("/runs/wide-10000" + unescape(chosen))
    assert around.count('aria-current="true" title="fetch page 9999') == 1


def test_the_failed_view_shows_failures_in_their_places(reader: Reader) -> None:
    """Each with the turn around it."""
    html = reader.html("/runs/wide-1000?only=failed")
    names = re.findall(r"<bdi>([^<]+)</bdi>", html.partition('id="rows"')[2].partition("</ol>")[0])
    assert "fetch page 97" in names
    assert "Turn 10" in names
    assert "fetch page 96" not in names


def test_folding_a_span_hides_its_inside(reader: Reader) -> None:
    """By a link, so that it works without scripts and can be sent to someone."""
    html = reader.html("/runs/refund-1")
    fold = re.findall(r'<a class="f" href="(\?[^"]+)"', html)
    assert "look_up_order" in html
    folded = reader.html("/runs/refund-1" + unescape(fold[1]))
    assert "<small>+2</small>" in folded
    assert "look_up_order" not in folded.partition('id="rows"')[2].partition("</ol>")[0]
    assert "look_up_order" not in reader.html("/runs/refund-1?depth=1").partition('id="rows"')[2]


def test_unknown_things_are_told_on_a_page(reader: Reader) -> None:
    """A run that is not there, a page that is not there, a file that is not there."""
    for path in ("/runs/nobody", "/runs/nobody/live2", "/runs/refund-1/nothing", "/static/1/nothing.js"):
        answer = reader.get(path)
        assert answer.status == 404, path
        assert "Not found" in answer.data.decode()
        assert answer.headers["content-type"].startswith("text/html")


def test_without_a_login_no_page_shows_anything(server: Listening) -> None:
    """But how to log in."""
    for path in (
        "/",
        "/runs/refund-1",
        "/runs/refund-1/rows",
        "/runs/refund-1/raw?part=attributes",
        "/runs/refund-1/live",
    ):
        answer = urllib3.request("GET", server.url + path, redirect=False)
        assert (answer.status, answer.headers["location"]) == (303, "/login/help"), path
    help_page = urllib3.request("GET", f"{server.url}/login/help?used=1").data.decode()
    assert "holdfast login-link" in help_page
    assert "has been used" in help_page


def test_a_stop_needs_the_form_of_this_session(reader: Reader) -> None:
    """A form from elsewhere does not know its token."""
    for sent in ({}, {"csrf": "guess"}):
        assert reader.post("/runs/old-00/stop", reason="x", **sent).status == 403
    html = reader.html("/runs/old-00")
    token = re.search(r'name="csrf" value="([^"]+)"', html)
    assert token is not None
    assert reader.post("/runs/old-00/stop", reason="enough", csrf=token[1]).status == 303
    html = reader.html("/runs/old-00")
    assert "st-terminated" in html
    assert "enough" in html
    assert reader.post("/runs/old-00/stop", reason="again", csrf=token[1]).status in (303, 409)


def test_the_theme_is_kept_in_a_cookie_and_leads_back(reader: Reader) -> None:
    """To a page of this server and to nowhere else."""
    answer = reader.get("/theme?to=dark&back=/runs/refund-1")
    assert answer.headers["location"] == "/runs/refund-1"
    assert "holdfast_theme=dark" in answer.headers["set-cookie"]
    assert (
        'data-theme="dark"'
        in reader.get("/runs", Cookie=f"{reader.cookie}; holdfast_theme=dark").data.decode()
    )
    for back in (
        "https://example.com",
        "//example.com",
        "/\\example.com",
        "javascript:alert(1)",
        "/\t/example.com",
    ):
        assert reader.get(f"/theme?to=dark&back={quote(back)}").headers["location"] == "/"


def test_the_live_stream_of_a_finished_run_says_so_and_ends(reader: Reader) -> None:
    """A page that comes late learns that nothing more will come."""
    answer = reader.get("/runs/refund-1/live")
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert b"event: end\n" in answer.data


def test_a_page_weighs_less_than_150_kilobytes_with_all_that_it_loads(reader: Reader) -> None:
    """The largest first screen, its stylesheet, its scripts and what those import, and its icons."""
    html = reader.html("/runs/wide-10000")
    files = set(re.findall(r'(?:src|href)="(/static/[^"#]+)', html)) | {
        path.partition("#")[0] for path in re.findall(r'<use href="([^"]+)"', html)
    }
    run_js = next(path for path in files if path.endswith("/run.js"))
    files.add(run_js.replace("run.js", "run_live.js"))
    weights = [
        int(reader.get(path, **{"Accept-Encoding": "gzip"}).headers["content-length"]) for path in files
    ]
    assert len(weights) >= 6
    assert len(html) + sum(weights) < 150_000


def test_files_travel_packed_where_the_browser_takes_it(reader: Reader) -> None:
    """And are the same either way."""
    path = re.findall(r'href="(/static/[^"#]+css)"', reader.html("/runs/refund-1"))[0]
    plain, packed = reader.get(path), reader.get(path, **{"Accept-Encoding": "gzip"})
    assert plain.data == packed.data
    assert packed.headers["content-encoding"] == "gzip"
    assert int(packed.headers["content-length"]) * 3 < int(plain.headers["content-length"])


def test_a_stopped_run_is_followed_for_its_last_words() -> None:
    """The agent hears of the stop after the record does, and says how it ended; other ends are the agent's own."""

    def ended(status: str, seconds_ago: int) -> bool:
        now = 100 * SECOND
        return is_settled(RunVersion(1, status, now - seconds_ago * SECOND, 5, 0, 5, 0, 0), now)

    assert not ended("terminated", 3)
    assert ended("terminated", 60)
    assert ended("complete", 0)
    assert not ended("active", 90)


def test_the_first_run_of_an_agent_is_compared_with_none(reader: Reader, filled: Listening) -> None:
    """The link to the run before is there where there is one."""
    assert "Compare with the run before" in reader.html("/runs/refund-1")
    assert "Compare with the run before" not in reader.html("/runs/old-59")
