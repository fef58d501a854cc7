"""What a client needs of the thing that keeps and delivers what it records. `Pipeline` is the real one."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from holdfast.tracing.pipeline import PipelineStats
    from holdfast.tracing.verdict import Control
    from holdfast.wire.questions import AnswerGiven

__all__ = ["NoSink", "Sink"]


class Sink(Protocol):
    """Where the operations of a client go. All of it may be called from any thread."""

    @property
    def append(self) -> Callable[[bytes], None]:
        """Take one operation: never waits for network or disk, never raises."""
        ...

    def flush(self, timeout: float) -> bool:
        """Wait until all that was recorded before has arrived; False when `timeout` seconds were too few."""
        ...

    def close(self, timeout: float) -> bool:
        """Deliver what can be in `timeout` seconds in all, and keep the rest; False where there is a rest."""
        ...

    def stats(self) -> PipelineStats: ...

    def control(self, instance_id: str) -> Control | None:
        """The server's latest word to a run."""
        ...

    def answer(self, instance_id: str, question_id: str) -> AnswerGiven | None:
        """What somebody has answered to a question of a run. As long as it is looked for, the server is asked
        every second."""
        ...

    def watch(self, instance_id: str) -> None:
        """This process has begun a run: ask for word to it, and end it should this process die."""
        ...

    def unwatch(self, instance_id: str) -> None: ...


class NoSink:
    """For a client that is switched off."""

    def append(self, operation: bytes) -> None:
        pass

    def flush(self, timeout: float) -> bool:
        return True

    def close(self, timeout: float) -> bool:
        return True

    def stats(self) -> PipelineStats:
        from holdfast.tracing.pipeline import PipelineStats

        return PipelineStats(
            recorded=0,
            delivered=0,
            rejected=0,
            lost={},
            spilled=0,
            adopted=0,
            pending_bytes=0,
            last_problem=None,
            spool=None,
        )

    def control(self, instance_id: str) -> Control | None:
        return None

    def answer(self, instance_id: str, question_id: str) -> AnswerGiven | None:
        return None

    def watch(self, instance_id: str) -> None:
        pass

    def unwatch(self, instance_id: str) -> None:
        pass
