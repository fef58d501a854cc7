"""The SDK and the server together, as a user's own tests would use them."""

from __future__ import annotations

import pytest

import holdfast
from holdfast.testing import running_server
from server.client import Api


def test_a_run_arrives(tmp_path_factory: pytest.TempPathFactory) -> None:
    """A run recorded with the SDK is in the server after a flush, with its tree, its failure and its events."""
    with running_server() as server:
        spool = str(tmp_path_factory.mktemp("spool"))
        client = holdfast.init(agent="tester", url=server.url, token=server.token, spool=spool)
        try:
            with holdfast.run("job", id="run-1"), holdfast.span("outer", payload={"n": 1}) as outer:
                outer.event("noted")
                with pytest.raises(ValueError, match="no"), holdfast.span("inner"):
                    raise ValueError("no")
            assert client.flush(20)
        finally:
            client.close()
        with Api(server.url, server.token) as api:
            _, run = api.get("/agent_instance/run-1")
            assert (run["details"]["status"], run["details"]["span_counts"]["total"]) == ("complete", 2)
            _, listed = api.get("/agent_spans?agent_instance_id=run-1")
            spans = {row["name"]: row for row in listed["summaries"]}
            assert spans["inner"]["parent_span_id"] == spans["outer"]["id"]
            assert spans["inner"]["error"]["type"].endswith("ValueError")
            assert spans["outer"]["payload"] == {"n": 1}
            _, events = api.get("/agent_events?agent_instance_id=run-1")
            assert [row["name"] for row in events["summaries"]] == ["noted"]
