"""Operations, carried out: each is handed to the spool of a Holdfast client, which neither waits nor raises."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final, TypeVar

import msgspec

from holdfast import AgentVersion, Client, Run, Span
from holdfast.wire.operations import RecordedError, SchemaVersion
from prefactor_core.operations import Operation, OperationType

__all__ = ["Recorder"]

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_ShapeT = TypeVar("_ShapeT")


class Recorder:
    """Remembers the runs and spans that are open, and forgets them at their end.

    What belongs to a run or a span that was made elsewhere is recorded too, under its id.
    """

    def __init__(self, client: Client) -> None:
        self._client = client
        self._runs: dict[str, Run] = {}
        self._spans: dict[str, Span] = {}

    async def carry_out(self, operation: Operation) -> None:
        """`record`, as the handler of a queue's workers."""
        self.record(operation)

    def record(self, operation: Operation) -> None:
        """Raises `KeyError` for a payload that lacks what its type needs."""
        fields, at = operation.payload, _nanoseconds(operation.timestamp)
        match operation.type:
            case OperationType.REGISTER_AGENT_INSTANCE:
                self._register(fields)
            case OperationType.START_AGENT_INSTANCE:
                self._run(fields["agent_instance_id"]).start(at=at)
            case OperationType.FINISH_AGENT_INSTANCE:
                run = self._run(fields["agent_instance_id"])
                self._runs.pop(run.id, None)
                run.finish(fields.get("status"), at=at)
            case OperationType.CREATE_SPAN:
                self._create_span(fields, at)
            case OperationType.FINISH_SPAN:
                self._finish_span(fields, at)
            case OperationType.UPDATE_SPAN_PAYLOAD:
                span = self._spans.get(fields["agent_span_id"])
                if span is not None:
                    span.set_payload(fields["payload"])

    def record_quality(self, instance_id: str, name: str, payload: dict[str, Any] | None) -> None:
        """Before or after the end of the instance; None takes the judgement away."""
        self._run(instance_id).record_quality(name, payload)

    def _run(self, instance_id: str) -> Run:
        return self._runs.get(instance_id) or self._client.resume(instance_id)

    def _register(self, fields: dict[str, Any]) -> None:
        run = self._client.run(
            agent=fields.get("agent_id"),
            version=self._shaped(fields.get("agent_version"), AgentVersion, "an agent version"),
            id=fields["id"],
            purpose=fields.get("purpose"),
            environment=fields.get("environment_id"),
            external_identifier=fields.get("external_identifier"),
            schema_version=self._shaped(fields.get("agent_schema_version"), SchemaVersion, "schemas"),
        )
        self._runs[run.id] = run.announce()

    def _shaped(self, given: Any, shape: type[_ShapeT], what: str) -> _ShapeT | None:
        """What the caller's dict says, as a record; None, and a line in the log, for what cannot be read."""
        try:
            return None if given is None else msgspec.convert(given, shape, from_attributes=True)
        except msgspec.ValidationError as error:
            self._client.guard.misused(error, what)
            return None

    def _create_span(self, fields: dict[str, Any], at: int) -> None:
        run = self._run(fields["agent_instance_id"])
        span = run.span(
            fields["schema_name"],
            type=fields["schema_name"],
            payload=fields.get("payload") or {},
            parent=fields.get("parent_span_id") or run,
            id=fields["id"],
        )
        self._spans[span.id] = span
        if fields.get("status") != "pending":
            span.start(at=at)

    def _finish_span(self, fields: dict[str, Any], at: int) -> None:
        status, result = fields.get("status"), fields.get("result_payload")
        error = self._shaped(fields.get("error"), RecordedError, "an error")
        span = self._spans.pop(fields["agent_span_id"], None)
        if span is None:
            self._client.finish_span(fields["agent_span_id"], status, result=result, error=error, at=at)
        elif status == "cancelled":
            span.set_result(result)
            span.cancel(at=at)
        elif status == "failed":
            span.fail(error, result=result, at=at)
        else:
            span.finish(status, result=result, at=at)


def _nanoseconds(moment: datetime) -> int:
    """Since 1970. A time without a zone is the local one."""
    since = moment.astimezone(UTC) - _EPOCH
    return ((since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds) * 1000
