"""How far a token reaches, as conditions on queries: the one place that says which rows it may see.

An account ends every reach. Within it a token may be bound to one agent, to one environment, or to both.
"""

from __future__ import annotations

from msgspec import Struct
from sqlalchemy import ColumnElement, and_, select

from holdfast.server.stores.schema.record import agents, deployments, environments, instances, tokens

__all__ = [
    "Reach",
    "agents_within",
    "deployments_within",
    "environments_within",
    "runs_within",
    "tokens_within",
]


class Reach(Struct, frozen=True, kw_only=True):
    """None binds to nothing."""

    account_id: str
    agent_id: str | None = None
    environment_id: str | None = None

    @property
    def bound(self) -> bool:
        """Whether it is less than a whole account."""
        return self.agent_id is not None or self.environment_id is not None

    @property
    def replay_scope(self) -> str:
        """Under what idempotency keys are kept: a bound token must not be answered what another one did."""
        if not self.bound:
            return self.account_id
        return f"{self.account_id} agent={self.agent_id or ''} environment={self.environment_id or ''}"

    def covers(self, account_id: str, agent_id: str | None, environment_id: str | None) -> bool:
        """Whether a run of these lies within. One that belongs to no agent yet (its registration has not
        arrived) lies within every reach of its account that is not bound."""
        return (
            account_id == self.account_id
            and (self.agent_id is None or agent_id == self.agent_id)
            and (self.environment_id is None or environment_id == self.environment_id)
        )


def runs_within(reach: Reach) -> ColumnElement[bool]:
    where = [instances.c.account_id == reach.account_id]
    if reach.agent_id is not None:
        where.append(instances.c.agent_id == reach.agent_id)
    if reach.environment_id is not None:
        where.append(instances.c.environment_id == reach.environment_id)
    return and_(*where)


def agents_within(reach: Reach) -> ColumnElement[bool]:
    """Of a reach bound to an environment: the agents deployed there."""
    where: list[ColumnElement[bool]] = [agents.c.account_id == reach.account_id]
    if reach.agent_id is not None:
        where.append(agents.c.id == reach.agent_id)
    if reach.environment_id is not None:
        deployed = select(deployments.c.agent_id).where(deployments.c.environment_id == reach.environment_id)
        where.append(agents.c.id.in_(deployed))
    return and_(*where)


def environments_within(reach: Reach) -> ColumnElement[bool]:
    """Of a reach bound to an agent: the environments it is deployed to."""
    where: list[ColumnElement[bool]] = [environments.c.account_id == reach.account_id]
    if reach.environment_id is not None:
        where.append(environments.c.id == reach.environment_id)
    if reach.agent_id is not None:
        deployed = select(deployments.c.environment_id).where(deployments.c.agent_id == reach.agent_id)
        where.append(environments.c.id.in_(deployed))
    return and_(*where)


def deployments_within(reach: Reach) -> ColumnElement[bool]:
    where: list[ColumnElement[bool]] = [
        deployments.c.agent_id.in_(select(agents.c.id).where(agents_within(reach)))
    ]
    if reach.environment_id is not None:
        where.append(deployments.c.environment_id == reach.environment_id)
    return and_(*where)


def tokens_within(reach: Reach) -> ColumnElement[bool]:
    """The tokens that reach no farther."""
    where = [tokens.c.account_id == reach.account_id]
    if reach.agent_id is not None:
        where.append(tokens.c.agent_id == reach.agent_id)
    if reach.environment_id is not None:
        where.append(tokens.c.environment_id == reach.environment_id)
    return and_(*where)
