"""A session's guardrails at work: asked for one role, and what they find told as events."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, cast

from holdfast.core.guardrails import (
    Checked,
    GuardAction,
    Guardrail,
    GuardrailOutcome,
    GuardrailSet,
    GuardrailStage,
    OutputGuardrail,
)
from holdfast.core.ports import Notices
from holdfast.core.stream_text import output_text
from holdfast.errors import GuardrailViolatedError
from holdfast.wire.agent_events import AgentEventName, AgentEventStatus

__all__ = ["Guards"]

_EVENTS: Final = {
    GuardAction.REDACT: AgentEventName.GUARDRAIL_REDACTED,
    GuardAction.WARN: AgentEventName.GUARDRAIL_WARNED,
    GuardAction.REFUSE: AgentEventName.GUARDRAIL_REFUSED,
}


class Guards:
    """Every method raises `GuardrailViolatedError` on a refusal, and returns what is to be used otherwise."""

    __slots__ = ("_hears_models", "_notices", "_role", "_set")

    def __init__(self, guardrails: Sequence[Guardrail], role: str, notices: Notices) -> None:
        self._set = GuardrailSet(guardrails)
        self._hears_models = any(isinstance(one, OutputGuardrail) for one in guardrails)
        self._role = role
        self._notices = notices

    def before(self, tool: str) -> None:
        try:
            self._told(self._set.pre(role=self._role, tool=tool))
        except GuardrailViolatedError as refusal:
            raise self._refused(refusal) from refusal.__cause__

    def arguments(self, tool: str, arguments: Mapping[str, object]) -> Mapping[str, object]:
        """The arguments to call the tool with: some may be redacted."""
        try:
            checked = self._told(self._set.call(arguments, role=self._role, tool=tool))
        except GuardrailViolatedError as refusal:
            raise self._refused(refusal) from refusal.__cause__
        return cast("Mapping[str, object]", checked)

    def result(self, tool: str, value: object) -> object:
        try:
            return self._told(self._set.post(value, role=self._role, tool=tool))
        except GuardrailViolatedError as refusal:
            raise self._refused(refusal) from refusal.__cause__

    def output(self, value: object, model: str) -> object:
        """What a model answered. Guardrails see the text in a library's response object, or the value itself
        where there is none. Text cannot be changed inside such an object: its redaction is a refusal."""
        if not self._hears_models:
            return value
        if isinstance(value, str):
            return self._checked(value, model)
        text = output_text(value)
        if text:
            self.unchanged(text, model)
            return value
        return self._checked(value, model)

    def unchanged(self, text: str, model: str) -> None:
        """Text that leaves as it is, or not at all: a redaction is a refusal."""
        if not self._hears_models:
            return
        left = self._checked(text, model)
        if left != text:
            reason = "the text would have to be redacted, which cannot be done here"
            raise self._refused(
                GuardrailViolatedError(
                    GuardrailOutcome(False, reason),
                    guardrail="redaction",
                    role=self._role,
                    tool=model,
                    stage=GuardrailStage.OUTPUT.value,
                )
            )

    def _checked(self, value: object, model: str) -> object:
        try:
            return self._told(self._set.output(value, role=self._role, model=model))
        except GuardrailViolatedError as refusal:
            raise self._refused(refusal) from refusal.__cause__

    def _told(self, checked: Checked) -> object:
        for finding in checked.findings:
            self._notices.tell(
                _EVENTS[finding.action],
                AgentEventStatus.RUNNING,
                finding.reason,
                {"guardrail": finding.guardrail, "stage": finding.stage.value, "target": finding.target},
            )
        return checked.value

    def _refused(self, refusal: GuardrailViolatedError) -> GuardrailViolatedError:
        self._notices.tell(
            AgentEventName.GUARDRAIL_REFUSED,
            AgentEventStatus.BLOCKED,
            refusal.outcome.reason,
            {"guardrail": refusal.guardrail, "stage": refusal.stage, "target": refusal.tool},
        )
        return refusal
