"""Handoffs, which are Holdfast's own."""

from holdfast.runtime import Handoff

__all__ = ["Handoff"]
