"""Every exception that Holdfast raises, in one tree.

An error carries its data as attributes, so that a caller decides by field and never by text. What a
caller may see from the recording side is only what it asked for: recording calls themselves never raise.
"""

from __future__ import annotations

from typing import Protocol


class HoldfastError(Exception):
    """The root: `except HoldfastError` catches all that Holdfast itself raises."""


# --- settings and input -----------------------------------------------------------------------------


class InvalidInputError(HoldfastError, ValueError):
    """A value given by the caller cannot be used. `field` names it, `fix` says what would be right."""

    def __init__(self, field: str, problem: str, fix: str = "") -> None:
        super().__init__(f"{field}: {problem}" + (f" ({fix})" if fix else ""))
        self.field = field
        self.problem = problem
        self.fix = fix


class SettingError(InvalidInputError):
    """A setting from an argument, the environment or the settings file has a value that cannot be used."""


class SchemaConflictError(InvalidInputError):
    """Two different schemas were registered under one span type name."""


# --- the record -------------------------------------------------------------------------------------


class RecordingError(HoldfastError):
    """Something about the record, away from the agent's own path (spool files, delivery, the server)."""


class SpoolError(RecordingError):
    """The spool directory cannot be used as asked. `path` says which."""

    def __init__(self, path: str, problem: str) -> None:
        super().__init__(f"{path}: {problem}")
        self.path = path
        self.problem = problem


class DeliveryError(RecordingError):
    """A request to the server failed.

    `status` is the HTTP status, or None where no answer came. `retry_after` is the server's wish in
    seconds, or None. `permanent` says that the same request can never succeed.
    """

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        retry_after: float | None = None,
        permanent: bool = False,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.retry_after = retry_after
        self.permanent = permanent


# --- supervision: what a control says no to -----------------------------------------------------------


class SupervisionError(HoldfastError):
    """A control of the runtime refused or stopped something. An agent's own errors are never of this kind."""


class InvalidTransitionError(SupervisionError):
    """A worker cannot go from `current` to `target`; it stays where it was."""

    def __init__(self, current: str, target: str) -> None:
        super().__init__(f"a worker that is {current} cannot become {target}")
        self.current = current
        self.target = target


class UnknownWorkerError(SupervisionError, KeyError):
    """No worker has the id `worker_id`: it was never made, was removed, or fell to the registry's cap."""

    def __init__(self, worker_id: str) -> None:
        super().__init__(worker_id)
        self.worker_id = worker_id

    def __str__(self) -> str:
        return f"no worker has the id {self.worker_id!r}"


class CircuitOpenError(SupervisionError):
    """The circuit `name` lets nothing through. `retry_after` is in seconds: 0 where only probes in flight
    are in the way, None where it is not known."""

    def __init__(self, name: str, retry_after: float | None = None) -> None:
        super().__init__(f"circuit {name!r} is open")
        self.name = name
        self.retry_after = retry_after


class Refusal(Protocol):
    """What every refusing outcome carries."""

    @property
    def allowed(self) -> bool: ...
    @property
    def reason(self) -> str | None: ...


class PermissionRefusal(Refusal, Protocol):
    """A refusing outcome of the permission policy."""

    @property
    def active_mode(self) -> str: ...
    @property
    def required_mode(self) -> str: ...


class PermissionDeniedError(SupervisionError):
    """A role may not use a tool. `outcome` says why."""

    def __init__(self, outcome: PermissionRefusal) -> None:
        super().__init__(outcome.reason or "permission denied")
        self.outcome = outcome


class GuardrailViolatedError(SupervisionError):
    """A guardrail refused, or raised and therefore refused: then the error is the `__cause__`.

    `stage` is "pre", "call", "post" or "output". The value that was refused is not kept.
    """

    def __init__(self, outcome: Refusal, *, guardrail: str, role: str, tool: str, stage: str) -> None:
        super().__init__(
            f"guardrail {guardrail!r} refused {tool!r} ({stage}): {outcome.reason or 'no reason given'}"
        )
        self.outcome = outcome
        self.guardrail = guardrail
        self.role = role
        self.tool = tool
        self.stage = stage


class BudgetExceededError(SupervisionError):
    """A limit of a budget is reached. `kind` says which one ("usd", "tokens", …); `limit` and `used` are in
    its unit, and `budget_usd` and `current_cost_usd` are the same numbers where it is money, else None.

    `result` is what the call returned, where a call was let through and went beyond the limit; else None.
    """

    def __init__(
        self,
        budget_usd: float | None,
        current_cost_usd: float | None,
        *,
        kind: str = "usd",
        limit: float | None = None,
        used: float | None = None,
        budget: str = "budget",
    ) -> None:
        self.budget_usd = budget_usd
        self.current_cost_usd = current_cost_usd
        self.kind = kind
        self.limit = budget_usd if limit is None else limit
        self.used = current_cost_usd if used is None else used
        self.budget = budget
        self.result: object = None
        super().__init__(f"{budget}: {kind} limit reached: {self.used:.6g} of {self.limit:.6g} used")


class LoopDetectedError(SupervisionError):
    """The loop guard stopped an agent: `pattern` repeated `count` times, `tool` was the last tool."""

    def __init__(self, pattern: str, count: int, tool: str, message: str) -> None:
        super().__init__(message)
        self.pattern = pattern
        self.count = count
        self.tool = tool


class MaxIterationsExceededError(SupervisionError):
    """A session has had all the turns it may have; the call that was asked for was not made."""

    def __init__(self, max_iterations: int) -> None:
        super().__init__(f"all {max_iterations} turns of this session are used")
        self.max_iterations = max_iterations


class TurnTimeoutError(SupervisionError, TimeoutError):
    """A turn was not done in time. `scope` is "turn", "session" or "budget": whose time it was.

    A plain function cannot be stopped from outside: the call may still run, and its result is dropped.
    """

    def __init__(self, timeout_seconds: float, *, scope: str = "turn") -> None:
        super().__init__(f"the {scope}'s time is over ({timeout_seconds:.3g} s)")
        self.timeout_seconds = timeout_seconds
        self.scope = scope


class CallTimeoutError(SupervisionError, TimeoutError):
    """One call was not done after `seconds`; a session turns this into the error of its turn or tool."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"not done after {seconds:.3g} s")
        self.seconds = seconds


class ToolTimeoutError(TurnTimeoutError):
    """A tool was not done in time; `tool` names it. It may still run, and its result is dropped."""

    def __init__(self, tool: str, timeout_seconds: float, *, scope: str = "tool") -> None:
        super().__init__(timeout_seconds, scope=scope)
        self.tool = tool


class RunTerminated(SupervisionError):  # noqa: N818 - an order that is carried out, not an error of the agent
    """A person or the server asked for this run to stop; `reason` is what they wrote, "" where nothing."""

    def __init__(self, reason: str = "") -> None:
        super().__init__(f"the run was stopped: {reason}" if reason else "the run was stopped")
        self.reason = reason


class SessionEndedError(SupervisionError, RuntimeError):
    """A session that is over, or not begun, was asked to do something. `status` is that of its worker."""

    def __init__(self, status: str, asked: str) -> None:
        super().__init__(f"{asked}: the session is {status}; open another one")
        self.status = status
        self.asked = asked


class InputPendingError(SupervisionError, RuntimeError):
    """A session waits for input already; `prompt` is what it asked."""

    def __init__(self, prompt: str) -> None:
        super().__init__(f"a question is still pending: {prompt!r}")
        self.prompt = prompt


class NoInputPendingError(SupervisionError, RuntimeError):
    """Input was provided to a session that had not asked for any."""

    def __init__(self) -> None:
        super().__init__("nobody waits for input")


class RateWaitTooLongError(SupervisionError, TimeoutError):
    """A rate limit would have made a call under `key` wait `wait` seconds, longer than its step may take."""

    def __init__(self, key: str, wait: float) -> None:
        super().__init__(f"the rate limit of {key!r} asks for {wait:.3g} s, longer than there is time")
        self.key = key
        self.wait = wait


class PolicyConditionError(SupervisionError):
    """A condition written in Python raised while `rule` was evaluated; its error is the `__cause__`."""

    def __init__(self, rule: str, problem: str) -> None:
        super().__init__(f"the condition of rule {rule!r} raised {problem}")
        self.rule = rule
        self.problem = problem


class FlowProtocolError(HoldfastError, TypeError):
    """A driver answered the command `command` with a `reply` of a kind that the command does not have."""

    def __init__(self, command: str, reply: object) -> None:
        super().__init__(f"{command} was answered with a {type(reply).__name__}")
        self.command = command
        self.reply = reply


class MissingExtraError(HoldfastError, ImportError):
    """A feature needs the package `package`, which `pip install 'holdfast[<extra>]'` brings."""

    def __init__(self, package: str, extra: str, feature: str) -> None:
        super().__init__(f"{feature} needs {package}: pip install 'holdfast[{extra}]'")
        self.package = package
        self.extra = extra
        self.feature = feature


# --- the server -------------------------------------------------------------------------------------


class StoreError(RecordingError):
    """The database cannot be used as asked. `where` is its path or address."""

    def __init__(self, where: str, problem: str) -> None:
        super().__init__(f"{where}: {problem}")
        self.where = where
        self.problem = problem


# --- the command line -------------------------------------------------------------------------------


class ForwardingError(RecordingError):
    """Runs cannot be forwarded to `destination` until somebody changes something."""

    def __init__(self, destination: str, problem: str) -> None:
        super().__init__(f"{destination}: {problem}")
        self.destination = destination
        self.problem = problem


class ForwardingStopped(RecordingError):  # noqa: N818 - it was asked for
    """The wait for a receiver was ended, because the process is."""


class PlannerError(HoldfastError):
    """The demo agent's model could not be asked. `status` is the HTTP status, or None where none came."""

    def __init__(self, message: str, *, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


class CommandError(HoldfastError):
    """A command cannot do what it was asked. `fix` says what to do; `exit_code` is what the shell sees."""

    def __init__(self, message: str, *, fix: str = "", exit_code: int = 1) -> None:
        super().__init__(message)
        self.fix = fix
        self.exit_code = exit_code


class ServerStartError(HoldfastError):
    """The server cannot listen on `address` or did not come up; the cause is attached where there is one."""

    def __init__(self, address: str, problem: str) -> None:
        super().__init__(f"{address}: {problem}")
        self.address = address
        self.problem = problem


class StoreUnavailableError(StoreError):
    """The database cannot take this now (disk full, locked, gone): the same may succeed later."""


class SpanStoreUnavailableError(StoreUnavailableError):
    """What was asked for lies in the span store (ClickHouse), which cannot be reached or refuses; all that lies
    in the database itself can still be read and written."""


class StoreConflictError(StoreUnavailableError):
    """Another transaction changed the same at the same time, and this one left nothing: do all of it again."""


class CopyRefusedError(StoreError):
    """A record is not copied to there, or not from there. `fix` says what to do."""

    def __init__(self, where: str, problem: str, fix: str) -> None:
        super().__init__(where, problem)
        self.fix = fix


class ApiError(HoldfastError):
    """A request, or one item of a bulk request, is answered with an error.

    `status` is the HTTP status, `code` the word that clients decide by, `errors` says what is wrong with
    which field, `retry_after` is in seconds.
    """

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        errors: dict[str, str] | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.errors = errors
        self.retry_after = retry_after
