"""Guardrails that look for something in text: secrets, personal data, marks of prompt injection, or your own."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from holdfast.core.guardrails import ALLOWED, GuardAction, GuardrailOutcome, GuardrailStage
from holdfast.core.injection import find_injection
from holdfast.core.pii import PII_KINDS, find_pii
from holdfast.core.secrets import find_secrets
from holdfast.core.text_scan import Finder, Hit, scan
from holdfast.errors import InvalidInputError

__all__ = ["InjectionGuardrail", "PiiGuardrail", "SecretsGuardrail", "TextGuardrail"]

_LOOKS = frozenset({GuardrailStage.CALL, GuardrailStage.POST, GuardrailStage.OUTPUT})


class TextGuardrail:
    """Refuses, redacts or warns where `find` finds something in arguments, results or model output.

    Redaction puts `[redacted: <label>]` in the place of each hit, in strings however deep inside mappings and
    sequences. What is found inside an object that cannot be rebuilt is refused instead. Reasons name labels,
    never what was found.
    """

    def __init__(
        self,
        name: str,
        find: Finder,
        *,
        action: GuardAction = GuardAction.REFUSE,
        stages: Collection[GuardrailStage] = _LOOKS,
    ) -> None:
        if not set(stages) <= _LOOKS:
            raise InvalidInputError("stages", "has one in which there is no text", "call, post or output")
        self.name = name
        self._find = find
        self._action = GuardAction(action)
        self._stages = frozenset(stages)

    def check_pre(self, *, role: str, tool: str) -> GuardrailOutcome:
        return ALLOWED

    def check_call(self, arguments: Mapping[str, object], *, role: str, tool: str) -> GuardrailOutcome:
        return self._check(GuardrailStage.CALL, arguments)

    def check_post(self, value: object, *, role: str, tool: str) -> GuardrailOutcome:
        return self._check(GuardrailStage.POST, value)

    def check_output(self, value: object, *, role: str, model: str) -> GuardrailOutcome:
        return self._check(GuardrailStage.OUTPUT, value)

    def _check(self, stage: GuardrailStage, value: object) -> GuardrailOutcome:
        if stage not in self._stages:
            return ALLOWED
        found = scan(value, self._find)
        if not found.labels:
            return ALLOWED
        reason = f"found {', '.join(found.labels)}"
        if self._action is GuardAction.WARN:
            return GuardrailOutcome(True, reason)
        if self._action is GuardAction.REDACT and found.complete:
            return GuardrailOutcome(True, reason, found.redacted)
        if self._action is GuardAction.REDACT:
            reason += " in an object that cannot be redacted"
        return GuardrailOutcome(False, reason)


class SecretsGuardrail(TextGuardrail):
    """Keys and tokens of well-known services, private keys, passwords in URLs and in fields named so."""

    def __init__(
        self,
        *,
        action: GuardAction = GuardAction.REFUSE,
        stages: Collection[GuardrailStage] = _LOOKS,
        name: str = "secrets",
    ) -> None:
        super().__init__(name, find_secrets, action=action, stages=stages)


class PiiGuardrail(TextGuardrail):
    """Personal data of the kinds given: email, phone, card (with a right check digit), iban (likewise), ssn, ip."""

    def __init__(
        self,
        kinds: Iterable[str] = ("email", "phone", "card", "iban", "ssn"),
        *,
        action: GuardAction = GuardAction.REFUSE,
        stages: Collection[GuardrailStage] = _LOOKS,
        name: str = "pii",
    ) -> None:
        wanted = frozenset(kinds)
        if not wanted or not wanted <= PII_KINDS:
            raise InvalidInputError("kinds", f"{sorted(wanted)} are not all known", f"of {sorted(PII_KINDS)}")

        def find(text: str, field: str) -> Iterable[Hit]:
            return find_pii(text, wanted)

        super().__init__(name, find, action=action, stages=stages)


class InjectionGuardrail(TextGuardrail):
    """Marks of prompt injection in what tools bring back and what models say: orders to ignore instructions,
    chat template tokens, invisible characters. A net with holes: it catches the crude, not the clever."""

    def __init__(
        self,
        *,
        action: GuardAction = GuardAction.REFUSE,
        stages: Collection[GuardrailStage] = (GuardrailStage.POST,),
        name: str = "prompt_injection",
    ) -> None:
        super().__init__(name, find_injection, action=action, stages=stages)
