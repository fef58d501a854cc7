"""Why a call failed, and what can be done about it."""

from holdfast.core.failures.classify import classify
from holdfast.core.failures.failure import RETRYABLE, Failure

__all__ = ["RETRYABLE", "Failure", "classify"]
