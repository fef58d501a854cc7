"""What is read for the page of an agent before anything of it is shown."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from holdfast.server.services.viewing.overview import Period
from holdfast.server.services.viewing.overview_sums import Totals, total
from holdfast.server.services.viewing.queries import Queries
from holdfast.server.stores.agents import AgentRow
from holdfast.server.web.agents.query import AgentsQuery
from holdfast.server.web.period import period_of

__all__ = ["AgentMaterial"]


@dataclass(frozen=True, kw_only=True)
class AgentMaterial:
    """The agent, and the sums of its runs in the range."""

    queries: Queries
    account_id: str
    agent: AgentRow
    query: AgentsQuery
    now: int

    @cached_property
    def period(self) -> Period:
        return period_of(self.queries.overview, self.account_id, self.query.scope, self.now)

    @cached_property
    def totals(self) -> Totals:
        return total(self.queries.overview.series(self.period, self.now))
