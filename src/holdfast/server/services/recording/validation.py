"""Payloads against the JSON Schemas of their types. Nothing is refused here: what does not fit is marked."""

from __future__ import annotations

from typing import Final

import jsonschema_rs

from holdfast.wire.details import Violation

__all__ = ["Validator", "compile_schema"]

_MOST: Final = 20
_LONGEST: Final = 300
_PATTERNS: Final = jsonschema_rs.FancyRegexOptions(
    backtrack_limit=100_000, size_limit=1 << 20, dfa_size_limit=1 << 20
)


class Validator:
    """One compiled schema."""

    def __init__(self, schema: dict[str, object]) -> None:
        # offline: a schema that came from outside must not make this server fetch anything
        self._validator = jsonschema_rs.validator_for(schema, offline=True, pattern_options=_PATTERNS)

    def violations(self, value: object, part: str) -> list[Violation]:
        """At most twenty; `part` says what the value is: payload or result."""
        found: list[Violation] = []
        for error in self._validator.iter_errors(value):
            path = "".join(f"/{step}" for step in error.instance_path)
            found.append(Violation(part=part, path=_cut(path), message=_cut(error.message)))
            if len(found) == _MOST:
                break
        return found


def compile_schema(schema: dict[str, object]) -> Validator | str:
    """The validator, or why there can be none."""
    try:
        return Validator(schema)
    except (
        jsonschema_rs.ValidationError,
        jsonschema_rs.ReferencingError,
        ValueError,
        RecursionError,
    ) as error:
        return _cut(str(error).partition("\n")[0])


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
