"""Which record sessions are put on: none, until somebody says so.

Light to import: the package root says so for every process, whether it opens sessions or not.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final, TypeAlias

if TYPE_CHECKING:
    from holdfast.core.ports import Record
    from holdfast.runtime.session_info import SessionInfo

    Recorder: TypeAlias = Callable[[SessionInfo], Record]
    """Opens the record of one session. What it does must not wait, and must not raise into the agent."""

__all__ = ["Recorder", "open_record", "use_recorder"]

_recorders: Final[list[Recorder]] = []


def use_recorder(recorder: Recorder | None) -> None:
    """Put every session that opens from now on, in this process, on the record of `recorder`; None stops it.

    An orchestrator that was given a recorder of its own keeps to that.
    """
    _recorders[:] = [] if recorder is None else [recorder]


def open_record(info: SessionInfo, recorder: Recorder | None) -> Record:
    """The record of a session, from its own recorder or the process's. One that raises is logged: the session
    goes on unrecorded."""
    from holdfast.core.ports import NO_RECORD

    chosen = recorder or (_recorders[0] if _recorders else None)
    if chosen is None:
        return NO_RECORD
    try:
        return chosen(info)
    except Exception:  # telemetry never raises into agent code
        import logging

        logging.getLogger("holdfast").exception("a session of %s is not recorded", info.role)
        return NO_RECORD
