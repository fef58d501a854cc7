"""Why a call failed, and what can be done about it."""

from holdfast.core.failures.classify import classify
from holdfast.core.failures.failure import RETRYABLE, Failure
from holdfast.core.failures.grouping import Group, error_of, group_of

__all__ = ["RETRYABLE", "Failure", "Group", "classify", "error_of", "group_of"]
