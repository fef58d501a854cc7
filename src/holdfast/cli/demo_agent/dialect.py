"""What every provider is told, and what a provider's dialect must say."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Protocol

import msgspec

from holdfast.cli.demo_agent.planning import Decision, Outcome, Turn

__all__ = ["SYSTEM", "Dialect", "Json", "told"]

SYSTEM: Final = (
    "You audit Python packages with the tools you are given. Call several tools at once where they do not "
    "depend on each other. Look at eight packages or so: licence, files, import time; look again at what "
    "failed. When you are done, call no tool and conclude in three sentences."
)
_MOST_RESULT: Final = 4_000

Json = dict[str, object]


class Dialect(Protocol):
    """How one provider wants to be asked, and how it answers."""

    provider: str
    path: str

    def headers(self, key: str) -> dict[str, str]: ...

    def request(self, model: str, task: str, history: Sequence[Turn]) -> Json: ...

    def decision(self, answer: bytes) -> Decision:
        """Raises `msgspec.MsgspecError` for an answer in another form."""
        ...


def told(outcome: Outcome) -> str:
    """The outcome as a model reads it, cut where it is long."""
    if outcome.error is not None:
        return f"{type(outcome.error).__name__}: {outcome.error}"[:_MOST_RESULT]
    text = msgspec.json.encode(outcome.result).decode()
    return text if len(text) <= _MOST_RESULT else f"{text[:_MOST_RESULT]} ... ({len(text)} characters in all)"
