"""Permissions."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest

from holdfast.core.permissions import (
    PermissionDeniedError,
    PermissionEnforcer,
    PermissionMode,
    PermissionPolicy,
    RolePermissionConfig,
)
from holdfast.errors import InvalidInputError

READ, WRITE, FULL = PermissionMode.READ_ONLY, PermissionMode.WORKSPACE_WRITE, PermissionMode.FULL_ACCESS


def policy(config: RolePermissionConfig, **required: PermissionMode) -> PermissionEnforcer:
    return PermissionEnforcer(PermissionPolicy({config.role: config}, required))


def test_the_denied_list_comes_first() -> None:
    """A denied tool is refused whatever mode and allowed list say, and in any case of letters."""
    enforcer = policy(RolePermissionConfig("coder", FULL, ["shell"], ["SHELL"]))
    outcome = enforcer.check("coder", "Shell")
    assert not outcome.allowed
    assert "denied" in (outcome.reason or "")


def test_the_mode_comes_before_the_allowed_list() -> None:
    """A role below the required mode is refused even what its list allows; the outcome names both modes."""
    outcome = policy(RolePermissionConfig("coder", READ, ["shell"]), shell=FULL).check("coder", "shell")
    assert not outcome.allowed
    assert (outcome.active_mode, outcome.required_mode) == ("read_only", "full_access")
    assert outcome.to_dict()["reason"] == outcome.reason


def test_tools_without_a_requirement_are_read_only() -> None:
    """READ_ONLY is enough where nothing is said."""
    assert policy(RolePermissionConfig("coder", READ)).is_allowed("coder", "anything")


def test_an_empty_allowed_list_allows_nothing() -> None:
    """None is every tool, an empty list none."""
    assert not policy(RolePermissionConfig("coder", FULL, [])).is_allowed("coder", "read")


@pytest.mark.parametrize(
    ("tool", "allowed"), [("github_read", True), ("GitHub_Write", True), ("gitlab_read", False), ("x", False)]
)
def test_patterns_allow(tool: str, allowed: bool) -> None:
    """`github_*` stands for every tool whose name starts so, in any case of letters."""
    assert policy(RolePermissionConfig("coder", FULL, ["GITHUB_*"])).is_allowed("coder", tool) is allowed


def test_patterns_deny_and_require() -> None:
    """Patterns work in the denied list and in the requirements, where the highest that matches holds and an
    exact name comes before any."""
    enforcer = PermissionEnforcer(
        PermissionPolicy(
            {"coder": RolePermissionConfig("coder", WRITE, None, ["*_secret"])},
            {"git_*": WRITE, "*_push": FULL, "safe_push": READ},
        )
    )
    assert not enforcer.is_allowed("coder", "read_secret")
    assert enforcer.is_allowed("coder", "git_commit")
    assert not enforcer.is_allowed("coder", "git_push")
    assert enforcer.is_allowed("coder", "Safe_Push")


def test_one_case_rule_for_roles_tools_and_requirements() -> None:
    """Roles, tools, lists and requirements are all compared without regard to case."""
    enforcer = policy(RolePermissionConfig("Coder", READ), Shell=FULL)
    assert not enforcer.is_allowed("CODER", "SHELL")
    assert not enforcer.is_allowed("coder", "shell")


def test_a_role_without_configuration_follows_the_default() -> None:
    """Everything with "allow", which is the default, nothing with "deny"."""
    assert PermissionPolicy().authorize("stranger", "shell").allowed
    outcome = PermissionPolicy(default="deny").authorize("stranger", "shell")
    assert not outcome.allowed
    assert "stranger" in (outcome.reason or "")


def test_require_raises_with_the_outcome() -> None:
    """The error carries the outcome that `check` gives."""
    enforcer = policy(RolePermissionConfig("coder", READ), shell=FULL)
    with pytest.raises(PermissionDeniedError) as caught:
        enforcer.require("coder", "shell")
    assert caught.value.outcome == enforcer.check("coder", "shell")
    assert enforcer.require("coder", "read").allowed


def test_filter_tools_keeps_the_allowed_callables() -> None:
    """Callables are kept by `__name__`; one without a name goes by its type."""

    def read() -> None: ...
    def shell() -> None: ...

    enforcer = policy(RolePermissionConfig("coder", FULL, ["read"]))
    tools: list[Callable[..., object]] = [read, shell, partial(read)]
    assert enforcer.filter_tools("coder", tools) == [read]


def test_configurations_are_read_once() -> None:
    """Changing a list afterwards changes no decision."""
    denied: list[str] = []
    enforcer = policy(RolePermissionConfig("coder", FULL, None, denied))
    denied.append("shell")
    assert enforcer.is_allowed("coder", "shell")


def test_bad_configurations_are_refused() -> None:
    """A role under another's key, the same role twice, an unknown default or mode, a string for a list."""
    config = RolePermissionConfig("coder", READ)
    with pytest.raises(InvalidInputError, match="role_configs"):
        PermissionPolicy({"boss": config})
    with pytest.raises(InvalidInputError, match="twice"):
        PermissionPolicy({"coder": config, "CODER": config})
    with pytest.raises(InvalidInputError, match="default"):
        PermissionPolicy(default="maybe")  # type: ignore[arg-type]
    with pytest.raises(InvalidInputError, match="mode"):
        RolePermissionConfig("coder", 9)  # type: ignore[arg-type]
    with pytest.raises(InvalidInputError, match="allowed_tools"):
        RolePermissionConfig("coder", READ, "shell")
    with pytest.raises(InvalidInputError, match="tool_requirements"):
        PermissionPolicy(None, {"shell": 0})  # type: ignore[dict-item]
