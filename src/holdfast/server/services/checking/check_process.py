"""The process that checks payloads against schemas and renders summaries.

Schemas and templates come from outside. A few lines of JSON Schema can ask for years of work, so this is
done in a process that can be killed, with a bound on its memory, away from the server's interpreter lock.
It reads a `CheckJob` from standard input and answers with a `CheckAnswer`, each as a line of JSON.
"""

from __future__ import annotations

import resource
import sys
from typing import Final

import msgspec
from msgspec import Raw, Struct

from holdfast.server.services.checking.summaries import summarise
from holdfast.server.services.recording.validation import Validator, compile_schema
from holdfast.wire.details import Violation
from holdfast.wire.operations import NO_JSON, SchemaVersion

__all__ = ["READY", "CheckAnswer", "CheckJob", "Finding", "Subject", "main"]

READY: Final = b"ready\n"
"""What the process says first."""

_MEMORY: Final = 1 << 30


class Subject(Struct, frozen=True, kw_only=True):
    """A span (`quality` false) or a quality record, of the type `type_name`."""

    name: str
    type_name: str
    quality: bool = False
    payload: Raw = NO_JSON
    result: Raw = NO_JSON


class CheckJob(Struct, frozen=True, kw_only=True):
    """`unusable` names the types that are not to be touched any more."""

    version_id: str
    content: Raw
    unusable: list[str]
    subjects: list[Subject]


class Finding(Struct, frozen=True, kw_only=True):
    name: str
    summary: str | None = None
    violations: list[Violation] = []


class CheckAnswer(Struct, frozen=True, kw_only=True):
    """`unusable` maps types found not to be usable to the reason."""

    findings: list[Finding]
    unusable: dict[str, str]


class _Type(Struct):
    template: str | None
    payload: Validator | None = None
    result: Validator | None = None


class _Types:
    """The compiled types of one schema version."""

    def __init__(self, content: Raw) -> None:
        version = msgspec.json.decode(content, type=SchemaVersion)
        self.unusable: dict[str, str] = {}
        self.spans: dict[str, _Type] = {}
        self.quality: dict[str, _Type] = {}
        for span in version.span_type_schemas or ():
            self.spans[span.name] = _Type(
                span.template,
                self._compiled(span.name, "params_schema", span.params_schema),
                self._compiled(span.name, "result_schema", span.result_schema),
            )
        for record in version.quality_schemas or ():
            self.quality[record.name] = _Type(
                record.template, self._compiled(record.name, "schema", record.schema)
            )

    def _compiled(self, name: str, part: str, schema: dict[str, object] | None) -> Validator | None:
        if schema is None:
            return None
        compiled = compile_schema(schema)
        if isinstance(compiled, Validator):
            return compiled
        self.unusable[name] = f"{part}: {compiled}"
        return None

    def check(self, subject: Subject) -> Finding:
        kind = (self.quality if subject.quality else self.spans).get(subject.type_name)
        if kind is None:
            return Finding(name=subject.name)
        try:
            payload, result = msgspec.json.decode(subject.payload), msgspec.json.decode(subject.result)
            violations: list[Violation] = []
            if kind.payload is not None and payload is not None:
                violations += kind.payload.violations(payload, "payload")
            if kind.result is not None and result is not None:
                violations += kind.result.violations(result, "result")
            summary = None if kind.template is None else summarise(kind.template, payload, result)
        except (RecursionError, ValueError):
            return Finding(name=subject.name)
        return Finding(name=subject.name, summary=summary, violations=violations)


def main() -> None:
    """Serve until standard input ends."""
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    sys.stdout.buffer.write(READY)
    sys.stdout.buffer.flush()
    compiled: dict[str, _Types] = {}
    for line in sys.stdin.buffer:
        job = msgspec.json.decode(line, type=CheckJob)
        if len(compiled) > 100:
            compiled.clear()
        types = compiled.get(job.version_id)
        if types is None:
            types = compiled[job.version_id] = _Types(job.content)
        findings = [
            Finding(name=subject.name) if subject.type_name in job.unusable else types.check(subject)
            for subject in job.subjects
        ]
        answer = CheckAnswer(findings=findings, unusable=types.unusable)
        sys.stdout.buffer.write(msgspec.json.encode(answer) + b"\n")
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
