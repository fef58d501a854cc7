"""The orchestrator: opens supervised sessions around an agent's own loop."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Final

from holdfast.core.error_text import error_text
from holdfast.core.handoff import Handoff
from holdfast.core.lifecycle import AgentWorker
from holdfast.errors import UnknownWorkerError
from holdfast.runtime.async_session import AsyncOrchestrationSession
from holdfast.runtime.parts import Heritage, Parts, assemble
from holdfast.runtime.session import OrchestrationSession
from holdfast.runtime.setup import Setup
from holdfast.wire.runtime_vocabulary import AgentStatus

__all__ = ["AgentSession", "Orchestrator"]

_MOST_HEIRS: Final = 1000


class _Heirs(OrderedDict[str, Heritage]):
    """What was handed over and not yet taken up, by worker. The oldest are forgotten: nobody came for them."""

    def __setitem__(self, worker_id: str, heritage: Heritage) -> None:
        super().__setitem__(worker_id, heritage)
        while len(self) > _MOST_HEIRS:
            self.popitem(last=False)


@dataclass(slots=True)
class Orchestrator(Setup):
    """Opens sessions; for what it is told see `Setup`. One orchestrator serves any number of them at once."""

    _heirs: _Heirs = field(default_factory=_Heirs, init=False, repr=False, compare=False)

    @contextmanager
    def session(self) -> Generator[OrchestrationSession]:
        """A session for plain code: `with orchestrator.session() as session:`. It is completed by a clean end,
        failed by an exception (which goes on), cancelled by a cancellation or a stop."""
        with self._open(self._worker()) as session:
            yield session

    @asynccontextmanager
    async def asession(self) -> AsyncGenerator[AsyncOrchestrationSession]:
        """A session for async code: `async with orchestrator.asession() as session:`."""
        async with self._aopen(self._worker()) as session:
            yield session

    @contextmanager
    def session_for(self, handoff: Handoff) -> Generator[OrchestrationSession]:
        """A session for the role that was handed over to, for plain code: it takes up the worker that waits, and
        shares the budget and the deadline of the session before it. Once per handoff; after that, or where
        another registry made it, `UnknownWorkerError` is raised."""
        worker, heritage = self._heir(handoff)
        with self._open(worker, heritage) as session:
            yield session

    @asynccontextmanager
    async def asession_for(self, handoff: Handoff) -> AsyncGenerator[AsyncOrchestrationSession]:
        """As `session_for`, for async code."""
        worker, heritage = self._heir(handoff)
        async with self._aopen(worker, heritage) as session:
            yield session

    def _worker(self) -> AgentWorker:
        return self.registry.create(self.role, self.phase, self.project_id)

    def _heir(self, handoff: Handoff) -> tuple[AgentWorker, Heritage]:
        worker = self.registry.get(handoff.target_worker_id)
        heritage = self._heirs.pop(handoff.target_worker_id, None)
        if worker is None or heritage is None:
            raise UnknownWorkerError(handoff.target_worker_id)
        return worker, heritage

    def _parts(self, worker: AgentWorker, heritage: Heritage | None, *, is_async: bool) -> Parts:
        try:
            return assemble(self, worker, is_async=is_async, heritage=heritage)
        except BaseException as error:
            worker.transition(AgentStatus.FAILED, error_text(error))
            raise

    @contextmanager
    def _open(self, worker: AgentWorker, heritage: Heritage | None = None) -> Generator[OrchestrationSession]:
        session = OrchestrationSession(self._parts(worker, heritage, is_async=False), self._heirs)
        try:
            session.begin()
            yield session
        except BaseException as error:
            session.end(error)
            raise
        session.end(None)

    @asynccontextmanager
    async def _aopen(
        self, worker: AgentWorker, heritage: Heritage | None = None
    ) -> AsyncGenerator[AsyncOrchestrationSession]:
        session = AsyncOrchestrationSession(self._parts(worker, heritage, is_async=True), self._heirs)
        try:
            session.begin()
            yield session
        except BaseException as error:
            session.end(error)
            raise
        session.end(None)


AgentSession = Orchestrator
"""Another name for it."""
