"""Which record sessions are put on: none, until somebody says so."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Final, TypeAlias

from msgspec import Struct

from holdfast.core.ports import NO_RECORD, Record

__all__ = ["NO_RECORD", "Record", "Recorder", "SessionInfo", "open_record", "use_recorder"]

_LOG: Final = logging.getLogger("holdfast")


class SessionInfo(Struct, frozen=True, kw_only=True):
    """What a recorder is told of a session that opens."""

    role: str
    phase: str
    worker_id: str
    project_id: int | None = None
    handed_from: str | None = None
    """The role that handed over to this session."""
    reason: str | None = None
    """Why it did."""


Recorder: TypeAlias = Callable[[SessionInfo], Record]
"""Opens the record of one session. What it does must not wait, and must not raise into the agent."""

_recorders: Final[list[Recorder]] = []


def use_recorder(recorder: Recorder | None) -> None:
    """Put every session that opens from now on, in this process, on the record of `recorder`; None stops it.

    An orchestrator that was given a recorder of its own keeps to that.
    """
    _recorders[:] = [] if recorder is None else [recorder]


def open_record(info: SessionInfo, recorder: Recorder | None) -> Record:
    """The record of a session, from its own recorder or the process's. One that raises is logged: the session
    goes on unrecorded."""
    chosen = recorder or (_recorders[0] if _recorders else None)
    if chosen is None:
        return NO_RECORD
    try:
        return chosen(info)
    except Exception:  # noqa: BLE001 - telemetry never raises into agent code
        _LOG.exception("the recorder raised; the session of %s is not recorded", info.role)
        return NO_RECORD
