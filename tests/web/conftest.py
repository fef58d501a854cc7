"""A running server with made-up runs, a logged-in reader, and a browser that minds what pages do."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from urllib.parse import urlencode

import pytest
import urllib3
from playwright.sync_api import Browser, BrowserContext, Page, StorageState, sync_playwright

from holdfast._clock import utc_now_ns
from holdfast.server.config import ServerConfig
from holdfast.server.running import Listening, background_server
from needs import need_chromium
from web.sample_runs import SECOND, hostile_run, refund_run, send, wide_run

HOSTILE_ID = "evil/../run?x#y%41"
_ARGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Listening]:
    with background_server(ServerConfig(data=tmp_path_factory.mktemp("console"), port=0)) as running:
        yield running


@pytest.fixture(scope="module")
def filled(server: Listening) -> Listening:
    """The server with one run of every kind, and sixty more for paging."""
    now = utc_now_ns()
    items = refund_run(now - 3600 * SECOND, "refund-1").items
    items += hostile_run(now - 7200 * SECOND, HOSTILE_ID).items
    items += wide_run(now - 9000 * SECOND, "wide-1000", 1_000).items
    items += wide_run(now - 9500 * SECOND, "wide-10000", 10_000).items
    for number in range(60):
        items += refund_run(now - (20_000 + 1_000 * number) * SECOND, f"old-{number:02d}").items[:3]
    send(server.url, server.token, items)
    return server


@dataclass
class Reader:
    """A logged-in browser without a browser."""

    url: str
    cookie: str

    def get(self, path: str, **headers: str) -> urllib3.BaseHTTPResponse:
        return urllib3.request(
            "GET", self.url + path, headers={"Cookie": self.cookie, **headers}, redirect=False
        )

    def html(self, path: str) -> str:
        answer = self.get(path)
        assert answer.status == 200, (path, answer.status, answer.data[:500])
        return answer.data.decode()

    def post(self, path: str, **fields: str) -> urllib3.BaseHTTPResponse:
        body = urlencode(fields)
        headers = {"Cookie": self.cookie, "Content-Type": "application/x-www-form-urlencoded"}
        return urllib3.request("POST", self.url + path, body=body, headers=headers, redirect=False)


@pytest.fixture(scope="module")
def reader(server: Listening) -> Reader:
    code = server.services.auth.login_code("default")
    answer = urllib3.request("GET", f"{server.url}/login?code={code}", redirect=False)
    assert answer.status == 303
    return Reader(server.url, answer.headers["set-cookie"].partition(";")[0])


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    path = need_chromium()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=_ARGS)
        yield browser
        browser.close()


@dataclass
class Minded:
    """What pages did that they must not do."""

    complaints: list[str] = field(default_factory=list)
    foreign: list[str] = field(default_factory=list)


@pytest.fixture(scope="module")
def logged_in(chromium: Browser, server: Listening) -> StorageState:
    context = chromium.new_context()
    page = context.new_page()
    page.goto(f"{server.url}/login?code={server.services.auth.login_code('default')}")
    assert page.url.startswith(server.url)
    state = context.storage_state()
    context.close()
    return state


def minded(context: BrowserContext, url: str) -> tuple[Page, Minded]:
    """A page whose console messages, errors and requests are noted."""
    page, notes = context.new_page(), Minded()
    page.on("console", lambda message: notes.complaints.append(message.text))
    page.on("pageerror", lambda error: notes.complaints.append(str(error)))
    page.on(
        "request", lambda request: None if request.url.startswith(url) else notes.foreign.append(request.url)
    )
    page.set_default_timeout(10_000)
    return page, notes


@pytest.fixture
def page(chromium: Browser, server: Listening, logged_in: StorageState) -> Iterator[Page]:
    """A page of a logged-in browser, 1440 wide. Any console message or request elsewhere fails the test."""
    context = chromium.new_context(storage_state=logged_in, viewport={"width": 1440, "height": 900})
    page, notes = minded(context, server.url)
    yield page
    context.close()
    assert notes == Minded()


@pytest.fixture
def still_page(chromium: Browser, server: Listening, logged_in: StorageState) -> Iterator[Page]:
    """The same without scripts."""
    context = chromium.new_context(
        storage_state=logged_in, viewport={"width": 1440, "height": 900}, java_script_enabled=False
    )
    page, notes = minded(context, server.url)
    yield page
    context.close()
    assert notes == Minded()
