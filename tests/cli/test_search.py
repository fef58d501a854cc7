"""`holdfast search`: where a text was recorded."""

from __future__ import annotations

import holdfast as hf
from waiting import wait_until


def test_search(announced, holdfast, tmp_path):
    """The hits of the server are shown with their places; --json gives them for a program; options narrow."""
    hf.init(agent="a", url=announced.url, spool=str(tmp_path / "spool"))
    with hf.run("the run") as run:
        with hf.span("ask", payload={"question": "where is the wombat"}):
            pass
        with hf.span("other", payload={"question": "where is the numbat"}):
            pass
    hf.flush()
    wait_until(lambda: len(holdfast("search", "where", "--json").json["summaries"]) == 2)
    wait_until(lambda: bool(holdfast("search", "where wombat", "--json").json["complete"]))
    found = holdfast("search", "where wombat", "--json").json
    assert [hit["name"] for hit in found["summaries"]] == ["ask"]
    shown = holdfast("search", "wom*").out
    assert "ask" in shown
    assert run.id in shown
    assert "where is the wombat" in shown
    assert len(holdfast("search", "where", "--limit", "1", "--json").json["summaries"]) == 1
    assert len(holdfast("search", "where", "--run", run.id, "--since", "1h", "--json").json["summaries"]) == 2
    assert holdfast("search", "where", "--run", "none", "--json").json["summaries"] == []
    assert "Nothing found." in holdfast("search", "platypus").out
    hf.shutdown()


def test_search_needs_a_text(holdfast):
    """Without a text it says how it is used."""
    ran = holdfast("search")
    assert ran.code == 2
    assert "holdfast search TEXT" in ran.err


def test_rebuild(announced, holdfast, tmp_path):
    """The index is made anew beside a running server, which goes on with it."""
    hf.init(agent="a", url=announced.url, spool=str(tmp_path / "spool"))
    with hf.run("r"), hf.span("ask", payload="wombat"):
        pass
    hf.flush()
    hf.shutdown()
    data = announced.services.config.data
    assert holdfast("search", "--rebuild", "--data", data, "--json").json["texts"] == 2
    assert len(holdfast("search", "wombat", "--json").json["summaries"]) == 1
