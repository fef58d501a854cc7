"""What the query of an agents page's address says, and the addresses of agents."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Self
from urllib.parse import quote, urlencode

from holdfast.server.web.scope import Scope

__all__ = ["AgentOrder", "AgentsQuery", "agent_path"]

_USUAL: Final = "30d"


class AgentOrder(StrEnum):
    """Which agents come first: those with the most runs, by name, with the lowest success rate, the costliest,
    those that ran last."""

    RUNS = "runs"
    NAME = "name"
    SUCCESS = "success"
    COST = "cost"
    LAST = "last"


_ORDERS: Final = {order.value: order for order in AgentOrder}


def agent_path(agent_id: str) -> str:
    """Quoted twice, as the paths of runs are: ids are any text."""
    if not agent_id.strip("."):
        return f"/agents/{agent_id.replace('.', '%252E')}"
    return f"/agents/{quote(quote(agent_id, safe=''), safe='')}"


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentsQuery:
    """Anything unusable counts as not given: the last 30 days, those with the most runs first. The agent of the
    scope is not looked at: pages of one agent have it in their path."""

    scope: Scope
    order: AgentOrder = AgentOrder.RUNS

    @classmethod
    def read(cls, query: Mapping[str, str], *, agent: str | None = None) -> Self:
        scope = Scope.read({**query, "agent": agent or ""}, within=_USUAL)
        return cls(scope=scope, order=_ORDERS.get(query.get("sort", ""), AgentOrder.RUNS))

    def range_pairs(self) -> dict[str, str]:
        pairs = self.scope.pairs()
        pairs.pop("agent", None)
        if self.scope.within is None and self.scope.begin is None and self.scope.end is None:
            pairs["within"] = "all"
        return pairs

    def agent_url(self, agent_id: str) -> str:
        return f"{agent_path(agent_id)}?{urlencode(self.range_pairs())}"

    def list_url(self) -> str:
        return f"/agents?{urlencode(self.range_pairs())}"
