"""The client: what is common to all runs that go to one place."""

from __future__ import annotations

import os
import platform
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self
from urllib.parse import quote

from holdfast._clock import utc_now_ns
from holdfast._ids import new_id
from holdfast._version import __version__
from holdfast.tracing.context import current_scope
from holdfast.tracing.encoding import Given, PayloadEncoder
from holdfast.tracing.ending import register, unregister
from holdfast.tracing.guard import Guard
from holdfast.tracing.propagation import Remote, read_headers
from holdfast.tracing.record import RunRecord, encode_operation, operation_key, short_name, usable_id
from holdfast.tracing.redaction import RedactHook
from holdfast.tracing.registry import SchemaRegistry
from holdfast.tracing.run import Run
from holdfast.tracing.silent import silent_run
from holdfast.tracing.sink import Sink
from holdfast.wire.attributes import RUN_INPUT
from holdfast.wire.operations import (
    AgentVersion,
    InstanceRegister,
    RecordedError,
    SchemaVersion,
    SpanFinish,
)
from holdfast.wire.questions import AnswerGiven
from holdfast.wire.vocabulary import Purpose, SpanStatus

if TYPE_CHECKING:
    from holdfast.tracing.pipeline import PipelineStats

__all__ = ["Client", "ClientConfig"]

_SDK: Final = f"holdfast-python/{__version__}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientConfig:
    """How a client records. `redact_hook` is the user's own rule on top of the built-in ones."""

    agent: str | None = None
    version: AgentVersion | None = None
    url: str = ""
    environment: str | None = None
    purpose: Purpose = Purpose.LIVE
    registry: SchemaRegistry | None = None
    max_payload: int = 1 << 20
    redact: bool = True
    redact_hook: RedactHook | None = None
    capture_arguments: bool = True
    capture_result: bool = True
    disabled: bool = False
    raise_errors: bool = False
    flush_timeout: float = 2.0
    clock: Callable[[], int] = field(default=utc_now_ns)


class Client:
    """Makes runs and owns the way they leave by. `holdfast.init` makes one from the settings.

    `close` (or the end of a `with`) ends the runs still open and delivers what it can in the time given;
    what is left stays in the spool and is delivered by a later process. Safe in threads, tasks and forked
    children."""

    def __init__(self, config: ClientConfig, sink: Sink) -> None:
        self.config = config
        self.guard = Guard(raise_errors=config.raise_errors)
        self.encoder = PayloadEncoder(
            max_payload=config.max_payload, redact=config.redact, hook=config.redact_hook
        )
        self._sink = sink
        self._host = {"process.runtime.version": platform.python_version(), "host.name": platform.node()}
        self._live: dict[int, Run] = {}
        self._closed = False
        register(self)

    def __repr__(self) -> str:
        return f"<Client {self.config.agent!r} to {self.config.url or 'memory'}>"

    def run(
        self,
        name: str | None = None,
        *,
        agent: str | None = None,
        version: str | AgentVersion | None = None,
        id: str | None = None,  # noqa: A002 - the wire's word
        purpose: Purpose | str | None = None,
        environment: str | None = None,
        external_identifier: str | None = None,
        input: Given = None,  # noqa: A002 - the reader's word for it
        attributes: Mapping[str, Any] | None = None,
        traceparent: str | None = None,
        tracestate: str | None = None,
        schema_version: SchemaVersion | None = None,
        update_current_version: bool = True,
    ) -> Run:
        """A run, not started yet: `with client.run("…") as run:`, or `start()` and `finish()`.

        What is not given comes from the client. A run made inside another one is recorded as called by it.
        With the `traceparent` and `tracestate` headers of a Holdfast run, this joins that run instead of
        making one.
        """
        try:
            remote = self._remote(traceparent, tracestate)
            if self.config.disabled or self._closed:
                return silent_run(self, name, id, self.guard)
            if remote is not None:
                return self._joined(name, remote)
            run_id = new_id() if id is None else usable_id(id, self.guard)
            return Run(
                self,
                self._record(run_id),
                name,
                InstanceRegister(
                    idempotency_key=operation_key(run_id, "r"),
                    id=run_id,
                    agent_id=short_name(agent or self.config.agent or name or "agent"),
                    environment_id=_text(environment or self.config.environment),
                    agent_version=_version(version) or self.config.version,
                    agent_schema_version=schema_version or self._schema_version(),
                    update_current_version=update_current_version,
                    purpose=self._purpose(purpose),
                    external_identifier=_text(external_identifier),
                    name=_text(name),
                    parent=_caller(),
                    attributes=self.encoder.pair(None, self._about(input, attributes, traceparent))[1],
                    sdk=_SDK,
                    timestamp=self.config.clock(),
                ),
            )
        except Exception as error:  # noqa: BLE001 - telemetry never raises into agent code
            self.guard.took(error, "a run")
            return silent_run(self, name, id, self.guard)

    def continue_run(self, headers: Mapping[str, str], name: str | None = None) -> Run:
        """Join the run that these request headers carry; a run of this process's own where they carry none.

        A joined run is neither announced nor ended here: `with` only makes it current.
        """
        found: dict[str, str] = {}
        try:
            found = {key.lower(): value for key, value in headers.items()}
        except Exception as error:  # noqa: BLE001 - telemetry never raises into agent code
            self.guard.misused(error, "the headers of a run to continue")
        return self.run(name, traceparent=found.get("traceparent"), tracestate=found.get("tracestate"))

    def resume(self, run_id: str, name: str | None = None) -> Run:
        """A run that was announced elsewhere, by a process before or by another client: `start` and `finish`
        are sent from here too. Unlike a run of this client it is left as it is when the process ends."""
        try:
            if self.config.disabled or self._closed:
                return silent_run(self, name, run_id, self.guard)
            return Run(self, self._record(usable_id(run_id, self.guard)), name, None, resumed=True)
        except Exception as error:  # noqa: BLE001 - telemetry never raises into agent code
            self.guard.took(error, "a run")
            return silent_run(self, name, run_id, self.guard)

    def finish_span(
        self,
        span_id: str,
        status: SpanStatus | str | None = None,
        *,
        result: Given = None,
        error: BaseException | RecordedError | str | None = None,
        at: int | None = None,
    ) -> None:
        """End a span that was started elsewhere, by a process before or by another client. Where it has ended
        already nothing changes; a server that has not heard of it refuses."""
        try:
            record = self._record(usable_id(span_id, self.guard))
            end = SpanFinish(
                idempotency_key=operation_key(record.run_id, "f"),
                agent_span_id=record.run_id,
                status=None if status is None else SpanStatus(status),
                timestamp=self.config.clock() if at is None else at,
                result_payload=record.pair(result, None, "result")[0],
                error=None if error is None else record.error(error),
            )
            if not (self.config.disabled or self._closed):
                record.append(encode_operation(end))
        except Exception as failure:  # noqa: BLE001 - telemetry never raises into agent code
            self.guard.took(failure, "a span's end")

    def flush(self, timeout: float | None = None) -> bool:
        """Wait until all that was recorded before the call is acknowledged; False when the seconds were too
        few.
        """
        try:
            return self._sink.flush(self.config.flush_timeout if timeout is None else timeout)
        except Exception as error:  # noqa: BLE001 - telemetry never raises into agent code
            self.guard.took(error, "a flush")
            return False

    def close(self, timeout: float | None = None) -> bool:
        """End what is open as cancelled, deliver what can be in `timeout` seconds, record nothing from now
        on.
        """
        if self._closed:
            return True
        self.end_runs(None)
        self._closed = True
        unregister(self)
        try:
            return self._sink.close(self.config.flush_timeout if timeout is None else timeout)
        except Exception as error:  # noqa: BLE001 - telemetry never raises into agent code
            self.guard.took(error, "the client's end")
            return False

    def stats(self) -> PipelineStats:
        """What was recorded, delivered, rejected and lost since the client was opened."""
        return self._sink.stats()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # --- for runs

    def run_url(self, run_id: str) -> str:
        return f"{self.config.url.rstrip('/')}/runs/{quote(run_id, safe='')}"

    def stop_reason(self, run_id: str) -> str | None:
        """Why the server asked the run to stop; None while it did not."""
        try:
            order = self._sink.control(run_id)
        except Exception as error:  # noqa: BLE001 - telemetry never raises into agent code
            self.guard.took(error, "a look for the server's word")
            return None
        if order is None or not order.terminate:
            return None
        return order.reason or "terminated"

    def answer(self, run_id: str, question_id: str) -> AnswerGiven | None:
        """What somebody has answered from outside to a question of the run; None so far."""
        try:
            return self._sink.answer(run_id, question_id)
        except Exception as error:  # noqa: BLE001 - telemetry never raises into agent code
            self.guard.took(error, "a look for an answer")
            return None

    def opened(self, run: Run) -> None:
        """This process has announced the run, and is the one to end it."""
        self._live[id(run)] = run
        self._sink.watch(run.id)

    def closed_run(self, run: Run) -> bool:
        """Whether it was this process's to end; the first caller is told so, and only once."""
        if self._live.pop(id(run), None) is None:
            return False
        try:
            self._sink.unwatch(run.id)
        except Exception as error:  # noqa: BLE001 - telemetry never raises into agent code
            self.guard.took(error, "a run's end")
        return True

    def end_runs(self, error: BaseException | None) -> None:
        """End all runs and spans that are open: failed by `error`, or cancelled where there is none."""
        for run in list(self._live.values()):
            run.event("process ended", level="warning" if error is None else "error")
            for span in reversed(run.open_spans()):
                if error is None:
                    span.finish("cancelled")
                else:
                    span.fail(error)
            if error is None:
                run.cancel()
            else:
                run.fail(error)

    def after_fork(self) -> None:
        """To be called in a forked child: the runs that are open are the parent's to end."""
        for run in self._live.values():
            run.forget_open_spans()
        self._live.clear()
        self.guard.rearm()

    def _schema_version(self) -> SchemaVersion | None:
        registry = self.config.registry
        return None if registry is None else registry.schema_version()

    def _purpose(self, purpose: Purpose | str | None) -> Purpose:
        try:
            return self.config.purpose if purpose is None else Purpose(purpose)
        except ValueError as error:
            self.guard.misused(error, "a run's purpose")
            return self.config.purpose

    def _record(self, run_id: str, remote_parent: str | None = None) -> RunRecord:
        return RunRecord(
            run_id,
            append=self._sink.append,
            encoder=self.encoder,
            guard=self.guard,
            clock=self.config.clock,
            remote_parent=remote_parent,
        )

    def _remote(self, traceparent: str | None, tracestate: str | None) -> Remote | None:
        try:
            return read_headers({"traceparent": traceparent or "", "tracestate": tracestate or ""})
        except Exception as error:  # noqa: BLE001 - a mistake in one argument does not cost the run
            self.guard.misused(error, "the trace headers of a run")
            return None

    def _joined(self, name: str | None, remote: Remote) -> Run:
        return Run(self, self._record(remote.run_id, remote.span_id), name, None)

    def _about(
        self, run_input: Given, attributes: Mapping[str, Any] | None, traceparent: str | None
    ) -> dict[str, Any]:
        about: dict[str, Any] = {"process.pid": os.getpid(), **self._host}
        if traceparent:
            about["holdfast.remote.traceparent"] = short_name(traceparent)[:128]
        if run_input is not None:
            about[RUN_INPUT] = run_input
        try:
            about.update(attributes or {})
        except Exception as error:  # noqa: BLE001 - a mistake in one argument does not cost the run
            self.guard.misused(error, "a run's attributes")
        return about


def _text(value: str | None) -> str | None:
    return None if value is None else short_name(value)


def _version(version: str | AgentVersion | None) -> AgentVersion | None:
    if version is None or isinstance(version, AgentVersion):
        return version
    name = short_name(version)
    return AgentVersion(name=name, external_identifier=name)


def _caller() -> str | None:
    scope = current_scope()
    if scope is None:
        return None
    return scope.id if scope.id == scope.run.id else f"{scope.run.id}/{scope.id}"
