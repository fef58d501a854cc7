"""Every page through axe-core: no serious finding, in either theme, wide and narrow."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, StorageState

from holdfast.server.running import Listening
from web.conftest import HOSTILE_ID, minded

pytestmark = pytest.mark.browser

PAGES = (
    "/?within=all",
    "/runs",
    "/runs?q=nothing+like+it",
    "/failures?within=all",
    "/agents?within=all",
    "/quality",
    "/settings",
    "/runs/refund-1",
    "/runs/refund-1?span=refund-1-llm",
    f"/runs/{quote(quote(HOSTILE_ID, safe=''), safe='')}",
    "/runs/refund-1/story",
    "/runs/refund-1/events",
    "/compare?a=refund-1&b=old-00",
    "/runs/nobody",
    "/login/help",
)
_RULES = {
    "runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
    "resultTypes": ["violations"],
}


@pytest.mark.parametrize(("theme", "width"), [("light", 1440), ("dark", 360)])
@pytest.mark.parametrize("path", PAGES)
def test_axe_finds_nothing(
    chromium: Browser, filled: Listening, logged_in: StorageState, path: str, theme: str, width: int
) -> None:
    """WCAG 2.2 AA and the rules of good practice; each finding is named with its element."""
    context = chromium.new_context(
        storage_state=logged_in,
        viewport={"width": width, "height": 900},
        color_scheme="dark" if theme == "dark" else "light",
        reduced_motion="reduce",
    )
    try:
        page, _ = minded(context, filled.url)
        page.goto(filled.url + path)
        found = Axe().run(page, options=_RULES).response["violations"]
    finally:
        context.close()
    said = [
        f"{rule['impact']} {rule['id']}: {node['html'][:160]} — {node['failureSummary']}"
        for rule in found
        for node in rule["nodes"][:5]
    ]
    assert not said, "\n".join(said)
