"""The part of the settings page about room on the disk."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Final

from holdfast.server.config import ServerConfig
from holdfast.server.services.viewing.storage import StorageSizes
from holdfast.server.web.format import ago, amount, bytes_text
from holdfast.server.web.pages import Fact
from holdfast.server.web.settings.pages import SizeView, Storage

__all__ = ["MEASURE", "storage_part"]

MEASURE: Final = "/settings?sizes=1#storage"
_GROUPS: Final[Mapping[str, str]] = {
    "span_bodies": "Payloads and results",
    "spans": "Spans",
    "instances": "Runs",
    "events": "Events",
    "questions": "Questions and answers",
    "quality": "Quality and scores",
    "scores": "Quality and scores",
    "violations": "Schema checks",
    "check_queue": "Schema checks",
    "idempotency": "Answers kept for repeats",
    "rollups": "Sums for lists and charts",
    "run_facets": "Sums for lists and charts",
    "facet_rollups": "Sums for lists and charts",
    "failed": "Failures",
    "failure_groups": "Failures",
    "search_queue": "Search",
}
_REST: Final = "Everything else"


def storage_part(sizes: StorageSizes, config: ServerConfig, now: int, *, asked: bool) -> Storage:
    facts = [Fact(label="Database", value=bytes_text(sizes.database()))]
    if config.database is None:
        facts = [Fact(label=file.name, value=bytes_text(file.bytes)) for file in sizes.files(config.data)]
    if config.spans is not None:
        moved = sizes.moved()
        value = "cannot be reached" if moved is None else bytes_text(moved[1])
        title = "" if moved is None else f"{moved[0]:,} spans"
        facts.append(Fact(label="ClickHouse", value=value, title=title, bad=moved is None))
    tables = sizes.tables(asked=asked)
    if tables is None:
        return Storage(facts=tuple(facts), parts=(), measured="", measure_href=MEASURE)
    return Storage(
        facts=tuple(facts),
        parts=_parts(tables.by_table),
        measured=ago(tables.measured_at, now),
        measure_href="",
    )


def _parts(by_table: Mapping[str, int]) -> tuple[SizeView, ...]:
    groups: Counter[str] = Counter()
    names: dict[str, list[str]] = {}
    for table, size in by_table.items():
        group = _GROUPS.get(table, "Search" if table.startswith(("search", "words")) else _REST)
        groups[group] += size
        names.setdefault(group, []).append(table)
    total = max(1, sum(groups.values()))
    return tuple(
        SizeView(
            label=group,
            size=bytes_text(size),
            share=f"{size / total:.0%}",
            title=", ".join(sorted(names[group]))
            if group != _REST
            else amount(len(names[group])) + " tables",
            width=round(1000 * size / total),
        )
        for group, size in groups.most_common()
    )
