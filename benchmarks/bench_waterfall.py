"""How smooth the waterfall of a run of 100,000 spans is: frames a second in headless Chromium while it is scrolled,
from the browser's own trace; and what a page that follows such a run costs the server at each change.

Rows come from the server while they are scrolled to. The browser has no graphics card here and shares two cores with
the server. A frame counts where the browser drew one; the seconds are those from the first to the last of a scroll
of 40,000 pixels at 6,000 a second. Needs Chromium and the development group's Playwright.
"""

from __future__ import annotations

import json
import shutil
import tempfile
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import msgspec
import urllib3
from playwright.sync_api import Browser, CDPSession, Page, sync_playwright

from benchmarks.bench_pages import add_run
from benchmarks.report import Line, median, print_table, spread
from holdfast._clock import utc_now_ns
from holdfast._ids import new_id
from holdfast.server.config import ServerConfig
from holdfast.server.running import Listening, background_server

SPANS = 100_000
TIMES = 5
PIXELS = 40_000
SPEED = 6_000
CHANGES = 15


def main() -> None:
    chromium = next((path for name in ("chromium", "google-chrome") if (path := shutil.which(name))), None)
    with (
        tempfile.TemporaryDirectory() as folder,
        background_server(ServerConfig(data=Path(folder), port=0)) as server,
    ):
        with server.services.store.write() as transaction:
            long, live = (add_run(transaction, SPANS, number) for number in range(2))
        lines: list[Line] = []
        if chromium is None:
            print("no Chromium: the frames are left out")
        else:
            with sync_playwright() as playwright:
                browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
                lines += _scrolling(browser, server, long)
                browser.close()
        lines += _following(server, live)
    print_table("The waterfall of 100,000 spans", lines)


def _scrolling(browser: Browser, server: Listening, run_id: str) -> Iterator[Line]:
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    page = context.new_page()
    page.goto(f"{server.url}/login?code={server.services.auth.login_code('default')}")
    page.goto(f"{server.url}/runs/{run_id}")
    page.locator("#rows [data-row]").first.wait_for()
    session = context.new_cdp_session(page)
    frames = [_fps(browser, page, session, down=number % 2 == 0) for number in range(TIMES)]
    yield Line(
        what="frames a second while scrolling",
        ours=spread([fps for fps, _ in frames]),
        goal="≥ 50",
        held=median([fps for fps, _ in frames]) >= 50,
    )
    yield Line(what="longest time without a frame, ms", ours=spread([gap for _, gap in frames], "{:.0f}"))
    context.close()


def _fps(browser: Browser, page: Page, session: CDPSession, *, down: bool) -> tuple[float, float]:
    """Frames a second, and the longest gap between two in milliseconds."""
    box = page.locator("#scroll").bounding_box()
    assert box is not None
    browser.start_tracing(
        page=page,
        categories=["disabled-by-default-devtools.timeline", "disabled-by-default-devtools.timeline.frame"],
    )
    gesture: dict[str, object] = {
        "x": box["x"] + box["width"] / 2,
        "y": box["y"] + box["height"] / 2,
        "yDistance": -PIXELS if down else PIXELS,
        "speed": SPEED,
        "gestureSourceType": "mouse",
    }
    session.send("Input.synthesizeScrollGesture", gesture)  # pyright: ignore[reportUnknownMemberType, reportArgumentType] - a bare dict there
    trace = json.loads(browser.stop_tracing())
    drawn = sorted(event["ts"] for event in trace["traceEvents"] if event["name"] == "DrawFrame")
    gaps = [(later - earlier) / 1000 for earlier, later in pairwise(drawn)]
    seconds = (drawn[-1] - drawn[0]) / 1_000_000
    return len(gaps) / seconds, max(gaps)


def _following(server: Listening, run_id: str) -> Iterator[Line]:
    """A change of the run, then the rows that its page asks for: the tree grows by the change."""
    http = urllib3.PoolManager()
    code = server.services.auth.login_code("default")
    answer = http.request("GET", f"{server.url}/login?code={code}", redirect=False)
    cookie = {"Cookie": answer.headers["set-cookie"].partition(";")[0]}
    took: list[float] = []
    for _ in range(CHANGES + 1):
        item = {
            "_type": "agent_spans/create",
            "idempotency_key": new_id(),
            "agent_instance_id": run_id,
            "id": new_id(),
            "name": "more",
            "schema_name": "agent:tool",
            "status": "complete",
            "started_at": utc_now_ns(),
        }
        http.request(
            "POST",
            f"{server.url}/api/v1/bulk",
            body=msgspec.json.encode({"on_error": "continue", "items": [item]}),
            headers={"Authorization": f"Bearer {server.token}", "Prefer": "return=minimal"},
        )
        began = time.perf_counter()
        rows = http.request("GET", f"{server.url}/runs/{run_id}/rows?from={SPANS - 50}", headers=cookie)
        took.append((time.perf_counter() - began) * 1000)
        assert rows.status == 200
    yield Line(what="rows after a change, the first time, ms", ours=f"{took[0]:.0f}")
    yield Line(
        what="rows after a change, ms", ours=spread(took[1:]), goal="≤ 100", held=median(took[1:]) <= 100
    )


if __name__ == "__main__":
    main()
