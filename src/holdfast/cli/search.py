"""`holdfast search`: where a text was recorded."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

import typer
from rich.text import Text

from holdfast._clock import iso_utc
from holdfast.cli.api import Json, Server
from holdfast.cli.db import DatabaseOption
from holdfast.cli.local import DataOption
from holdfast.cli.moments import moment
from holdfast.cli.output import JsonFlag, amount, console, human_bytes, print_json, remarks
from holdfast.errors import CommandError
from holdfast.server.services.clean_text import one_line

__all__ = ["search"]

_PAGE: Final = 100


def search(
    text: Annotated[
        str | None,
        typer.Argument(
            help='Words, "phrases", beginnings*, -not. All of them must be found.', show_default=False
        ),
    ] = None,
    agent: Annotated[
        str | None, typer.Option(help="In runs of the agent with this id.", show_default=False)
    ] = None,
    run: Annotated[str | None, typer.Option(help="In the run with this id.", show_default=False)] = None,
    since: Annotated[
        str | None,
        typer.Option(help="In runs that began since then: 2026-01-31, 12h, 7d.", show_default=False),
    ] = None,
    limit: Annotated[int, typer.Option(help="Most texts to show.", min=1, max=10_000)] = 20,
    rebuild: Annotated[
        bool, typer.Option("--rebuild", help="Make the index of this machine's database anew.")
    ] = False,
    data: DataOption = None,
    database: DatabaseOption = None,
    json: JsonFlag = False,
) -> None:
    """Find runs, spans and events by the words in their names, payloads, results and errors, newest first."""
    if rebuild:
        _rebuild(data, database, json=json)
        return
    if not text:
        raise CommandError("what is to be found?", fix="holdfast search TEXT", exit_code=2)
    hits, complete = _found(text, agent=agent, run=run, since=since, limit=limit)
    if json:
        print_json({"summaries": hits, "complete": complete})
        return
    for hit in hits:
        _show(hit)
    if not hits:
        console.print("Nothing found.")
    if not complete:
        remarks.print(
            "There may be more: the search was stopped for its time. Narrow it with --since or --agent."
        )


def _found(
    text: str, *, agent: str | None, run: str | None, since: str | None, limit: int
) -> tuple[list[Json], bool]:
    server = Server()
    began = None if since is None else iso_utc(moment(since))
    hits: list[Json] = []
    cursor: str | None = None
    while True:
        page = server.get(
            "/search",
            q=text,
            agent_id=agent,
            agent_instance_id=run,
            start_time=began,
            limit=min(_PAGE, limit - len(hits)),
            cursor=cursor,
        )
        hits += page["summaries"]
        cursor = page["next"]
        if cursor is None or len(hits) >= limit or not page["complete"]:
            return hits, bool(page["complete"])


def _show(hit: Json) -> None:
    """Two lines: where, and the text."""
    where, text = Text(), Text("      ")
    where.append(f"{hit['kind']:<6}", style="dim")
    if hit["kind"] != "run":
        where.append(f"{one_line(hit['name'] or '', 60)}  ", style="bold")
    where.append(f"{one_line(hit['run_name'] or '', 60)}  ")
    where.append(hit["agent_instance_id"], style="dim")
    if hit["agent_span_id"]:
        where.append(f" {hit['agent_span_id']}", style="dim")
    for part in hit["snippet"]:
        text.append(part["text"], style="bold" if part["hit"] else "")
    console.print(where)
    console.print(text)


def _rebuild(data: Path | None, database: str | None, *, json: bool) -> None:
    from holdfast.server.app import open_index, open_store  # the server takes a second to import
    from holdfast.server.config import ServerConfig
    from holdfast.server.services.searching.indexing import rebuild

    config = ServerConfig.from_settings(data=data, database=database)
    store = open_store(config)
    try:
        index = open_index(config, store)
        try:
            texts = rebuild(store, index)
            size = index.size().bytes
        finally:
            index.close()
    finally:
        store.close()
    if json:
        print_json({"texts": texts, "bytes": size})
    else:
        console.print(f"{amount(texts, 'text')} can be found; the index has {human_bytes(size)}.")
