"""Erasures and retention over the API: what is asked for, and the receipts."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from holdfast.wire.vocabulary import ErasureCause, ErasureState

__all__ = [
    "ErasureAsk",
    "ErasureDetails",
    "ErasureFound",
    "ErasureSelection",
    "RetentionChange",
    "RetentionDetails",
]


class ErasureAsk(Struct, frozen=True, kw_only=True):
    """Which runs: those that fit everything given, at least one of `agent_instance_ids`, `agent_id` and `where`.

    `agent_id` is an id, an external identifier or a name; without `where`, `before` and ids the agent is
    erased whole, with its versions, schemas, deployments and tokens. `where` is explained in the
    documentation of retention. `before`: runs that began before that time, ISO 8601 or `90d` (ago). `dry_run`
    changes nothing and tells what there is. `rewrite` false leaves the SQLite file as it is: quick, but copies
    of what was erased may stay in its free places until others need them.
    """

    agent_instance_ids: list[str] = []
    agent_id: str | None = None
    where: str | None = None
    before: str | None = None
    dry_run: bool = False
    rewrite: bool = True


class ErasureSelection(Struct, frozen=True, kw_only=True):
    """What was asked for. `ended_before` is what retention asks for."""

    agent_instance_ids: list[str]
    agent_id: str | None
    where: str | None
    before: str | None
    ended_before: str | None


class ErasureDetails(Struct, frozen=True, kw_only=True):
    """A receipt. `counts` are rows by table. `dropped` counts operations that arrived for these runs later and
    left nothing. `note` says what is left to do, or could not be done."""

    id: str
    account_id: str
    cause: ErasureCause
    state: ErasureState
    asked_by: str
    selection: ErasureSelection
    counts: dict[str, int]
    dropped: int
    note: str | None
    inserted_at: str
    finished_at: str | None
    type: Literal["erasure"] = "erasure"


class ErasureFound(Struct, frozen=True, kw_only=True):
    """What a dry run found. `live` are runs that have not ended; `agents` are those that would go whole."""

    agent_instances: int
    live: int
    agent_spans: int
    agent_events: int
    agents: int
    type: Literal["erasure_found"] = "erasure_found"


class RetentionChange(Struct, frozen=True, kw_only=True):
    """`keep` is how long runs are kept after their end: `12h`, `30d`, `8w`, at least an hour; null for ever."""

    keep: str | None


class RetentionDetails(Struct, frozen=True, kw_only=True):
    """How long runs are kept after their end; `keep` null for ever. `agent_id` null: of every agent that has no
    rule of its own."""

    account_id: str
    agent_id: str | None
    agent_name: str | None
    keep: str | None
    keep_seconds: int | None
    updated_at: str
    type: Literal["retention"] = "retention"
