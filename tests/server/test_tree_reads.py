"""What pages read of a whole tree and of its events, over each store."""

from __future__ import annotations

from typing import Any

from holdfast._ids import new_id
from holdfast.server.running import Listening
from server.client import Api

_BEGAN = 1_700_000_000_000_000_000


def _filled(api: Api) -> str:
    run_id = api.run(new_id())
    items: list[dict[str, Any]] = []
    for number, (name, status) in enumerate(
        [("100% sure", "complete"), ("Fetch_page", "failed"), ("open", "active")]
    ):
        items.append(
            {
                "_type": "agent_spans/create",
                "agent_instance_id": run_id,
                "id": f"s{number}",
                "name": name,
                "schema_name": "agent:tool",
                "status": status,
                "started_at": _BEGAN + number,
                "finished_at": None if status == "active" else _BEGAN + 10 + number,
            }
        )
    items += [
        {
            "_type": "agent_events/create",
            "agent_instance_id": run_id,
            "id": f"e{number}",
            "name": "odd" if number % 2 else "even",
            "timestamp": _BEGAN + number // 2,
        }
        for number in range(5)
    ]
    keyed = [item | {"idempotency_key": new_id()} for item in items]
    assert api.bulk(keyed)[1]["outputs"] == {}
    return run_id


def test_the_ends_of_spans_are_known(running: Listening, api: Api) -> None:
    """None while a span goes on."""
    queries = running.services.queries
    version = queries.runs.version("default", _filled(api))
    assert version is not None
    assert queries.inside.ends(version.key) == {"s0": _BEGAN + 10, "s1": _BEGAN + 11, "s2": None}


def test_a_text_is_found_as_it_is(running: Listening, api: Api) -> None:
    """In whatever case; what databases take for patterns is none."""
    queries = running.services.queries
    version = queries.runs.version("default", _filled(api))
    assert version is not None
    found = {
        text: sorted(queries.inside.found(version.key, text)) for text in ("FETCH", "_", "%", "S2", "nobody")
    }
    assert found == {"FETCH": ["s1"], "_": ["s1"], "%": ["s0"], "S2": ["s2"], "nobody": []}


def test_events_come_in_pages(running: Listening, api: Api) -> None:
    """By their times and ids, of some names, behind a place, before a time."""
    queries = running.services.queries
    version = queries.runs.version("default", _filled(api))
    assert version is not None

    def ids(**wanted: Any) -> list[str]:
        return [event.id for event in queries.events.page(version.key, 3, **wanted)]

    assert ids() == ["e0", "e1", "e2"]
    assert ids(after=(_BEGAN + 1, "e2")) == ["e3", "e4"]
    assert ids(names={"odd"}) == ["e1", "e3"]
    assert ids(names={"even"}, until=_BEGAN + 2) == ["e0", "e2"]
