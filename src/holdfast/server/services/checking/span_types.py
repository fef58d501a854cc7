"""What is known of spans by their type: title and risk."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import Final

import msgspec
from msgspec.structs import replace

from holdfast.server.services.risk import PROFILES, risk_level, risk_score
from holdfast.server.stores.agents import risk_profiles
from holdfast.server.stores.base import Store
from holdfast.server.stores.catalogue import read_schema_version
from holdfast.server.stores.rows import InstanceRow
from holdfast.wire.details import SpanDetails
from holdfast.wire.operations import SchemaVersion, SpanTypeSchema

__all__ = ["SpanTypes"]

_KEPT: Final = 256
_decode: Final = msgspec.json.Decoder(SchemaVersion).decode
_NONE: Final[dict[str, SpanTypeSchema]] = {}


class SpanTypes:
    """Thread-safe and blocking. Schema versions never change, so those read lately are kept decoded."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._known: OrderedDict[str, dict[str, SpanTypeSchema]] = OrderedDict()

    def of(self, version_id: str | None) -> dict[str, SpanTypeSchema]:
        """The span types of a schema version by name."""
        if version_id is None:
            return _NONE
        with self._lock:
            known = self._known.get(version_id)
            if known is not None:
                self._known.move_to_end(version_id)
                return known
        with self._store.reader.connect() as connection:
            content = read_schema_version(connection, version_id)
        types = {} if content is None else {one.name: one for one in _decode(content).span_type_schemas or ()}
        with self._lock:
            self._known[version_id] = types
            while len(self._known) > _KEPT:
                self._known.popitem(last=False)
        return types

    def described(self, spans: list[tuple[InstanceRow, SpanDetails]], *, risk: bool) -> list[SpanDetails]:
        """With the titles of their types and the purpose of their runs; with `risk`, the risk of those whose
        type declares any and whose agent has a risk profile."""
        profiles: dict[str, str] = {}
        if risk:
            with self._store.reader.connect() as connection:
                profiles = risk_profiles(connection, {run.agent_id for run, _ in spans if run.agent_id})
        shown: list[SpanDetails] = []
        for run, span in spans:
            kind = self.of(run.schema_version_id).get(span.schema_name)
            score = None
            profile = PROFILES.get(profiles.get(run.agent_id or "", ""))
            if kind is not None and kind.data_risk is not None and profile is not None:
                score = risk_score(kind.data_risk, profile)
            shown.append(
                replace(
                    span,
                    schema_title=(kind.title if kind is not None else None) or span.schema_title,
                    purpose=run.purpose,
                    risk_score=score,
                    risk_level=None if score is None else risk_level(score),
                )
            )
        return shown
