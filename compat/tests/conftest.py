"""Every test has its own settings, state and data directories."""

from isolation import isolated, isolated_session

__all__ = ["isolated", "isolated_session"]
