"""The recording surface of a process: one client, made by `init` or the first call, and what is current."""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping, MutableMapping
from typing import Any, Final, TypeVar

from holdfast._settings import SETTINGS, read_setting
from holdfast.errors import SettingError
from holdfast.tracing.client import Client, ClientConfig
from holdfast.tracing.context import current_scope
from holdfast.tracing.encoding import Given
from holdfast.tracing.implicit import span_with_own_run
from holdfast.tracing.propagation import trace_headers
from holdfast.tracing.redaction import RedactHook
from holdfast.tracing.registry import SchemaRegistry
from holdfast.tracing.run import Run
from holdfast.tracing.sink import NoSink
from holdfast.tracing.span import Span
from holdfast.wire.operations import AgentVersion
from holdfast.wire.vocabulary import EventLevel, Purpose, SpanType

__all__ = [
    "client_in_use",
    "continue_run",
    "current_run",
    "current_span",
    "default_client",
    "event",
    "flush",
    "init",
    "inject",
    "open_client",
    "run",
    "shutdown",
    "span",
    "traceparent",
]

_LOG: Final = logging.getLogger("holdfast")
_lock = threading.RLock()
_client: Client | None = None
_Headers = TypeVar("_Headers", bound=MutableMapping[str, str])


def init(
    agent: str | None = None,
    *,
    version: str | AgentVersion | None = None,
    url: str | None = None,
    token: str | None = None,
    environment: str | None = None,
    purpose: Purpose | str | None = None,
    registry: SchemaRegistry | None = None,
    spool: str | None = None,
    redact: bool | RedactHook | None = None,
    max_payload: int | None = None,
    capture_arguments: bool | None = None,
    capture_result: bool | None = None,
    disabled: bool | None = None,
    raise_errors: bool | None = None,
) -> Client:
    """Make the client that `holdfast.run`, `span` and `observe` record with, and return it.

    What is not given comes from the environment, the settings file or the defaults (docs/settings.md).
    `redact` may be a function of your own, which is asked about every value besides the built-in rules.
    Called again, it closes the client before and takes its place.

    Raises `SettingError` for an argument that cannot be used. A bad value in the environment or the
    settings file is logged, and the default stands: it must not stop an agent.
    """
    client = open_client(
        agent,
        version=version,
        url=url,
        token=token,
        environment=environment,
        purpose=purpose,
        registry=registry,
        spool=spool,
        redact=redact,
        max_payload=max_payload,
        capture_arguments=capture_arguments,
        capture_result=capture_result,
        disabled=disabled,
        raise_errors=raise_errors,
    )
    use_client(client)
    return client


def open_client(
    agent: str | None = None,
    *,
    version: str | AgentVersion | None = None,
    url: str | None = None,
    token: str | None = None,
    environment: str | None = None,
    purpose: Purpose | str | None = None,
    registry: SchemaRegistry | None = None,
    spool: str | None = None,
    redact: bool | RedactHook | None = None,
    max_payload: int | None = None,
    capture_arguments: bool | None = None,
    capture_result: bool | None = None,
    disabled: bool | None = None,
    raise_errors: bool | None = None,
    any_server: bool = False,
) -> Client:
    """As `init`, but the client is the caller's alone: to use, and to close.

    `any_server`: what listens at `url` need not be Holdfast. It gets what the documented HTTP API can say.
    """
    from holdfast.tracing.opening import open_sink

    hook = redact if callable(redact) else None
    name = _setting("agent", agent)
    said = version if version is not None else _setting("version", None)
    config = ClientConfig(
        agent=name,
        version=AgentVersion(name=said, external_identifier=said) if isinstance(said, str) else said,
        url=_setting("url", url),
        environment=_setting("environment", environment),
        purpose=_purpose(purpose),
        registry=registry,
        max_payload=_setting("max_payload", max_payload),
        redact=True if hook is not None else _setting("redact", redact),
        redact_hook=hook,
        capture_arguments=_setting("capture_arguments", capture_arguments),
        capture_result=_setting("capture_result", capture_result),
        disabled=_setting("disabled", disabled),
        raise_errors=_setting("raise_errors", raise_errors),
        flush_timeout=_setting("flush_timeout", None),
    )
    sink = open_sink(
        config, token=_setting("token", token), spool=_setting("spool", spool), any_server=any_server
    )
    return Client(config, sink)


def use_client(client: Client | None) -> None:
    """Record with this client from now on; the one before is closed. None: the next call makes one."""
    global _client
    with _lock:
        before, _client = _client, client
    if before is not None and before is not client:
        before.close()


def client_in_use() -> Client | None:
    """The client of this process, where `init` or a recording call has made one already."""
    return _client


def default_client() -> Client:
    """The client of this process; made from the settings where `init` was not called."""
    client = _client
    if client is None:
        with _lock:
            client = _client
            if client is None:
                try:
                    client = init()
                except Exception:  # noqa: BLE001 - telemetry never raises into agent code
                    _LOG.exception("nothing can be recorded; `holdfast doctor` may say why")
                    client = Client(ClientConfig(disabled=True), NoSink())
                    use_client(client)
    return client


def run(
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
) -> Run:
    """A run of the process's client; see `Client.run`."""
    return default_client().run(
        name,
        agent=agent,
        version=version,
        id=id,
        purpose=purpose,
        environment=environment,
        external_identifier=external_identifier,
        input=input,
        attributes=attributes,
        traceparent=traceparent,
        tracestate=tracestate,
    )


def continue_run(headers: Mapping[str, str], name: str | None = None) -> Run:
    """Join the run that request headers carry; see `Client.continue_run`."""
    return default_client().continue_run(headers, name)


def span(
    name: str,
    *,
    type: str = SpanType.STEP,  # noqa: A002 - the reader's word for it
    payload: Given = None,
    attributes: Mapping[str, Any] | None = None,
    parent: Span | Run | str | None = None,
    id: str | None = None,  # noqa: A002 - the wire's word
) -> Span:
    """A span in the current run; see `Run.span`. Where no run is open, it opens one around itself."""
    scope = current_scope()
    if scope is None:
        return span_with_own_run(
            default_client(), name, type=type, payload=payload, attributes=attributes, id=id
        )
    return scope.run.span(name, type=type, payload=payload, attributes=attributes, parent=parent, id=id)


def event(
    name: str,
    payload: Given = None,
    *,
    level: EventLevel | str = EventLevel.INFO,
    at: int | None = None,
    id: str | None = None,  # noqa: A002 - the wire's word
) -> None:
    """Record a fact at an instant of the current span, else of the current run, else of a run of its own."""
    scope = current_scope()
    if isinstance(scope, Span | Run):
        scope.event(name, payload, level=level, at=at, id=id)
    else:
        with default_client().run(name) as own:
            own.event(name, payload, level=level, at=at, id=id)


def current_run() -> Run | None:
    """The run that the code at hand belongs to."""
    scope = current_scope()
    return None if scope is None else scope.run


def current_span() -> Span | None:
    """The innermost open span of the code at hand."""
    scope = current_scope()
    return scope if isinstance(scope, Span) else None


def inject(headers: _Headers) -> _Headers:
    """Put the current run and span into request headers, for `continue_run` at the other end; returns them."""
    scope = current_scope()
    if scope is None:
        return headers
    try:
        headers.update(trace_headers(scope.run.id, scope.id if isinstance(scope, Span) else None))
    except Exception as error:  # noqa: BLE001 - telemetry never raises into agent code
        scope.run.client.guard.misused(error, "the headers to put a run into")
    return headers


def traceparent() -> str | None:
    """The W3C `traceparent` of the current span, or None. `inject` also carries the span's id in full."""
    return inject(dict[str, str]()).get("traceparent")


def flush(timeout: float | None = None) -> bool:
    """Wait until all that was recorded has arrived; see `Client.flush`. True where nothing was ever
    recorded.
    """
    return True if _client is None else _client.flush(timeout)


def shutdown(timeout: float | None = None) -> bool:
    """Close the process's client; see `Client.close`. The next recording call makes a new one."""
    global _client
    with _lock:
        client, _client = _client, None
    return True if client is None else client.close(timeout)


def _setting(name: str, given: Any) -> Any:
    if given is not None:
        return read_setting(name, given)
    try:
        return read_setting(name)
    except SettingError as error:
        _LOG.warning("%s; going on with the default %r", error, SETTINGS[name].default)
        return SETTINGS[name].default


def _purpose(given: Purpose | str | None) -> Purpose:
    said = _setting("purpose", given)
    try:
        return Purpose(said)
    except ValueError:
        problem = SettingError("purpose", f"{said!r} is none", f"use one of {', '.join(Purpose)}")
        if given is not None:
            raise problem from None
        _LOG.warning("%s; going on with %r", problem, Purpose.LIVE.value)
        return Purpose.LIVE
