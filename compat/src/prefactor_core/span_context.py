"""A span inside its `async with` block."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from holdfast.tracing.failure import outcome

if TYPE_CHECKING:
    from prefactor_core.managers.span import SpanManager

__all__ = ["SpanContext"]


class SpanContext:
    """Prepared on entry; `start` sends it, `complete`, `fail` or `cancel` end it, and what was not called is done
    on exit. The first end counts."""

    def __init__(
        self, temp_id: str, span_manager: SpanManager, default_payload: dict[str, Any] | None = None
    ) -> None:
        self._id = temp_id
        self._manager = span_manager
        self._payload = dict(default_payload or {})
        self._late_payload: dict[str, Any] = {}
        self._result: dict[str, Any] = {}
        self._started = False
        self._finished = False

    @property
    def id(self) -> str:
        """The span's id, here and on the server."""
        return self._id

    async def start(self, payload: dict[str, Any] | None = None) -> None:
        """Send the span as active, with `payload` or else with the default one. A repeat does nothing."""
        if not (self._started or self._finished):
            self._started = True
            await self._manager.start(self._id, self._payload if payload is None else payload)

    def set_payload(self, data: dict[str, Any]) -> None:
        """Merge `data` into the parameters: before the start into those that an automatic start sends, after it
        they are sent with the end."""
        if self._started:
            self._late_payload.update(data)
        else:
            self._payload.update(data)

    def set_result(self, data: dict[str, Any]) -> None:
        """Merge `data` into the result that is sent with the end."""
        self._result.update(data)

    async def complete(self, result: dict[str, Any] | None = None) -> None:
        await self._end("complete", result)

    async def fail(self, result: dict[str, Any] | None = None) -> None:
        await self._end("failed", result)

    async def cancel(self) -> None:
        """Before `start` the span is sent as pending and cancelled at once."""
        if not (self._started or self._finished):
            self._finished = True
            await self._manager.cancel_unstarted(self._id)
        await self._end("cancelled")

    async def finish(self) -> None:
        """End it as complete, unless it has ended."""
        await self._end("complete")

    async def end_by(self, error: BaseException) -> None:
        """End it as the exception that left the block means: failed with its type and message, or cancelled."""
        status = outcome(error)
        if status == "complete":
            await self._end("complete")
        elif status == "cancelled":
            await self._end("cancelled", error=error)
        else:
            await self._end("failed", error=error)

    async def _end(
        self,
        status: Literal["complete", "failed", "cancelled"],
        result: dict[str, Any] | None = None,
        error: BaseException | None = None,
    ) -> None:
        if self._finished:
            return
        await self.start()
        self._finished = True
        self.set_result(result or {})
        if self._late_payload:
            await self._manager.update_payload(self._id, self._late_payload)
        await self._manager.finish(self._id, self._result or None, status, error=error)
