"""The quality page: scores from outside, quality from the agents, and what both come to."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from holdfast._clock import utc_now_ns
from holdfast.server.config import ServerConfig
from holdfast.server.running import Listening, background_server
from holdfast.server.stores.reads.quality import QualityLine
from holdfast.server.web.quality.records import number_series
from holdfast.server.web.sparkline import sparkline
from server.client import Api
from web.conftest import Reader
from web.sample_runs import SECOND, refund_run, send

DAY = 24 * 3600 * SECOND


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Listening]:
    """Its own, with a handful of judged runs."""
    with background_server(ServerConfig(data=tmp_path_factory.mktemp("quality"), port=0)) as running:
        now = utc_now_ns()
        items: list[Any] = []
        for number in range(4):
            items += refund_run(now - number * DAY - 3600 * SECOND, f"run-{number}").items
            items.append(
                {
                    "_type": "agent_instances/record_quality",
                    "idempotency_key": f"q-{number}",
                    "agent_instance_id": f"run-{number}",
                    "name": "check",
                    "payload": {"score": number / 4, "<b>": 1},
                    "timestamp": now - number * DAY,
                }
            )
        send(running.url, running.token, items)
        with Api(running.url, running.token) as api:
            for number in range(4):
                details = {"agent_instance_id": f"run-{number}", "name": "helpful", "value": number}
                assert api.post("/score", {"details": details})[0] == 200
            details = {"agent_instance_id": "run-0", "name": "thumb", "value": 0, "comment": "<i>no</i>"}
            assert api.post("/score", {"details": details})[0] == 200
        yield running


def test_scores_and_what_was_said(reader: Reader) -> None:
    """Their mean, their number, and each opinion with its run; nothing of it is markup."""
    html = reader.html("/quality")
    rows = re.findall(r"<tr><td><bdi>(\w+)</bdi></td>.*?</tr>", html, re.S)
    assert rows[:2] == ["helpful", "thumb"]
    assert re.search(r"helpful.*?>4</td><td class=\"n\">1.5</td><td class=\"n dim\">0 to 3<", html, re.S)
    assert "0% up" in html
    assert "&lt;i&gt;no&lt;/i&gt;" in html
    assert "<i>no</i>" not in html
    assert html.count('href="/runs/run-0"') >= 2


def test_numbers_of_quality_records_have_trends(reader: Reader) -> None:
    """Each number in a record is a row with its mean and its newest record."""
    html = reader.html("/quality")
    assert re.search(r"<code>score</code>.*?>4</td>.*?>0.375</td>", html, re.S)
    assert "&lt;b&gt;" in html
    assert re.search(r'<svg class="spark"[^>]*aria-label="mean by day: 0.75 on ', html)


def test_filters_hold_for_all_of_the_page(reader: Reader) -> None:
    """Another agent has none of it; the address says what is asked for."""
    html = reader.html("/quality?agent=nobody")
    assert "No scores here" in html
    assert "No quality records here" in html
    assert "What was said" not in html


def _line(payload: Any, day: int, **fields: Any) -> QualityLine:
    known: dict[str, Any] = {
        "name": "check",
        "summary": None,
        "violations": 0,
        "run_id": "r",
        "run_name": None,
    }
    known |= {"agent_id": "a", "agent_name": "A", **fields}
    return QualityLine(timestamp=day * DAY, payload=json.dumps(payload).encode(), **known)


def test_every_number_is_followed_by_day() -> None:
    """At the top and one level below; truth values count as 1 and 0, text does not count."""
    lines = [
        _line({"score": 0.5, "ok": True, "deep": {"a": 1, "b": {"c": 9}}, "text": "x"}, 3),
        _line({"score": 1.0, "ok": False}, 3, violations=2),
        _line({"score": 0.0}, 2),
    ]
    found = {series.path: series for series in number_series(lines)}
    assert set(found) == {"score", "ok", "deep.a"}
    assert found["score"].days == {3: (1.5, 2), 2: (0.0, 1)}
    assert (found["score"].mean, found["ok"].mean) == (0.5, 0.5)
    assert (found["score"].count, found["score"].violations) == (3, 1)


@pytest.mark.parametrize("payload", [b"{", b'"text"', b"[]", b"null", b"NaN", b"[" * 5000])
def test_a_record_without_numbers_is_counted_all_the_same(payload: bytes) -> None:
    """Odd JSON and no JSON break nothing."""
    line = QualityLine("check", DAY, payload, None, None, "r", None, None, None)
    [series] = number_series([line])
    assert (series.path, series.count, series.mean) == ("", 1, None)


def test_a_sparkline_shows_gaps_and_lone_points() -> None:
    """Lowest at the bottom, highest at the top, a day without scores interrupts the line."""
    assert sparkline([0, 1, None, 1], "x").path == "M2.0 22.0L34.0 2.0M98.0 2.0h0"
    assert sparkline([5], "x").path == "M50.0 12.0h0"
    assert sparkline([None], "x").path == ""


def _csrf(reader: Reader, path: str) -> str:
    found = re.search(r'name="csrf" value="([^"]+)"', reader.html(path))
    assert found is not None
    return found[1]


def test_a_thumb_is_given_changed_and_taken_back(reader: Reader, server: Listening) -> None:
    """By the form of the run page, as by the API: there is one of them, whoever changes their mind."""
    csrf = _csrf(reader, "/runs/run-1")
    for thumb, value in (("up", 1.0), ("down", 0.0)):
        answer = reader.post("/runs/run-1/thumb", csrf=csrf, thumb=thumb, comment="as <b>seen</b>")
        assert (answer.status, answer.headers["location"]) == (303, "/runs/run-1")
        with Api(server.url, server.token) as api:
            [score] = api.get("/score?agent_instance_id=run-1&name=thumb")[1]["summaries"]
        assert (score["value"], score["comment"], score["source"]) == (value, "as <b>seen</b>", "console")
    html = reader.html("/runs/run-1")
    assert 'class="verdict down"' in html
    assert "as &lt;b&gt;seen&lt;/b&gt;" in html
    reader.post("/runs/run-1/thumb", csrf=csrf, thumb="none")
    assert 'class="verdict down"' not in reader.html("/runs/run-1")


def test_a_thumb_needs_the_form_and_the_run(reader: Reader) -> None:
    """Without the form's secret nothing is kept; a run that is not there says so."""
    assert reader.post("/runs/run-2/thumb", csrf="guessed", thumb="up").status == 403
    assert (
        "console" not in reader.html("/quality").partition("What was said")[2].partition("Quality records")[0]
    )
    csrf = _csrf(reader, "/runs/run-2")
    assert reader.post("/runs/nobody/thumb", csrf=csrf, thumb="up").status == 404
