"""The runs of this process that have not ended: whom to ask the server about, whom to mourn after a kill."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Final

import msgspec

from holdfast._clock import utc_now_ns
from holdfast._ids import new_id
from holdfast.tracing.losses import replace_file
from holdfast.wire.operations import InstanceFinish, RecordedError
from holdfast.wire.vocabulary import InstanceStatus

__all__ = ["LiveRuns", "died", "open_runs"]

_RUNS_FILE: Final = "runs.json"
_INSTANCE: Final = b'{"_type":"agent_instances/'


class _InstanceOperation(msgspec.Struct, frozen=True, kw_only=True):
    kind: str = msgspec.field(default="", name="_type")
    id: str | None = None
    agent_instance_id: str | None = None


class LiveRuns:
    """Which runs to poll control for, and which of them this process began itself (`owned`).

    Only set operations of one step: no lock is needed, a signal handler may call in.
    """

    __slots__ = ("_owned", "_saved", "_sought", "watched")

    def __init__(self) -> None:
        self.watched: set[str] = set()
        self._owned: set[str] = set()
        self._sought: dict[str, float] = {}
        self._saved: frozenset[str] = frozenset()

    def watch(self, instance_id: str, *, owned: bool) -> None:
        self.watched.add(instance_id)
        if owned:
            self._owned.add(instance_id)

    def unwatch(self, instance_id: str) -> None:
        self.watched.discard(instance_id)
        self._owned.discard(instance_id)

    def seek(self, instance_id: str, now: float) -> bool:
        """Somebody looks for an answer to a question of this run; True where nobody has been looking before.
        `now` is seconds of a clock that only goes forward."""
        fresh = instance_id not in self._sought
        self._sought[instance_id] = now
        return fresh

    def sought(self, since: float) -> frozenset[str]:
        """The runs that an answer was looked for at that time or later. The others are forgotten."""
        found = self._sought.copy()
        for instance_id, when in found.items():
            if when < since:
                self._sought.pop(instance_id, None)
        return frozenset(instance_id for instance_id, when in found.items() if when >= since)

    def save(self, directory: Path) -> None:
        """Write the owned runs beside the spool, where they changed. Raises `OSError`."""
        owned = frozenset(self._owned.copy())
        if owned != self._saved:
            replace_file(directory / _RUNS_FILE, msgspec.json.encode(sorted(owned)))
            self._saved = owned


def _load_runs(directory: Path) -> set[str]:
    try:
        return set(msgspec.json.decode((directory / _RUNS_FILE).read_bytes(), type=list[str]))
    except (OSError, msgspec.DecodeError):
        return set()


def open_runs(directory: Path, records: Iterable[bytes]) -> list[str]:
    """The runs that a dead process began and did not end, by its records that are still on disk.

    A run whose register is no longer there is known from the file that `LiveRuns.save` left. That file may
    be older than a run's end: naming an ended run as open is harmless, since the first end to arrive stays.
    """
    alive = dict.fromkeys(sorted(_load_runs(directory)))
    for record in records:
        if not record.startswith(_INSTANCE):
            continue
        try:
            operation = msgspec.json.decode(record, type=_InstanceOperation)
        except msgspec.DecodeError:
            continue
        if operation.kind.endswith("/register") and operation.id:
            alive[operation.id] = None
        elif operation.kind.endswith(("/finish", "/terminate")) and operation.agent_instance_id:
            alive.pop(operation.agent_instance_id, None)
    return list(alive)


def died(instance_id: str, process: str) -> bytes:
    """The operation that ends a run whose process is gone."""
    return msgspec.json.encode(
        InstanceFinish(
            idempotency_key=new_id(),
            agent_instance_id=instance_id,
            status=InstanceStatus.FAILED,
            timestamp=utc_now_ns(),
            error=RecordedError(
                type="ProcessDied", message=f"The process ({process}) ended without finishing this run."
            ),
        )
    )
