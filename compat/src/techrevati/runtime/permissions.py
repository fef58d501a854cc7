"""Permissions, which are Holdfast's own. A role without a configuration may use every tool, as it always could."""

from holdfast.core.permissions import (
    PermissionEnforcer,
    PermissionMode,
    PermissionOutcome,
    PermissionPolicy,
    RolePermissionConfig,
)

__all__ = [
    "PermissionEnforcer",
    "PermissionMode",
    "PermissionOutcome",
    "PermissionPolicy",
    "RolePermissionConfig",
]
