"""Holdfast runs LLM agents under supervision and keeps the record.

    import holdfast

    holdfast.init(agent="researcher", version="1.4")

    with holdfast.run("answer a question") as run:
        with run.span("ask the model", type="agent:llm", payload={"prompt": "…"}) as span:
            span.set_result({"text": "…"})

Names are loaded when they are first used, so that importing costs next to nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from holdfast._version import __version__
from holdfast.runtime.recorder import use_recorder as _use_recorder

if TYPE_CHECKING:
    from holdfast.core.budget import Budget
    from holdfast.core.permissions import PermissionEnforcer
    from holdfast.core.usage import UsageSnapshot
    from holdfast.errors import HoldfastError, InvalidInputError, SchemaConflictError, SettingError
    from holdfast.runtime.breaker import CircuitBreaker
    from holdfast.runtime.options import Fallback, Recovery, SessionLimits
    from holdfast.runtime.orchestrator import Orchestrator
    from holdfast.runtime.requests import ToolCall
    from holdfast.tracing.api import (
        continue_run,
        current_run,
        current_span,
        event,
        flush,
        init,
        inject,
        run,
        shutdown,
        span,
        traceparent,
    )
    from holdfast.tracing.client import Client
    from holdfast.tracing.context import attach
    from holdfast.tracing.observe import observe
    from holdfast.tracing.registry import SchemaRegistry
    from holdfast.tracing.run import Run
    from holdfast.tracing.span import Span
    from holdfast.tracing.threads import ContextThreadPoolExecutor, bind
    from holdfast.wire.operations import AgentVersion
    from holdfast.wire.vocabulary import EventLevel, InstanceStatus, Purpose, SpanStatus, SpanType

__all__ = [
    "AgentVersion",
    "Budget",
    "CircuitBreaker",
    "Client",
    "ContextThreadPoolExecutor",
    "EventLevel",
    "Fallback",
    "HoldfastError",
    "InstanceStatus",
    "InvalidInputError",
    "Orchestrator",
    "PermissionEnforcer",
    "Purpose",
    "Recovery",
    "Run",
    "SchemaConflictError",
    "SchemaRegistry",
    "SessionLimits",
    "SettingError",
    "Span",
    "SpanStatus",
    "SpanType",
    "ToolCall",
    "UsageSnapshot",
    "__version__",
    "attach",
    "bind",
    "continue_run",
    "current_run",
    "current_span",
    "event",
    "flush",
    "init",
    "inject",
    "observe",
    "run",
    "shutdown",
    "span",
    "traceparent",
]

_HOMES: Final = {
    "core.budget": ("Budget",),
    "core.permissions": ("PermissionEnforcer",),
    "core.usage": ("UsageSnapshot",),
    "errors": ("HoldfastError", "InvalidInputError", "SchemaConflictError", "SettingError"),
    "runtime.breaker": ("CircuitBreaker",),
    "runtime.options": ("Fallback", "Recovery", "SessionLimits"),
    "runtime.orchestrator": ("Orchestrator",),
    "runtime.requests": ("ToolCall",),
    "tracing.api": (
        "continue_run",
        "current_run",
        "current_span",
        "event",
        "flush",
        "init",
        "inject",
        "run",
        "shutdown",
        "span",
        "traceparent",
    ),
    "tracing.client": ("Client",),
    "tracing.context": ("attach",),
    "tracing.observe": ("observe",),
    "tracing.registry": ("SchemaRegistry",),
    "tracing.run": ("Run",),
    "tracing.span": ("Span",),
    "tracing.threads": ("ContextThreadPoolExecutor", "bind"),
    "wire.operations": ("AgentVersion",),
    "wire.vocabulary": ("EventLevel", "InstanceStatus", "Purpose", "SpanStatus", "SpanType"),
}
_HOME_OF: Final = {name: home for home, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> Any:
    home = _HOME_OF.get(name)
    if home is None:
        raise AttributeError(f"module 'holdfast' has no attribute {name!r}")
    value = getattr(import_module(f"holdfast.{home}"), name)
    globals()[name] = value
    return value


# Sessions of the runtime are on the record wherever `init` was called. The two know each other here alone, and
# nothing is loaded before a session opens.
_use_recorder(lambda info: import_module("holdfast.integrations.recording").record_session(info))


def __dir__() -> list[str]:
    return sorted(__all__)
