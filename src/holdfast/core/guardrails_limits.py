"""Guardrails on form: how large values may be, and what the arguments of a tool must look like."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Protocol, cast

import msgspec

from holdfast.core.guardrails import ALLOWED, GuardAction, GuardrailOutcome
from holdfast.errors import InvalidInputError, MissingExtraError

__all__ = ["SchemaGuardrail", "SizeGuardrail"]


class SizeGuardrail:
    """Limits the arguments of a tool and what it or a model brings back, in bytes of UTF-8 (of JSON, where a
    value is not text; of its `str`, where JSON cannot hold it). None is no limit.

    A text that is too long is refused, or with `action` REDACT cut, and says at its end that it was; values
    that are not text cannot be cut and are refused.
    """

    def __init__(
        self,
        *,
        arguments: int | None = None,
        result: int | None = None,
        action: GuardAction = GuardAction.REFUSE,
        name: str = "size",
    ) -> None:
        for field, limit in (("arguments", arguments), ("result", result)):
            if limit is not None and limit < 1:
                raise InvalidInputError(field, f"{limit} allows nothing", "give a number of bytes, or None")
        self.name = name
        self._arguments = arguments
        self._result = result
        self._action = GuardAction(action)

    def check_pre(self, *, role: str, tool: str) -> GuardrailOutcome:
        return ALLOWED

    def check_call(self, arguments: Mapping[str, object], *, role: str, tool: str) -> GuardrailOutcome:
        return self._check(arguments, self._arguments)

    def check_post(self, value: object, *, role: str, tool: str) -> GuardrailOutcome:
        return self._check(value, self._result)

    def check_output(self, value: object, *, role: str, model: str) -> GuardrailOutcome:
        return self._check(value, self._result)

    def _check(self, value: object, limit: int | None) -> GuardrailOutcome:
        if limit is None or (isinstance(value, str) and len(value) * 4 <= limit):
            return ALLOWED
        data = _bytes_of(value)
        if len(data) <= limit:
            return ALLOWED
        reason = f"{len(data)} bytes where {limit} are allowed"
        if self._action is GuardAction.WARN:
            return GuardrailOutcome(True, reason)
        if self._action is GuardAction.REDACT and isinstance(value, str):
            kept = data[:limit].decode("utf-8", "ignore")
            return GuardrailOutcome(True, reason, f"{kept}\n[cut: {len(data) - limit} bytes more]")
        return GuardrailOutcome(False, reason)


def _bytes_of(value: object) -> bytes:
    if isinstance(value, bytes):
        return value
    if isinstance(value, str):
        return value.encode("utf-8", "surrogatepass")
    try:
        return msgspec.json.encode(value, enc_hook=str)
    except (TypeError, ValueError, RecursionError):
        return str(value).encode("utf-8", "surrogatepass")


class _Validator(Protocol):
    def iter_errors(self, instance: object) -> list[_Problem]: ...


class _Problem(Protocol):
    message: str
    instance_path: list[str | int]


class SchemaGuardrail:
    """Arguments must be valid against the JSON Schema of their tool (drafts 4 to 2020-12, by `$schema`).

    A tool that has no schema here is allowed, unless `only_listed`. References to schemas elsewhere are not
    fetched. Needs `jsonschema-rs` (extra `server`): `MissingExtraError` says so at construction, and
    `InvalidInputError` names the tool whose schema is none.
    """

    def __init__(
        self,
        schemas: Mapping[str, Mapping[str, object]],
        *,
        only_listed: bool = False,
        action: GuardAction = GuardAction.REFUSE,
        name: str = "schema",
    ) -> None:
        if action is GuardAction.REDACT:
            raise InvalidInputError("action", "cannot be redact: nothing can be taken out", "refuse or warn")
        validator_for = _validators()
        self.name = name
        self._action = GuardAction(action)
        self._only_listed = only_listed
        self._validators: dict[str, _Validator] = {}
        for tool, schema in schemas.items():
            try:
                self._validators[tool] = validator_for(dict(schema))
            except ValueError as error:
                raise InvalidInputError(f"schemas[{tool!r}]", f"is not a JSON Schema: {error}") from None

    def check_pre(self, *, role: str, tool: str) -> GuardrailOutcome:
        return ALLOWED

    def check_post(self, value: object, *, role: str, tool: str) -> GuardrailOutcome:
        return ALLOWED

    def check_call(self, arguments: Mapping[str, object], *, role: str, tool: str) -> GuardrailOutcome:
        validator = self._validators.get(tool)
        if validator is None:
            if self._only_listed:
                return GuardrailOutcome(False, f"no schema is known for tool {tool!r}")
            return ALLOWED
        problems = list(validator.iter_errors(dict(arguments)))
        if not problems:
            return ALLOWED
        first = problems[0]
        place = ".".join(str(step) for step in first.instance_path) or "arguments"
        more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        return GuardrailOutcome(self._action is GuardAction.WARN, f"{place}: {first.message}{more}")


def _validators() -> Callable[[dict[str, object]], _Validator]:
    try:
        module = import_module("jsonschema_rs")
    except ImportError:
        raise MissingExtraError(
            "jsonschema-rs", "server", "checking arguments against a JSON Schema"
        ) from None
    return cast("Callable[[dict[str, object]], _Validator]", module.validator_for)
