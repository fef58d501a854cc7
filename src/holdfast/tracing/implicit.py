"""A span where no run is open: it opens one, and ends it with itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from holdfast._ids import new_id
from holdfast.tracing.encoding import Given
from holdfast.tracing.record import own_key, short_name
from holdfast.tracing.span import Span
from holdfast.wire.operations import RecordedError
from holdfast.wire.vocabulary import InstanceStatus, SpanStatus

if TYPE_CHECKING:
    from holdfast.tracing.client import Client

__all__ = ["span_with_own_run"]


class _SpanWithOwnRun(Span):
    def _begin(self, status: SpanStatus, at: int | None = None) -> None:
        self.run.start(at=at)
        super()._begin(status, at)

    def _end(
        self,
        status: SpanStatus,
        error: BaseException | RecordedError | str | None = None,
        at: int | None = None,
    ) -> None:
        super()._end(status, error, at)
        if error is not None and status is SpanStatus.FAILED:
            self.run.fail(error)
        else:
            self.run.finish(InstanceStatus(status), at=at)


def span_with_own_run(
    client: Client,
    name: str,
    *,
    type: str,  # noqa: A002 - the reader's word for it
    payload: Given = None,
    attributes: Mapping[str, Any] | None = None,
    id: str | None = None,  # noqa: A002 - the wire's word
) -> Span:
    """A span whose run bears its name, starts with it and ends as it does."""
    run = client.run(name)
    if client.config.disabled:
        return run.span(name)
    span_id = new_id() if id is None else run.record.usable_id(id)
    return _SpanWithOwnRun(
        run,
        span_id,
        short_name(name),
        short_name(type),
        None,
        own_key(span_id),
        run.record,
        payload,
        attributes,
    )
