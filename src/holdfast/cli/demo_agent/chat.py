"""The planner that asks a model, over the plain chat interfaces of OpenAI and Anthropic."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Final

import msgspec
import urllib3

from holdfast.cli.demo_agent.anthropic_dialect import AnthropicDialect
from holdfast.cli.demo_agent.dialect import Dialect
from holdfast.cli.demo_agent.openai_dialect import OpenAIDialect
from holdfast.cli.demo_agent.planning import Decision, Planner, Turn
from holdfast.cli.demo_agent.rules import RulePlanner
from holdfast.errors import PlannerError

__all__ = ["ChatPlanner", "planner_from"]

_TIMEOUT: Final = urllib3.Timeout(connect=10, read=120)


class ChatPlanner:
    """Asks `model` at `base_url` for every step: one request, no retries. To recover is not its duty."""

    def __init__(self, dialect: Dialect, *, model: str, base_url: str, key: str) -> None:
        self.model = model
        self.provider = dialect.provider
        self._dialect = dialect
        self._url = base_url.rstrip("/") + dialect.path
        self._key = key
        self._pool = urllib3.PoolManager(retries=False, timeout=_TIMEOUT)

    def decide(self, task: str, history: Sequence[Turn]) -> Decision:
        try:
            answer = self._pool.request(
                "POST",
                self._url,
                body=msgspec.json.encode(self._dialect.request(self.model, task, history)),
                headers={"Content-Type": "application/json", **self._dialect.headers(self._key)},
            )
        except urllib3.exceptions.HTTPError as error:
            raise PlannerError(f"{self.provider} could not be reached: {error}") from error
        if answer.status != 200:
            text = answer.data[:500].decode("utf-8", "replace")
            raise PlannerError(f"{self.provider} answered {answer.status}: {text}", status=answer.status)
        try:
            return self._dialect.decision(answer.data)
        except msgspec.MsgspecError as error:
            raise PlannerError(f"{self.provider} answered in a form that cannot be read: {error}") from error


_FROM_ENVIRONMENT: Final = (
    ("ANTHROPIC", AnthropicDialect(), "claude-sonnet-4-5"),
    ("OPENAI", OpenAIDialect(), "gpt-4.1-mini"),
)


def planner_from(environment: Mapping[str, str] = os.environ) -> Planner:
    """A model where both its key and its base URL are set (nobody spends money by accident), else the rules.

    `ANTHROPIC_MODEL` and `OPENAI_MODEL` name another model than the default.
    """
    for prefix, dialect, model in _FROM_ENVIRONMENT:
        key, base_url = environment.get(f"{prefix}_API_KEY"), environment.get(f"{prefix}_BASE_URL")
        if key and base_url:
            return ChatPlanner(
                dialect, model=environment.get(f"{prefix}_MODEL") or model, base_url=base_url, key=key
            )
    return RulePlanner()
