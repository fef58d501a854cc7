"""A page that the server cannot make."""

from __future__ import annotations

from sqlalchemy import text

from holdfast.server.running import Listening
from web.conftest import Reader


def test_a_failing_page_is_told_as_a_page_and_says_nothing_of_the_inside(
    server: Listening, reader: Reader
) -> None:
    """The sums' table is away: 500, in words; the log has the rest."""
    with server.services.store.write() as transaction:
        transaction.connection.execute(text("ALTER TABLE rollups RENAME TO gone"))
    answer = reader.get("/runs")
    assert answer.status == 500
    told = answer.data.decode()
    assert "The server failed" in told
    assert "rollups" not in told
    assert "Traceback" not in told
    assert reader.get("/login/help").status == 200
