"""The console in a real browser: with and without scripts, light and dark, wide and narrow."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, StorageState, expect

from holdfast._clock import utc_now_ns
from holdfast.server.config import ServerConfig
from holdfast.server.running import Listening, background_server
from web.conftest import Minded, minded
from web.sample_runs import send, wide_run

pytestmark = pytest.mark.browser


def test_the_list_shows_runs_and_leads_to_one(page: Page, filled: Listening) -> None:
    """Newest first, by mouse and by keyboard."""
    page.goto(f"{filled.url}/runs")
    expect(page.locator("tr[data-row]")).to_have_count(50)
    first = page.locator("tr[data-row] a[data-open]").first
    page.keyboard.press("j")
    expect(first).to_be_focused()
    page.keyboard.press("j")
    page.keyboard.press("k")
    expect(first).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("h1")).to_have_text("Refund order 20-4417")
    page.go_back()
    page.keyboard.press("/")
    page.keyboard.type("wide-1000")
    page.keyboard.press("Enter")
    expect(page.locator("tr[data-row]")).to_have_count(1)
    assert page.url.endswith("/runs?q=wide-1000")


def test_filters_and_pages_of_the_list(page: Page, filled: Listening) -> None:
    """A choice filters at once; older and newer walk the list."""
    page.goto(f"{filled.url}/runs")
    page.select_option("select[name=status]", "failed")
    expect(page.locator("tr[data-row]")).to_have_count(1)
    page.get_by_role("link", name="Clear").click()
    page.get_by_role("link", name="Older ›").click()
    expect(page.locator("tr[data-row]")).to_have_count(14)
    page.get_by_role("link", name="‹ Newer").click()
    expect(page.locator("tr[data-row]")).to_have_count(50)


def test_choosing_a_span_shows_it_in_place(page: Page, filled: Listening) -> None:
    """The address follows, back goes back, a loaded address shows the same."""
    page.goto(f"{filled.url}/runs/refund-1")
    expect(page.locator("article.overview")).to_contain_text("TimeoutError")
    page.evaluate("window.stays = 1")
    page.locator("#rows .s-failed .nm").click()
    expect(page.locator("article.span h2")).to_have_text("refund")
    expect(page.locator("article.span .err")).to_contain_text("no answer within 8.0 s")
    expect(page.locator("#rows .sel")).to_have_count(1)
    assert "span=" in page.url
    chosen = page.url
    page.keyboard.press("Escape")
    expect(page.locator("article.overview")).to_be_visible()
    page.go_back()
    expect(page.locator("article.span h2")).to_have_text("refund")
    assert page.evaluate("window.stays") == 1
    page.goto(chosen)
    expect(page.locator("article.span h2")).to_have_text("refund")
    expect(page.locator("#rows .sel .nm")).to_contain_text("refund")


def test_an_error_is_one_click_or_key_away(page: Page, filled: Listening) -> None:
    """From the overview, and with `e`."""
    page.goto(f"{filled.url}/runs/refund-1")
    page.locator("[data-error]").click()
    expect(page.locator("article.span h2")).to_have_text("refund")
    page.goto(f"{filled.url}/runs/refund-1")
    page.keyboard.press("e")
    expect(page.locator("article.span h2")).to_have_text("refund")


def test_messages_are_shown_as_a_conversation(page: Page, filled: Listening) -> None:
    """Roles, texts and tool calls; earlier messages are folded."""
    page.goto(f"{filled.url}/runs/refund-1")
    page.locator("#rows .k-llm .nm").last.click()
    chat = page.locator("article.span .chat")
    expect(chat.last).to_contain_text("Your refund of 49.90 was accepted.")
    before = page.locator(".before summary")
    expect(before).to_have_text("8 earlier messages")
    before.click()
    expect(page.locator(".before .r-user")).to_contain_text("My kettle arrived broken")


def test_folding_and_failed_only_without_loading_the_page(page: Page, filled: Listening) -> None:
    """The tree is fetched anew, the rest stays."""
    page.goto(f"{filled.url}/runs/wide-1000")
    page.evaluate("window.stays = 1")
    expect(page.locator("#rows .nm", has_text="fetch page 2").first).to_be_visible()
    page.locator("#rows a.f").first.click()
    expect(page.locator("#rows li").nth(1)).to_contain_text("Turn 2")
    page.get_by_role("link", name="Failed 8").click()
    expect(page.locator("#rows .s-failed")).to_have_count(8)
    assert page.evaluate("window.stays") == 1


@pytest.mark.parametrize(("run_id", "spans"), [("wide-1000", 1_000), ("wide-10000", 10_000)])
def test_a_long_run_can_be_scrolled_to_its_end(
    page: Page, filled: Listening, run_id: str, spans: int
) -> None:
    """Rows come as they are needed; the page holds a bounded number of them."""
    page.goto(f"{filled.url}/runs/{run_id}")
    expect(page.locator("#rows")).to_contain_text("Turn 1")
    scroll = page.locator("#scroll")
    height = scroll.evaluate("element => element.scrollHeight")
    assert abs(height - spans * 28) < 28
    scroll.evaluate("element => { element.scrollTop = element.scrollHeight }")
    last = page.locator("#rows .nm", has_text=re.compile(f"^fetch page {spans - 1}$"))
    expect(last).to_be_in_viewport()
    for step in range(9, -1, -1):
        scroll.evaluate(f"element => {{ element.scrollTop = element.scrollHeight * {step} / 10 }}")
        place = spans * step // 10
        row = page.locator("#rows .nm", has_text=re.compile(rf"^(fetch page {place + 4})$"))
        expect(row).to_be_in_viewport()
    assert page.locator("#rows li").count() <= 1_000


def test_without_scripts_everything_is_a_link_away(still_page: Page, filled: Listening) -> None:
    """List, run, span, rows further down, fold, theme."""
    page = still_page
    page.goto(f"{filled.url}/runs?q=refund-1")
    page.locator("a[data-open]").first.click()
    page.locator("#rows .s-failed .nm").click()
    expect(page.locator("article.span .err")).to_contain_text("no answer within 8.0 s")
    page.locator("article.span summary", has_text="Stack").click()
    expect(page.locator("article.span .err pre").last).to_contain_text("ledger.py")
    page.goto(f"{filled.url}/runs/wide-1000")
    page.get_by_role("link", name="Later ›").click()
    expect(page.locator("#rows li").first).to_contain_text("Turn 13")
    page.get_by_role("button", name="Dark").click()
    assert page.url.startswith(f"{filled.url}/runs/wide-1000?from=120")
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1440, 2560])
def test_pages_fit_their_width_in_both_themes(
    chromium: Browser, filled: Listening, logged_in: StorageState, theme: str, width: int
) -> None:
    """Nothing scrolls sideways, text stands out from its ground, the console stays silent."""
    context = chromium.new_context(
        storage_state=logged_in,
        viewport={"width": width, "height": 800},
        color_scheme="dark" if theme == "dark" else "light",
    )
    page, notes = minded(context, filled.url)
    for path in ("/runs", "/runs/refund-1", "/runs/wide-1000?only=failed", "/login/help", "/runs/nobody"):
        page.goto(filled.url + path)
        if path == "/runs/refund-1":
            page.locator("#rows .s-failed .nm").click()
            expect(page.locator("article.span")).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth") <= width, path
        assert page.evaluate(_POOR_CONTRAST) == [], path
    context.close()
    # an unknown run is answered with 404, which the browser notes
    assert [text for text in notes.complaints if "404" not in text] == []
    assert notes.foreign == []


_POOR_CONTRAST = """() => {
  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const rgb = (colour) => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = colour;
    canvas.fillRect(0, 0, 1, 1);
    return canvas.getImageData(0, 0, 1, 1).data;
  };
  const light = ([r, g, b]) => {
    const [x, y, z] = [r, g, b].map((c) => (c /= 255) <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
    return 0.2126 * x + 0.7152 * y + 0.0722 * z;
  };
  const ground = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const colour = rgb(getComputedStyle(at).backgroundColor);
      if (colour[3] === 255) return colour;
    }
    return [255, 255, 255];
  };
  const poor = [];
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    const element = texts.currentNode.parentElement;
    if (!texts.currentNode.data.trim() || !element.checkVisibility()) continue;
    if (element.closest(".vh, dialog, option")) continue;
    const [a, b] = [light(rgb(getComputedStyle(element).color)), light(ground(element))];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < 4.5) poor.push(`${texts.currentNode.data.trim().slice(0, 30)}: ${ratio.toFixed(2)}`);
  }
  return poor;
}"""


def test_the_theme_switch_changes_the_page_and_is_remembered(page: Page, filled: Listening) -> None:
    """With scripts nothing is loaded for it."""
    page.goto(f"{filled.url}/runs")
    dark = page.get_by_role("button", name="Dark")
    dark.click()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    expect(dark).to_have_attribute("aria-pressed", "true")
    ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
    page.reload()
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == ground
    page.get_by_role("button", name="Light").click()
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") != ground


def test_no_inline_script_would_run(chromium: Browser, filled: Listening, logged_in: StorageState) -> None:
    """The content security policy is in force, should an escape ever be forgotten."""
    context = chromium.new_context(storage_state=logged_in)
    page, notes = minded(context, filled.url)
    page.goto(f"{filled.url}/runs")
    page.evaluate(
        """() => {
          const made = document.createElement("script");
          made.textContent = "window.ran = true";
          document.body.append(made);
          document.body.insertAdjacentHTML("beforeend", '<img src="https://example.com/x.png">');
        }"""
    )
    page.wait_for_function("document.querySelector('img').complete")
    assert page.evaluate("window.ran") is None
    assert page.evaluate("document.querySelector('img').naturalWidth") == 0
    assert len([text for text in notes.complaints if "Content Security Policy" in text]) == 2
    context.close()


def test_a_newcomer_is_told_how_to_record_a_run(chromium: Browser, tmp_path: Path) -> None:
    """An empty server shows the lines of code, not an empty table."""
    with background_server(ServerConfig(data=tmp_path, port=0)) as server:
        context = chromium.new_context()
        page, notes = minded(context, server.url)
        page.goto(server.login_url)
        expect(page.locator("h2", has_text="Nothing has been recorded yet")).to_be_visible()
        expect(page.locator("pre")).to_contain_text("import holdfast")
        expect(page.locator("table")).to_have_count(0)
        context.close()
        assert notes == Minded()


def test_help_lists_the_keys(page: Page, filled: Listening) -> None:
    """`?` opens it, Escape closes it."""
    page.goto(f"{filled.url}/runs")
    page.keyboard.press("?")
    expect(page.locator("#help")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("#help")).to_be_hidden()


def test_new_runs_are_told_of_quietly(page: Page, server: Listening, filled: Listening) -> None:
    """A run that comes while the list is open is a line to click; the rows stay where they are until then."""
    page.clock.install()
    page.goto(f"{server.url}/runs?q=arrival")
    expect(page.locator("tr[data-row]")).to_have_count(0)
    send(server.url, server.token, wide_run(utc_now_ns(), "arrival-1", 3).items)
    page.clock.run_for(9_000)
    expect(page.get_by_role("link", name="1 new run")).to_be_visible()
    expect(page.locator("tr[data-row]")).to_have_count(0)
    page.get_by_role("link", name="1 new run").click()
    expect(page.locator("tr[data-row]")).to_have_count(1)


def test_the_filters_of_the_list(page: Page, filled: Listening) -> None:
    """More filters unfold, apply together, stand as chips, are saved under a name and taken away again."""
    page.goto(f"{filled.url}/runs")
    page.get_by_text("More filters").click()
    page.locator("input[name=tool]").fill("refund")
    page.locator("input[name=tool]").press("Enter")
    expect(page.locator("tr[data-row]")).to_have_count(1)
    assert page.url.endswith("/runs?tool=refund")
    page.get_by_text("Saved lists").click()
    page.get_by_placeholder("Name of this list").fill("refunds")
    page.get_by_role("button", name="Save", exact=True).click()
    page.get_by_title("Without this filter").click()
    expect(page.locator("tr[data-row]")).to_have_count(50)
    page.get_by_text("Saved lists").click()
    page.get_by_role("link", name="refunds").click()
    expect(page.locator("tr[data-row]")).to_have_count(1)
    page.get_by_text("Columns", exact=True).click()
    page.get_by_label("Tool calls").check()
    page.get_by_role("button", name="Show").click()
    expect(page.locator("th", has_text="Tool calls")).to_be_visible()


def test_two_ticked_runs_are_compared(page: Page, filled: Listening) -> None:
    """Two boxes and a button lead to the comparison, the newer run second."""
    page.goto(f"{filled.url}/runs")
    boxes = page.get_by_role("checkbox", name="Compare")
    newer, older = (boxes.nth(place).get_attribute("value") for place in (4, 5))
    boxes.nth(4).check()
    boxes.nth(5).check()
    page.get_by_role("button", name="Compare").click()
    page.wait_for_url(re.compile(rf"/compare\?run={newer}&run={older}$"))
    expect(page.locator("h1")).to_be_visible()
