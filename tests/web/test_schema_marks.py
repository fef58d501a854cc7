"""What the checks found, on the pages."""

from __future__ import annotations

import re
import threading
import time

from holdfast._clock import utc_now_ns
from holdfast.server.running import Listening
from web.conftest import Reader
from web.sample_runs import SECOND, Story, send


def test_a_span_that_breaks_its_schema_is_marked_with_what_is_wrong(
    server: Listening, reader: Reader
) -> None:
    """In the tree by a mark, beside it in words; its summary stands in its row."""
    schema = {
        "name": "agent:lookup",
        "params_schema": {"type": "object", "properties": {"order": {"type": "string"}}},
        "template": "order {{ order }}",
    }
    story = Story("schemed", utc_now_ns() - 9 * SECOND)
    story.begin("Schemed", "schemer", agent_schema_version={"span_type_schemas": [schema]})
    story.span("look up", "agent:lookup", None, 1.0, start={"payload": {"order": 17}, "span_id": "broken"})
    send(server.url, server.token, story.end().items)
    deadline = time.monotonic() + 20
    marks = (
        'title="Breaks its schema"',
        "<h3>Breaks its schema</h3>",
    )  # of the tree, and of the span: two reads
    while not all(mark in (html := reader.html("/runs/schemed?span=broken")) for mark in marks):
        assert time.monotonic() < deadline
        threading.Event().wait(0.05)
    assert "payload/order" in html
    assert re.search(r'<b>order</b><bdi class="v-number">17</bdi> <em class="broken">17 is not of type', html)
    assert "<small>order 17</small>" in html
