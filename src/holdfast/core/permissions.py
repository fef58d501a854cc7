"""Permissions: which role may use which tool. Refusals come first; the first rule that refuses decides."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from fnmatch import translate
from typing import Literal, TypeVar

from msgspec import Struct, field

from holdfast.errors import InvalidInputError, PermissionDeniedError
from holdfast.wire.runtime_vocabulary import PermissionMode

__all__ = [
    "PermissionDeniedError",
    "PermissionEnforcer",
    "PermissionMode",
    "PermissionOutcome",
    "PermissionPolicy",
    "RolePermissionConfig",
]

_Tool = TypeVar("_Tool", bound=Callable[..., object])


class PermissionOutcome(Struct, frozen=True):
    """May it? `reason` says why not. The modes are those of the role and of the tool, in lower case, empty
    where the decision did not come to them."""

    allowed: bool
    reason: str | None = None
    active_mode: str = ""
    required_mode: str = ""

    def to_dict(self) -> dict[str, object]:
        return {
            "allowed": self.allowed,
            "reason": self.reason,
            "active_mode": self.active_mode,
            "required_mode": self.required_mode,
        }


class RolePermissionConfig(Struct, frozen=True):
    """What one role may do. `allowed_tools` None is every tool, an empty list is none; `denied_tools` wins
    over it. Both take exact names and patterns with `*`, `?` and `[…]`."""

    role: str
    mode: PermissionMode
    allowed_tools: Sequence[str] | None = None
    denied_tools: Sequence[str] = field(default_factory=list[str])

    def __post_init__(self) -> None:
        if self.mode not in tuple(PermissionMode):
            raise InvalidInputError(
                "mode", f"{self.mode!r} is not a permission mode", "use a PermissionMode such as READ_ONLY"
            )
        for name, tools in (("allowed_tools", self.allowed_tools), ("denied_tools", self.denied_tools)):
            if isinstance(tools, str):
                raise InvalidInputError(name, "is one string", "give a list of tool names")


class PermissionPolicy:
    """The rules of all roles. Roles, tools and patterns are compared without regard to case, all of them.

    Refused, in this order: a tool that the role's denied list names; a role whose mode is below the mode that
    the tool requires (READ_ONLY where nothing is said; where several patterns name the tool, the highest of
    theirs, an exact name before any pattern); a tool that is not in the role's allowed list, if it has one.

    A role without a configuration may use everything with `default="allow"`, which is how existing users
    know it, and nothing with `default="deny"`. Configurations are read once: later changes to the mappings
    or lists given have no effect.
    """

    def __init__(
        self,
        role_configs: Mapping[str, RolePermissionConfig] | None = None,
        tool_requirements: Mapping[str, PermissionMode] | None = None,
        *,
        default: Literal["allow", "deny"] = "allow",
    ) -> None:
        if default not in ("allow", "deny"):
            raise InvalidInputError("default", f"{default!r} is unknown", 'say "allow" or "deny"')
        self._default_allows = default == "allow"
        self._roles: dict[str, _RoleRules] = {}
        for key, config in (role_configs or {}).items():
            if key.casefold() != config.role.casefold():
                raise InvalidInputError(
                    f"role_configs[{key!r}]", f"configures the role {config.role!r}", "make the two the same"
                )
            if key.casefold() in self._roles:
                raise InvalidInputError(f"role_configs[{key!r}]", "is there twice (case does not count)")
            self._roles[key.casefold()] = _RoleRules(config)
        self._required: dict[str, PermissionMode] = {}
        self._required_by_pattern: list[tuple[re.Pattern[str], PermissionMode]] = []
        for name, mode in (tool_requirements or {}).items():
            if mode not in tuple(PermissionMode):
                raise InvalidInputError(f"tool_requirements[{name!r}]", f"{mode!r} is not a permission mode")
            if _is_pattern(name):
                self._required_by_pattern.append((re.compile(translate(name.casefold())), mode))
            else:
                self._required[name.casefold()] = PermissionMode(mode)

    @property
    def allows_by_default(self) -> bool:
        """Whether a role without a configuration may use everything."""
        return self._default_allows

    def rules_of(self, role: str) -> RolePermissionConfig | None:
        """The configuration of a role."""
        rules = self._roles.get(role.casefold())
        return None if rules is None else rules.config

    def authorize(self, role: str, tool_name: str) -> PermissionOutcome:
        rules = self._roles.get(role.casefold())
        if rules is None:
            if self._default_allows:
                return PermissionOutcome(True)
            return PermissionOutcome(False, f"role {role!r} has no permissions and the default is to deny")
        tool = tool_name.casefold()
        required = self._requirement(tool)
        active_mode, required_mode = rules.mode.label, required.label
        if tool in rules.denied:
            reason = f"tool {tool_name!r} is denied to role {role!r}"
        elif rules.mode < required:
            reason = f"tool {tool_name!r} requires {required_mode}, role {role!r} has {active_mode}"
        elif rules.allowed is not None and tool not in rules.allowed:
            reason = f"tool {tool_name!r} is not among the allowed tools of role {role!r}"
        else:
            return PermissionOutcome(True, None, active_mode, required_mode)
        return PermissionOutcome(False, reason, active_mode, required_mode)

    def _requirement(self, tool: str) -> PermissionMode:
        exact = self._required.get(tool)
        if exact is not None:
            return exact
        modes = [mode for pattern, mode in self._required_by_pattern if pattern.match(tool)]
        return max(modes, default=PermissionMode.READ_ONLY)


class PermissionEnforcer:
    """Applies a policy."""

    def __init__(self, policy: PermissionPolicy) -> None:
        self._policy = policy

    @property
    def policy(self) -> PermissionPolicy:
        return self._policy

    def check(self, role: str, tool_name: str) -> PermissionOutcome:
        return self._policy.authorize(role, tool_name)

    def is_allowed(self, role: str, tool_name: str) -> bool:
        return self._policy.authorize(role, tool_name).allowed

    def require(self, role: str, tool_name: str) -> PermissionOutcome:
        """As `check`, but a refusal raises `PermissionDeniedError`."""
        outcome = self._policy.authorize(role, tool_name)
        if not outcome.allowed:
            raise PermissionDeniedError(outcome)
        return outcome

    def filter_tools(self, role: str, tools: Iterable[_Tool]) -> list[_Tool]:
        """The callables whose `__name__` the role may use. One that has no name (a `functools.partial`, an
        instance with `__call__`) goes by the name of its type."""
        return [tool for tool in tools if self.is_allowed(role, _name_of(tool))]


class _RoleRules:
    """A configuration, made ready for look-ups."""

    __slots__ = ("allowed", "config", "denied", "mode")

    def __init__(self, config: RolePermissionConfig) -> None:
        self.config = config
        self.mode = PermissionMode(config.mode)
        self.denied = _Names(config.denied_tools)
        self.allowed = None if config.allowed_tools is None else _Names(config.allowed_tools)


class _Names:
    """A set of names and patterns, in which a casefolded name is looked up."""

    __slots__ = ("_exact", "_pattern")

    def __init__(self, names: Iterable[str]) -> None:
        folded = [name.casefold() for name in names]
        self._exact = frozenset(name for name in folded if not _is_pattern(name))
        patterns = [translate(name) for name in folded if _is_pattern(name)]
        self._pattern = re.compile("|".join(patterns)) if patterns else None

    def __contains__(self, tool: str) -> bool:
        return tool in self._exact or (self._pattern is not None and self._pattern.match(tool) is not None)


def _is_pattern(name: str) -> bool:
    return any(sign in name for sign in "*?[")


def _name_of(tool: Callable[..., object]) -> str:
    name: object = getattr(tool, "__name__", None)
    return name if isinstance(name, str) else type(tool).__name__
