"""Policies as data: conditions, rules and limits, from YAML or JSON and back."""

from __future__ import annotations

import re
from collections.abc import Hashable, Mapping
from importlib import import_module
from typing import Final, Literal, Protocol, cast

import msgspec
from msgspec import Struct, field

from holdfast.core.budget_limits import Limits
from holdfast.core.policy import PolicyEngine, PolicyRule
from holdfast.errors import InvalidInputError, MissingExtraError
from holdfast.wire.runtime_vocabulary import PolicyAction, QualityLevel

__all__ = ["Policy", "dump_policy", "load_policy"]

Format = Literal["yaml", "json"]
_TO_LABEL: Final[Mapping[object, object]] = {level.value: level.label for level in QualityLevel}
_FROM_LABEL: Final[Mapping[object, object]] = {label: value for value, label in _TO_LABEL.items()}
_FIXES: Final = {
    "type": "one of and, or, not, quality_at, phase_completed, agent_failed, gate_below, retry_exhausted, "
    "timed_out, all_agents_complete, cost_exceeded",
    "level": f"one of {', '.join(level.label for level in QualityLevel)}",
    "action": f"one of {', '.join(action.value for action in PolicyAction)}",
}


class Policy(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What a policy file holds: rules for an engine, limits for a budget."""

    rules: list[PolicyRule] = field(default_factory=list[PolicyRule])
    limits: Limits = field(default_factory=Limits)

    def engine(self) -> PolicyEngine:
        return PolicyEngine(self.rules)


def load_policy(text: str | bytes, format: Format = "yaml") -> Policy:  # noqa: A002 - the word for it
    """The policy that `text` holds.

    What is wrong raises `InvalidInputError`, whose `field` is the path (`rules[2].condition.seconds`) and
    whose problem names the line where it is YAML. YAML needs PyYAML (extra `yaml`; else `MissingExtraError`)
    and is read with its safe loader; JSON needs nothing.
    """
    if format == "json":
        try:
            plain: object = msgspec.json.decode(text)
        except msgspec.DecodeError as error:
            raise InvalidInputError("policy", f"is not JSON: {error}") from None
        lines: _Lines | None = None
    else:
        lines = _Lines(text)
        plain = lines.plain
    try:
        policy = msgspec.convert({} if plain is None else _levels(plain, _FROM_LABEL), Policy)
        policy.engine()
    except msgspec.ValidationError as error:
        path, problem, fix = _place(error)
        raise InvalidInputError(path, problem + _line(lines, path), fix) from None
    return policy


def dump_policy(policy: Policy, format: Format = "yaml") -> str:  # noqa: A002 - as above
    """The text of a policy, which `load_policy` reads back equal. A condition of your own has no form in a
    file: it raises `InvalidInputError` naming its rule."""
    for index, rule in enumerate(policy.rules):
        try:
            msgspec.convert(msgspec.to_builtins(rule), PolicyRule)
        except (TypeError, msgspec.ValidationError):
            raise InvalidInputError(
                f"rules[{index}].condition", f"{rule.name!r} has a condition that is written in Python"
            ) from None
    plain = _levels(msgspec.to_builtins(policy), _TO_LABEL)
    if format == "json":
        return msgspec.json.format(msgspec.json.encode(plain), indent=2).decode()
    return _yaml().safe_dump(plain, sort_keys=False, allow_unicode=True)


def _levels(plain: object, change: Mapping[object, object]) -> object:
    """Quality levels go by their names in files, and by their order in conditions."""
    if isinstance(plain, list):
        return [_levels(item, change) for item in cast("list[object]", plain)]
    if not isinstance(plain, dict):
        return plain
    found = {key: _levels(value, change) for key, value in cast("dict[object, object]", plain).items()}
    if found.get("type") == "quality_at" and isinstance(found.get("level"), Hashable):
        found["level"] = change.get(found.get("level"), found.get("level"))
    return found


def _place(error: msgspec.ValidationError) -> tuple[str, str, str]:
    """Path, problem and fix. A range check inside a record knows its own field; the decoder adds the rest."""
    message, _, path = str(error).partition(" - at `$")
    path = path.rstrip("`").lstrip(".").replace("[...]", "")
    cause = error.__cause__
    if isinstance(cause, InvalidInputError):
        return f"{path}.{cause.field}" if path else cause.field, cause.problem, cause.fix
    unknown = re.fullmatch(r"Object contains unknown field `(.*)`", message)
    if unknown:
        return f"{path}.{unknown[1]}".lstrip("."), "is not known here", ""
    return path or "policy", message[0].lower() + message[1:], _FIXES.get(path.rpartition(".")[2], "")


def _line(lines: _Lines | None, path: str) -> str:
    number = None if lines is None else lines.of(path)
    return "" if number is None else f" on line {number}"


class _Mark(Protocol):
    line: int


class _Node(Protocol):
    value: object
    start_mark: _Mark


class _YamlModule(Protocol):
    SafeLoader: object
    YAMLError: type[Exception]

    def compose(self, stream: str | bytes, Loader: object) -> _Node | None: ...  # noqa: N803 - PyYAML's name
    def safe_load(self, stream: str | bytes) -> object: ...
    def safe_dump(self, data: object, *, sort_keys: bool, allow_unicode: bool) -> str: ...


class _Lines:
    """A YAML text as plain data, and the line of each path in it."""

    def __init__(self, text: str | bytes) -> None:
        yaml = _yaml()
        try:
            self.plain = yaml.safe_load(text)
            self._root = yaml.compose(text, yaml.SafeLoader)
        except yaml.YAMLError as error:
            raise InvalidInputError("policy", f"is not YAML: {error}") from None

    def of(self, path: str) -> int | None:
        """Counted from 1; of the nearest part of the path that is written."""
        node = self._root
        steps = re.findall(r"\[(\d+)\]|([^.\[\]]+)", path)
        for index, key in cast("list[tuple[str, str]]", steps):
            below = self._below(node, int(index) if index else key)
            if below is None:
                break
            node = below
        return None if node is None else node.start_mark.line + 1

    def _below(self, node: _Node | None, step: int | str) -> _Node | None:
        if node is None or not isinstance(node.value, list):
            return None
        inner = cast("list[_Node | tuple[_Node, _Node]]", node.value)
        if isinstance(step, int):
            found = inner[step] if step < len(inner) else None
            return None if isinstance(found, tuple) else found
        for pair in inner:
            if isinstance(pair, tuple) and pair[0].value == step:
                return pair[1]
        return None


def _yaml() -> _YamlModule:
    try:
        return cast("_YamlModule", import_module("yaml"))
    except ImportError:
        raise MissingExtraError("pyyaml", "yaml", "reading and writing policies as YAML") from None
