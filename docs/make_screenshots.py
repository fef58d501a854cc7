"""Makes the pictures in `docs/img` from made-up runs on a server of its own. Run by `make screenshots`.

`make screenshots REAL=folder` makes pictures of every page over the recorded real runs instead, into that folder:
they are not ours to publish.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from playwright.sync_api import Page, expect, sync_playwright

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from holdfast._clock import utc_now_ns
from holdfast.server.config import ServerConfig
from holdfast.server.running import Listening, background_server
from needs import need_chromium
from server.client import Api
from web.sample_runs import SECOND, Item, Story, refund_run, send, usage

IMAGES = Path(__file__).parent / "img"
REAL_RUNS = Path(__file__).resolve().parents[2] / "shared" / "data"
RUN = "0190a5c2-7d1e-7c44-9f0b-3b1f5e8d2a61"
EARLIER = "0190a5c2-7d1e-7c44-9f0b-3b1f5e8d2a60"

_WORK = [
    ("Nightly dependency audit", "package-auditor", "2.1.0", "complete", "gpt-5", 14, 0.0131),
    ("Summarise incident 5521", "incident-scribe", "0.8.2", "complete", "claude-sonnet-4-5", 6, 0.0422),
    ("Refund order 20-4391", "support-triage", "1.4.0", "complete", "claude-sonnet-4-5", 9, 0.0288),
    ("Refactor billing module", "code-mender", "3.0.1", "failed", "gpt-5", 41, 1.9204),
    ("Answer ticket 88190", "support-triage", "1.3.9", "complete", "claude-sonnet-4-5", 4, 0.0093),
    ("Translate release notes", "docs-hand", "1.0.0", "complete", "local-mixtral", 8, None),
    ("Crawl the partner catalogue", "crawler", "0.9.4", "cancelled", "gpt-5-mini", 120, 0.0877),
    ("Answer ticket 88187", "support-triage", "1.3.9", "complete", "claude-sonnet-4-5", 5, 0.0117),
]


def _worked(
    name: str, agent: str, version: str, status: str, model: str, calls: int, cost: float | None, at: int
) -> list[Item]:
    story = Story("", at)
    story.id = f"0190a5c2-{at // SECOND % 0xFFFF:04x}-7c44-9f0b-{at // 7 % 0xFFFFFFFFFFFF:012x}"
    story.begin(name, agent, version)
    for number in range(calls):
        attributes = usage(model, 900 + 77 * number, 60 + 3 * number, None if cost is None else cost / calls)
        story.span(model, "agent:llm", None, 1.1, attributes=attributes)
        failed = status == "failed" and number > calls - 3
        end: Item = (
            {"status": "failed", "error": {"type": "AssertionError", "message": "3 tests fail"}}
            if failed
            else {}
        )
        story.span("run_tests" if agent == "code-mender" else "fetch", "agent:tool", None, 0.4, **end)
    return story.end(status).items


def _runs(now: int) -> list[Item]:
    items = refund_run(now - 95 * SECOND, RUN).items
    earlier = json.dumps(refund_run(now - 1900 * SECOND, EARLIER).items)
    items += json.loads(earlier.replace("check_policy", "ask_manager").replace("3 to 5 days", "a week"))
    going = Story("0190a5c2-8888-7c44-9f0b-0000004f11fe", now - 41 * SECOND)
    going.begin("Nightly dependency audit", "package-auditor", "2.1.0")
    going.span("gpt-5", "agent:llm", None, 2.0, attributes=usage("gpt-5", 2210, 140, 0.0031))
    going.open("hash files", "agent:tool")
    items += going.items
    for number in range(70):  # two days: there is something to compare the last one with
        items += _worked(*_WORK[number % len(_WORK)], now - (700 + 2500 * number) * SECOND)
    return items


def _shoot(page: Page, url: str, theme: str) -> None:
    page.goto(url)
    page.mouse.wheel(0, 4000)
    expect(page.locator(".chart.drawn")).to_have_count(4, timeout=30_000)
    page.mouse.wheel(0, -4000)
    page.screenshot(path=IMAGES / f"overview-{theme}.png", full_page=True)
    page.goto(f"{url}/compare?a={EARLIER}&b={RUN}")
    page.screenshot(path=IMAGES / f"compare-{theme}.png", full_page=True)
    page.goto(f"{url}/runs")
    page.screenshot(path=IMAGES / f"list-{theme}.png")
    page.goto(f"{url}/runs/{RUN}")
    page.locator("#rows .s-failed .nm").click()
    expect(page.locator("article.span .err")).to_be_visible()
    page.locator("article.span summary", has_text="Stack").click()
    page.mouse.move(1400, 880)
    page.screenshot(path=IMAGES / f"run-{theme}.png")
    page.locator("#rows .k-llm .nm").nth(1).click()
    expect(page.locator("article.span .chat").first).to_be_visible()
    page.screenshot(path=IMAGES / f"chat-{theme}.png")


def _shoot_others(page: Page, url: str, images: Path, run: str) -> None:
    """The pages that look the same in either theme, but for the colours."""
    pages = {
        "story": f"/runs/{run}/story",
        "events": f"/runs/{run}/events",
        "failures": "/failures?within=all",
        "agents": "/agents?within=all",
        "quality": "/quality",
        "settings": "/settings",
    }
    for name, path in pages.items():
        page.goto(url + path)
        page.screenshot(path=images / f"{name}.png")
    page.goto(f"{url}/agents?within=all")
    page.locator("[data-rows] [data-open]").first.click()
    page.screenshot(path=images / "agent.png", full_page=True)


def _judge(server: Listening) -> None:
    """Scores and quality records, for the pages that show them."""
    with Api(server.url, server.token) as api:
        runs = api.get("/agent_instance?pagination[page_size]=60")[1]["summaries"]
        for number, run in enumerate(runs):
            score = {"agent_instance_id": run["id"], "name": "helpful", "value": (number * 7 % 10) / 10 + 0.1}
            api.post("/score", {"details": score})
        for run, value, comment in zip(
            runs, (1, 0, 1), ("Right at once.", "It forgot the invoice.", ""), strict=False
        ):
            thumb = {"agent_instance_id": run["id"], "name": "thumb", "value": value, "comment": comment}
            api.post("/score", {"details": thumb | {"author": "ada"}})


def _real(folder: Path) -> None:
    """Every page over the recorded real runs: to be looked at, not to be kept in the repository."""
    folder.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory() as home, _console(Path(home)) as (server, page):
        environment = {**os.environ, "HOLDFAST_URL": server.url, "HOLDFAST_TOKEN": server.token}
        environment["HOLDFAST_SPOOL"] = f"{home}/spool"
        files = [
            str(file)
            for file in sorted(REAL_RUNS.glob("*.jsonl.gz"))
            if file.name != "provider_http.jsonl.gz"
        ]
        command = [sys.executable, "-m", "holdfast.cli", "import", *files]
        subprocess.run(command, env=environment, check=True)  # noqa: S603 - our own command
        with Api(server.url, server.token) as api:
            listed = api.get("/agent_instance?sorting=-inserted_at&pagination[page_size]=100")[1]["summaries"]
        run = listed[len(listed) // 2]["id"]
        for name, path in {"overview": "/?within=all", "runs": "/runs", "run": f"/runs/{run}"}.items():
            page.goto(server.url + path)
            page.screenshot(path=folder / f"{name}.png", full_page=True)
        _shoot_others(page, server.url, folder, run)


@contextmanager
def _console(data: Path) -> Generator[tuple[Listening, Page]]:
    """A server, and a page of a browser that is logged in to it."""
    with background_server(ServerConfig(data=data, port=0)) as server, sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=need_chromium(), args=["--no-sandbox", "--disable-gpu", "--disable-quic"]
        )
        context = browser.new_context(viewport={"width": 1440, "height": 810}, color_scheme="light")
        page = context.new_page()
        page.goto(server.login_url)
        yield server, page
        browser.close()


def main() -> None:
    if len(sys.argv) > 1:
        _real(Path(sys.argv[1]))
        return
    IMAGES.mkdir(exist_ok=True)
    with TemporaryDirectory() as folder, _console(Path(folder)) as (server, page):
        send(server.url, server.token, _runs(utc_now_ns()))
        _judge(server)
        for theme in ("light", "dark"):
            page.emulate_media(color_scheme="dark" if theme == "dark" else "light")
            _shoot(page, server.url, theme)
        page.emulate_media(color_scheme="light")
        _shoot_others(page, server.url, IMAGES, RUN)
        page.set_viewport_size({"width": 360, "height": 740})
        page.goto(f"{server.url}/runs")
        page.screenshot(path=IMAGES / "list-narrow.png")


if __name__ == "__main__":
    main()
