"""Guardrails: what looks at a tool call and at a model's output, and refuses, redacts or warns.

A guardrail is any object with a `name`, `check_pre` and `check_post`. One that also has `check_call` sees the
arguments of a tool, one that has `check_output` what a model said. `GuardrailSet` asks them in order, each
seeing what the one before made of the value; the first refusal ends it. What a guardrail itself does wrong
(it raises, or answers something else than an outcome) is a refusal too, unless told otherwise: a control
that fails must not let everything through.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from types import CoroutineType
from typing import Protocol, TypeVar, cast, runtime_checkable

from msgspec import UNSET, Struct, UnsetType

from holdfast.core.error_text import error_text
from holdfast.errors import GuardrailViolatedError, InvalidInputError
from holdfast.wire.runtime_vocabulary import GuardAction, GuardrailStage

__all__ = [
    "AllowAllGuardrail",
    "CallGuardrail",
    "Checked",
    "GuardAction",
    "Guardrail",
    "GuardrailFinding",
    "GuardrailOutcome",
    "GuardrailSet",
    "GuardrailStage",
    "GuardrailViolatedError",
    "OutputGuardrail",
    "run_post_checks",
    "run_pre_checks",
]


class GuardrailOutcome(Struct, frozen=True):
    """What a guardrail says. Allowed with `replacement`: go on with that value instead. Allowed with `reason`
    and no replacement: go on, and tell."""

    allowed: bool
    reason: str | None = None
    replacement: object | UnsetType = UNSET

    @property
    def action(self) -> GuardAction | None:
        """What this comes to; None where there is nothing to tell."""
        if not self.allowed:
            return GuardAction.REFUSE
        if self.replacement is not UNSET:
            return GuardAction.REDACT
        return None if self.reason is None else GuardAction.WARN


class Guardrail(Protocol):
    """What every guardrail has. Checks must be quick: they run on the agent's own path."""

    @property
    def name(self) -> str: ...
    def check_pre(self, *, role: str, tool: str) -> GuardrailOutcome: ...
    def check_post(self, value: object, *, role: str, tool: str) -> GuardrailOutcome: ...


@runtime_checkable
class CallGuardrail(Protocol):
    """A guardrail that sees the arguments of a tool before it runs; a replacement must be a mapping."""

    @property
    def name(self) -> str: ...
    def check_call(self, arguments: Mapping[str, object], *, role: str, tool: str) -> GuardrailOutcome: ...


@runtime_checkable
class OutputGuardrail(Protocol):
    """A guardrail that sees what a model answered."""

    @property
    def name(self) -> str: ...
    def check_output(self, value: object, *, role: str, model: str) -> GuardrailOutcome: ...


ALLOWED = GuardrailOutcome(True)


class AllowAllGuardrail(Struct, frozen=True):
    """Allows everything; also the base of guardrails that look at some stages only."""

    name: str = "allow_all"

    def check_pre(self, *, role: str, tool: str) -> GuardrailOutcome:
        return ALLOWED

    def check_post(self, value: object, *, role: str, tool: str) -> GuardrailOutcome:
        return ALLOWED


class _Named(Protocol):
    @property
    def name(self) -> str: ...


_G = TypeVar("_G", bound=_Named)


class GuardrailFinding(Struct, frozen=True, kw_only=True):
    """Something that a guardrail redacted or warned of. `target` is the tool, or the model of an output."""

    guardrail: str
    stage: GuardrailStage
    action: GuardAction
    reason: str
    role: str
    target: str


class Checked(Struct, frozen=True):
    """A value that may be used, as the guardrails left it, and what they found."""

    value: object
    findings: tuple[GuardrailFinding, ...] = ()


class GuardrailSet:
    """Guardrails in the order in which they are asked. `on_error` WARN lets a call pass whose guardrail
    failed, and tells; REFUSE, the default, refuses it."""

    __slots__ = ("_all", "_call", "_fails_open", "_output")

    def __init__(
        self, guardrails: Iterable[Guardrail] = (), *, on_error: GuardAction = GuardAction.REFUSE
    ) -> None:
        if on_error not in (GuardAction.REFUSE, GuardAction.WARN):
            raise InvalidInputError(
                "on_error", f"{on_error!r} is no way to treat a failure", "refuse or warn"
            )
        self._all: Sequence[Guardrail] = tuple(guardrails)
        self._call = tuple(guard for guard in self._all if isinstance(guard, CallGuardrail))
        self._output = tuple(guard for guard in self._all if isinstance(guard, OutputGuardrail))
        self._fails_open = on_error is GuardAction.WARN

    def __len__(self) -> int:
        return len(self._all)

    def pre(self, *, role: str, tool: str) -> Checked:
        """Before a tool, by its name. Here and below a refusal raises `GuardrailViolatedError`."""
        return self._ask(
            GuardrailStage.PRE,
            self._all,
            lambda guard, _: guard.check_pre(role=role, tool=tool),
            None,
            role,
            tool,
        )

    def call(self, arguments: Mapping[str, object], *, role: str, tool: str) -> Checked:
        """Before a tool, by its arguments; the value is the arguments to call it with."""

        def check(guard: CallGuardrail, value: object) -> GuardrailOutcome:
            outcome = guard.check_call(cast("Mapping[str, object]", value), role=role, tool=tool)
            if outcome.replacement is not UNSET and not isinstance(outcome.replacement, Mapping):
                raise InvalidInputError("replacement", "is not a mapping of arguments")
            return outcome

        return self._ask(GuardrailStage.CALL, self._call, check, arguments, role, tool)

    def post(self, value: object, *, role: str, tool: str) -> Checked:
        """After a tool, by its result."""
        return self._ask(
            GuardrailStage.POST,
            self._all,
            lambda guard, value: guard.check_post(value, role=role, tool=tool),
            value,
            role,
            tool,
        )

    def output(self, value: object, *, role: str, model: str) -> Checked:
        """After a model, by its answer."""
        return self._ask(
            GuardrailStage.OUTPUT,
            self._output,
            lambda guard, value: guard.check_output(value, role=role, model=model),
            value,
            role,
            model,
        )

    def _ask(
        self,
        stage: GuardrailStage,
        guards: Sequence[_G],
        check: Callable[[_G, object], object],
        value: object,
        role: str,
        target: str,
    ) -> Checked:
        findings: tuple[GuardrailFinding, ...] = ()
        for guard in guards:
            cause: Exception | None = None
            try:
                outcome = _outcome(check(guard, value))
            except Exception as error:  # noqa: BLE001 - whatever a guardrail raises is a refusal
                cause = error
                outcome = GuardrailOutcome(self._fails_open, f"the guardrail raised {error_text(error)}")
            action = outcome.action
            if action is None:
                continue
            if action is GuardAction.REFUSE:
                raise GuardrailViolatedError(
                    outcome, guardrail=guard.name, role=role, tool=target, stage=stage.value
                ) from cause
            if outcome.replacement is not UNSET:
                value = outcome.replacement
            findings += (
                GuardrailFinding(
                    guardrail=guard.name,
                    stage=stage,
                    action=action,
                    reason=outcome.reason or "no reason given",
                    role=role,
                    target=target,
                ),
            )
        return Checked(value, findings)


def _outcome(answer: object) -> GuardrailOutcome:
    if isinstance(answer, GuardrailOutcome):
        return answer
    if isinstance(answer, CoroutineType):
        cast("CoroutineType[object, object, object]", answer).close()
        found = "a coroutine"
    else:
        found = f"of type {type(answer).__name__}"
    raise InvalidInputError(
        "outcome", f"is {found}", "a check is a plain function that returns a GuardrailOutcome"
    )


def run_pre_checks(guardrails: Iterable[Guardrail], *, role: str, tool: str) -> None:
    """Ask each guardrail before a tool; the first refusal raises `GuardrailViolatedError`."""
    GuardrailSet(guardrails).pre(role=role, tool=tool)


def run_post_checks(guardrails: Iterable[Guardrail], value: object, *, role: str, tool: str) -> object:
    """Ask each guardrail about a result; the first refusal raises `GuardrailViolatedError`. Returns the value
    to use, which is another one where a guardrail redacted it."""
    return GuardrailSet(guardrails).post(value, role=role, tool=tool).value
