"""The overview and the comparison in a real browser."""

from __future__ import annotations

import json
import re
from typing import Literal

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, StorageState, expect

from holdfast._clock import utc_now_ns
from holdfast.server.running import Listening
from web.conftest import Minded, minded
from web.sample_runs import HOSTILE_TEXT, SECOND, Item, Story, refund_run, send, usage

pytestmark = pytest.mark.browser
HOUR = 3600 * SECOND


@pytest.fixture(scope="module")
def busy(server: Listening) -> Listening:
    """Thirty runs of two days, one of them of a model with a hostile name, and two that can be compared."""
    now = utc_now_ns()
    items: list[Item] = []
    for number in range(30):
        story = Story(f"run-{number}", now - (1 + number) * 5000 * SECOND).begin(f"job {number}", "reporter")
        model = HOSTILE_TEXT if number == 3 else "gpt-5" if number % 2 else "claude-sonnet-4-5"
        story.span(model, "agent:llm", None, 1 + number / 5, attributes=usage(model, 900, 100 * number, 0.01))
        items += story.end("failed" if number % 7 == 2 else "complete").items
    items += refund_run(now - 9000 * SECOND, "first").items
    other = json.dumps(refund_run(now - 8000 * SECOND, "second").items).replace("check_policy", "ask_manager")
    send(server.url, server.token, items + json.loads(other))
    return server


def charts(page: Page) -> None:
    """All of them are drawn."""
    for name in ("runs", "durations", "cost", "tokens"):
        page.locator(f"#{name}").scroll_into_view_if_needed()
        expect(page.locator(f"#{name}.drawn .main-svg").first).to_be_visible(timeout=20_000)


def number(text: str) -> float | None:
    """What a cell says; None for nothing."""
    plain = re.sub(r"[≥<$,\s]", "", text)
    return None if plain in ("", "—") else float(plain)


def test_charts_are_drawn_under_the_strict_policy(page: Page, busy: Listening) -> None:
    """With nothing from elsewhere, and no complaint of the browser: the fixture minds both. What points at a
    bar is told its numbers."""
    page.goto(busy.url)
    charts(page)
    page.locator("#cost").scroll_into_view_if_needed()
    box = page.locator("#cost .nsewdrag").bounding_box()
    assert box is not None
    for share in range(1, 20):
        page.mouse.move(box["x"] + box["width"] * share / 20, box["y"] + box["height"] / 2)
    expect(page.locator("#cost .hoverlayer .legend")).to_contain_text("$0.01")
    policy = page.request.get(busy.url).headers["content-security-policy"]
    assert policy.startswith("default-src 'self';")
    assert "unsafe" not in policy


def test_a_chart_shows_the_numbers_of_its_table(page: Page, busy: Listening) -> None:
    """Which is put away behind the chart, and opens."""
    page.goto(f"{busy.url}/?within=7d")
    charts(page)
    drawn = page.evaluate(
        "Object.fromEntries([...document.querySelectorAll('.plot')]"
        ".map((plot) => [plot.parentNode.id, plot.data.map((line) => line.y)]))"
    )
    for name in ("runs", "durations", "cost", "tokens"):
        table = page.locator(f"#{name} table")
        expect(table).to_be_hidden()
        page.locator(f"#{name} .as-table summary").click()
        expect(table).to_be_visible()
        told = table.evaluate(
            "(t) => [...t.tHead.rows[0].cells].slice(1).map((_, at) => [...t.tBodies[0].rows].map((row) => "
            "row.cells[at + 1].dataset.v ?? row.cells[at + 1].textContent))"
        )
        assert drawn[name] == [[number(text) for text in line] for line in told]


@pytest.mark.parametrize("name", ["runs", "cost"])
def test_a_bar_leads_to_its_runs(page: Page, busy: Listening, name: str) -> None:
    """Those that began in its time."""
    page.goto(busy.url)
    charts(page)
    page.locator(f"#{name}").scroll_into_view_if_needed()
    boxes = [point.bounding_box() for point in page.locator(f"#{name} .points .point").all()]
    box = max((box for box in boxes if box is not None), key=lambda box: box["height"])
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.wait_for_url(re.compile(r"/runs\?from=.*&to="))


def test_charts_follow_the_theme(page: Page, busy: Listening) -> None:
    """At once, in colours that the theme has for them."""
    page.goto(busy.url)
    charts(page)
    fill = "getComputedStyle(document.querySelector('#cost .points path')).fill"
    page.get_by_role("button", name="Light").click()
    page.wait_for_function(f"{fill} === 'rgb(11, 95, 165)'")
    page.get_by_role("button", name="Dark").click()
    page.wait_for_function(f"{fill} === 'rgb(108, 178, 242)'")


def test_a_hostile_name_stays_a_name_in_a_chart(page: Page, busy: Listening) -> None:
    """Also where it is pointed at."""
    page.goto(busy.url)
    charts(page)
    assert page.evaluate("Plotly.version")
    names = page.evaluate("document.querySelector('#cost .plot').data.map((line) => line.name)")
    assert any("script" in name for name in names)
    assert not any("<" in name for name in names)
    assert page.locator("main img").count() == 0


def test_the_numbers_follow_what_happens(page: Page, busy: Listening) -> None:
    """Without loading the page; what has not changed stays."""
    page.goto(busy.url)
    page.evaluate("window.stays = 1")
    running = page.locator("[data-live=now] .num").first
    expect(running).to_have_text("0")
    story = Story("begins-now", utc_now_ns()).begin("Begin now", "reporter")
    send(busy.url, busy.token, story.items)
    expect(running).to_have_text("1", timeout=15_000)
    story.items.clear()
    send(busy.url, busy.token, story.end().items)
    expect(running).to_have_text("0", timeout=15_000)
    assert page.evaluate("window.stays") == 1


def test_without_scripts_the_tables_are_the_charts(still_page: Page, busy: Listening) -> None:
    """All of them open; filters are links and a form with a button."""
    still_page.goto(busy.url)
    expect(still_page.locator(".chart table")).to_have_count(4)
    for table in still_page.locator(".chart table").all():
        expect(table).to_be_visible()
    still_page.get_by_role("link", name="7d", exact=True).click()
    expect(still_page.locator(".seg a[aria-current]").first).to_have_text("7d")
    still_page.select_option("select[name=agent]", label="reporter")
    still_page.get_by_role("button", name="Show").first.click()
    assert "agent=" in still_page.url
    assert "within=7d" in still_page.url


def test_without_the_library_the_tables_stay(
    chromium: Browser, busy: Listening, logged_in: StorageState
) -> None:
    """A missing package costs the drawings, not the numbers."""
    context = chromium.new_context(storage_state=logged_in)
    page, _ = minded(context, busy.url)
    page.route("**/plotly.min.js", lambda route: route.abort())
    page.goto(busy.url)
    page.locator("#cost").scroll_into_view_if_needed()
    expect(page.locator("#cost table")).to_be_visible()
    context.close()


@pytest.mark.parametrize("width", [360, 2560])
@pytest.mark.parametrize("path", ["/", "/?within=30d&by=agent", "/compare?a=first&b=second"])
def test_pages_fit_narrow_and_wide_screens(
    chromium: Browser, busy: Listening, logged_in: StorageState, width: int, path: str
) -> None:
    """Nothing has to be scrolled sideways."""
    context = chromium.new_context(storage_state=logged_in, viewport={"width": width, "height": 800})
    page, notes = minded(context, busy.url)
    page.goto(busy.url + path)
    if "compare" not in path:
        charts(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    context.close()
    assert notes == Minded()


def test_the_overview_is_walked_with_keys(page: Page, busy: Listening) -> None:
    """`j` and `k` go through what can be opened, `/` to the search for runs."""
    page.goto(busy.url)
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("k")
    opened = page.locator("#figures [data-row].at [data-open]")
    expect(opened).to_be_focused()
    page.keyboard.press("/")
    page.keyboard.type("run-7")
    page.keyboard.press("Enter")
    page.wait_for_url("**/runs?q=run-7")


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize(
    "path", ["/", "/?from=2020-01-01&to=2020-01-02", "/compare?a=first&b=second", "/compare"]
)
def test_pages_have_no_finding_of_axe(
    chromium: Browser, busy: Listening, logged_in: StorageState, theme: Literal["light", "dark"], path: str
) -> None:
    """Names, roles, contrast; with every table open."""
    context = chromium.new_context(storage_state=logged_in, color_scheme=theme)
    page, _ = minded(context, busy.url)
    page.goto(busy.url + path)
    if path == "/":
        charts(page)
    page.evaluate("document.querySelectorAll('details').forEach((part) => { part.open = true; })")
    found = Axe().run(page)
    assert found.response["passes"]
    assert [problem["id"] for problem in found.response["violations"]] == []
    context.close()


def test_two_runs_are_compared_by_mouse_and_by_keyboard(page: Page, busy: Listening) -> None:
    """The divergence is one click away; rows are walked, and opened, with keys."""
    page.goto(f"{busy.url}/compare?a=first&b=second")
    page.locator(".parted a").first.click()
    expect(page.locator("#texts h2")).to_have_text("Row 7: check_policy")
    expect(page.locator("tr.sel.parting")).to_have_count(1)
    page.keyboard.press("j")
    expect(page.locator("tr.at")).to_contain_text("ask_manager")
    page.keyboard.press("Enter")
    expect(page.locator("#texts h2")).to_have_text("Row 8: ask_manager")
    page.get_by_role("link", name="Swap A and B").click()
    expect(page.locator(".side code").first).to_have_text("second")
