"""Workers: which step of its life an agent is at, and the registry that knows them all."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Lock, RLock
from typing import Final

from msgspec import Struct

from holdfast._ids import new_id
from holdfast.errors import InvalidInputError, InvalidTransitionError, UnknownWorkerError
from holdfast.wire.agent_events import emitted_now
from holdfast.wire.runtime_vocabulary import AgentStatus

__all__ = [
    "AgentRegistry",
    "AgentStatus",
    "AgentWorker",
    "AgentWorkerEvent",
    "InvalidTransitionError",
    "UnknownWorkerError",
]

_NEXT: Final = {
    AgentStatus.IDLE: {AgentStatus.INITIALIZING, AgentStatus.FAILED, AgentStatus.CANCELLED},
    AgentStatus.INITIALIZING: {
        AgentStatus.WAITING_FOR_INPUT,
        AgentStatus.RUNNING,
        AgentStatus.FAILED,
        AgentStatus.CANCELLED,
    },
    AgentStatus.WAITING_FOR_INPUT: {AgentStatus.RUNNING, AgentStatus.FAILED, AgentStatus.CANCELLED},
    AgentStatus.RUNNING: {
        AgentStatus.WAITING_FOR_INPUT,
        AgentStatus.COMPLETED,
        AgentStatus.FAILED,
        AgentStatus.CANCELLED,
    },
    AgentStatus.COMPLETED: set[AgentStatus](),
    AgentStatus.FAILED: set[AgentStatus](),
    AgentStatus.CANCELLED: set[AgentStatus](),
}


class AgentWorkerEvent(Struct, frozen=True):
    """One step of a worker. `seq` counts from 1; `timestamp` is ISO 8601 in UTC."""

    seq: int
    kind: str
    status: str
    detail: str | None
    timestamp: str

    def to_dict(self) -> dict[str, object]:
        return {
            "seq": self.seq,
            "kind": self.kind,
            "status": self.status,
            "detail": self.detail,
            "timestamp": self.timestamp,
        }


@dataclass(slots=True)
class AgentWorker:
    """One agent at work. Its status changes through `transition` alone; threads may share it."""

    worker_id: str
    role: str
    phase: str
    project_id: int | None = None
    status: AgentStatus = AgentStatus.IDLE
    events: list[AgentWorkerEvent] = field(default_factory=list[AgentWorkerEvent])
    retry_count: int = 0
    last_error: dict[str, object] | None = None
    provider_used: str | None = None
    created_at: str = field(default_factory=emitted_now)
    updated_at: str = field(default_factory=emitted_now)
    _lock: Lock = field(default_factory=Lock, init=False, repr=False, compare=False)

    def transition(self, new_status: AgentStatus, detail: str | None = None) -> AgentWorkerEvent:
        """Go to `new_status`, and keep `detail` as the last error where that is a failure.

        Raises `InvalidTransitionError`, and changes nothing, where the one does not follow on the other; a
        final status is followed by none, itself included.
        """
        with self._lock:
            if new_status not in _NEXT[self.status]:
                raise InvalidTransitionError(self.status, new_status)
            now = emitted_now()
            event = AgentWorkerEvent(len(self.events) + 1, "transition", new_status.value, detail, now)
            self.events.append(event)
            self.status = new_status
            self.updated_at = now
            if new_status is AgentStatus.FAILED and detail is not None:
                self.last_error = {"message": detail, "timestamp": now}
            return event

    @property
    def is_terminal(self) -> bool:
        return self.status.final

    def to_dict(self) -> dict[str, object]:
        return {
            "worker_id": self.worker_id,
            "role": self.role,
            "phase": self.phase,
            "project_id": self.project_id,
            "status": self.status.value,
            "events": [event.to_dict() for event in self.events],
            "retry_count": self.retry_count,
            "last_error": self.last_error,
            "provider_used": self.provider_used,
            "created_at": self.created_at,
            "updated_at": self.updated_at,
        }


def _suffix() -> str:
    return new_id()[-8:]


class AgentRegistry:
    """The workers of a process, by id. Threads may share it.

    Workers at work are kept for as long as they work. Of those that have ended the oldest go: at least the
    latest `keep_finished` are there, and never more than twice that and 64 besides.
    """

    def __init__(self, *, keep_finished: int = 1000, new_suffix: Callable[[], str] = _suffix) -> None:
        if keep_finished < 0:
            raise InvalidInputError("keep_finished", f"{keep_finished} is negative", "say 0 or more")
        self._keep_finished = keep_finished
        self._new_suffix = new_suffix
        self._lock = RLock()
        self._workers: dict[str, AgentWorker] = {}
        self._sweep_at = self._slack = 2 * keep_finished + 64

    def create(self, role: str, phase: str, project_id: int | None = None) -> AgentWorker:
        """A new idle worker; its id reads `role-phase-xxxxxxxx`."""
        with self._lock:
            if len(self._workers) >= self._sweep_at:
                self._sweep()
            worker_id = f"{role}-{phase}-{self._new_suffix()}"
            while worker_id in self._workers:
                worker_id = f"{role}-{phase}-{self._new_suffix()}"
            worker = self._workers[worker_id] = AgentWorker(worker_id, role, phase, project_id)
            return worker

    def get(self, worker_id: str) -> AgentWorker | None:
        return self._workers.get(worker_id)

    def transition(self, worker_id: str, status: AgentStatus, detail: str | None = None) -> AgentWorker:
        """As `AgentWorker.transition`; an id that is not here raises `UnknownWorkerError` (a `KeyError`)."""
        worker = self._workers.get(worker_id)
        if worker is None:
            raise UnknownWorkerError(worker_id)
        worker.transition(status, detail)
        return worker

    def remove(self, worker_id: str) -> bool:
        """Forget a worker, whatever its status; False where it was not here."""
        with self._lock:
            return self._workers.pop(worker_id, None) is not None

    def list_active(self) -> list[AgentWorker]:
        """The workers that have not ended, oldest first."""
        return [worker for worker in self._all() if not worker.is_terminal]

    def get_by_role_phase(self, role: str, phase: str) -> AgentWorker | None:
        """The oldest worker with this role and phase that has not ended."""
        for worker in self._all():
            if worker.role == role and worker.phase == phase and not worker.is_terminal:
                return worker
        return None

    def get_by_project(self, project_id: int) -> list[AgentWorker]:
        """The workers of a project, oldest first, those that have ended included."""
        return [worker for worker in self._all() if worker.project_id == project_id]

    def clear(self) -> None:
        with self._lock:
            self._workers.clear()

    def __len__(self) -> int:
        return len(self._workers)

    def _all(self) -> list[AgentWorker]:
        with self._lock:
            return list(self._workers.values())

    def _sweep(self) -> None:
        # Looks at every worker, so it runs once per `slack` new ones: a worker may end without the registry
        # hearing of it, and a callback per worker would tie the two together.
        ended = [key for key, worker in self._workers.items() if worker.is_terminal]
        for key in ended[: max(0, len(ended) - self._keep_finished)]:
            del self._workers[key]
        at_work = len(self._workers) - min(len(ended), self._keep_finished)
        self._sweep_at = at_work + self._slack
