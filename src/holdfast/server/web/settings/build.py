"""The settings page."""

from __future__ import annotations

import platform
import re
from typing import Final
from urllib.parse import quote

from holdfast._clock import parse_utc
from holdfast._ids import new_id
from holdfast._version import __version__
from holdfast.server.services.auth import Principal
from holdfast.server.services.clean_text import clip, one_line
from holdfast.server.services.context import Services
from holdfast.server.services.setup import DEFAULT_ACCOUNT
from holdfast.server.stores.reads.api import Window
from holdfast.server.web.format import amount
from holdfast.server.web.pages import Choice, Fact, Shell
from holdfast.server.web.settings.health import health_part, prices_part
from holdfast.server.web.settings.pages import (
    ErasureView,
    RuleView,
    Secret,
    SettingsPage,
    TokenView,
)
from holdfast.server.web.settings.storage import storage_part
from holdfast.server.web.shown import past_time
from holdfast.wire.erasing import ErasureDetails, ErasureSelection, RetentionDetails
from holdfast.wire.management import TokenDetails
from holdfast.wire.vocabulary import ErasureCause, ErasureState, TokenStatus

__all__ = ["LIVES", "settings_page"]

LIVES: Final = {"": "never", "7d": "in 7 days", "30d": "in 30 days", "90d": "in 90 days", "365d": "in a year"}
_TOKENS: Final = 100
_ERASURES: Final = 10
_AGENTS: Final = 200
_PASSWORD: Final = re.compile(r"(://[^:@/]*):[^@/]*@")


def settings_page(
    services: Services, shell: Shell, who: Principal, *, secret: Secret | None = None, sizes: bool = False
) -> SettingsPage:
    """`sizes`: the reader asks for the sizes of tables, whatever it takes to measure them."""
    now, managed, account_id = services.clock(), services.managed, who.account_id
    newest = Window(offset=0, size=_TOKENS, field="inserted_at", descending=True)
    tokens = managed.tokens.page(who, newest)
    agents = {agent.id: agent.name for agent in services.queries.runs.agents(account_id, _AGENTS)}
    receipts = managed.erasures.page(
        who, Window(offset=0, size=_ERASURES, field="inserted_at", descending=True)
    )
    askers = {f"token {token.id}": f"with {token.name}" for token in tokens.summaries}
    total = len(tokens.summaries) if tokens.pagination is None else tokens.pagination.item_count
    # the whole database is the business of who runs the server
    own_server = account_id == DEFAULT_ACCOUNT
    return SettingsPage(
        shell=shell,
        form_key=new_id(),
        secret=secret,
        tokens=tuple(_token(token, agents, now) for token in tokens.summaries),
        more_tokens=total - len(tokens.summaries),
        agents=_agent_choices(agents),
        lives=tuple(Choice(value=value, label=label, chosen=not value) for value, label in LIVES.items()),
        rules=tuple(_rule(rule) for rule in managed.retention.rules(who).summaries),
        erasures=tuple(_erasure(receipt, agents, askers, now) for receipt in receipts.summaries),
        storage=storage_part(managed.storage, services.config, now, asked=sizes) if own_server else None,
        health=health_part(services, account_id, now),
        prices=prices_part(services, account_id, now),
        about=_about(services, own_server=own_server),
    )


def _token(token: TokenDetails, agents: dict[str, str], now: int) -> TokenView:
    expires = None if token.expires_at is None else parse_utc(token.expires_at)
    active, revoked = token.status is TokenStatus.ACTIVE, token.status is TokenStatus.REVOKED
    over = expires is not None and expires <= now
    bound = [one_line(agents.get(token.agent_id, token.agent_id), 80)] if token.agent_id else []
    bound += [f"environment {token.environment_id[:12]}"] if token.environment_id else []
    return TokenView(
        href=f"/settings/tokens/{quote(token.id, safe='')}",
        name=one_line(token.name, 80) or "(no name)",
        hint=f"{token.hint}…",
        may=", ".join(token.scopes),
        bound=", ".join(bound) or "the account",
        done="expired" if active and over else "" if active else token.status.value,
        made=past_time(parse_utc(token.inserted_at), now),
        used=None if token.last_used_at is None else past_time(parse_utc(token.last_used_at), now),
        expires=None if expires is None else past_time(expires, now),
        can_suspend=active,
        can_activate=token.status is TokenStatus.SUSPENDED,
        can_revoke=not revoked,
    )


def _agent_choices(agents: dict[str, str]) -> tuple[Choice, ...]:
    named = {"": "every agent", **{key: one_line(name, 80) for key, name in agents.items()}}
    return tuple(Choice(value=value, label=label, chosen=not value) for value, label in named.items())


def _rule(rule: RetentionDetails) -> RuleView:
    return RuleView(
        agent=rule.agent_id or "",
        name=one_line(rule.agent_name or rule.agent_id or "", 80),
        keep=rule.keep or "",
        forever=rule.keep is None,
    )


def _erasure(
    receipt: ErasureDetails, agents: dict[str, str], askers: dict[str, str], now: int
) -> ErasureView:
    rows = {name: count for name, count in receipt.counts.items() if name not in ("instances", "agents")}
    retention = receipt.cause is ErasureCause.RETENTION
    return ErasureView(
        time=past_time(parse_utc(receipt.inserted_at), now),
        cause="retention" if retention else "asked for",
        by="" if retention else one_line(askers.get(receipt.asked_by, receipt.asked_by), 60),
        selection=clip(one_line(_selected(receipt.selection, agents), 400), 200),
        runs=f"{receipt.counts.get('instances', 0):,}",
        rows=", ".join(f"{count:,} {name}" for name, count in sorted(rows.items())),
        running=receipt.state is ErasureState.RUNNING,
        dropped=amount(receipt.dropped) if receipt.dropped else "",
        note=receipt.note or "",
    )


def _selected(selection: ErasureSelection, agents: dict[str, str]) -> str:
    found: list[str] = []
    if selection.agent_instance_ids:
        ids = selection.agent_instance_ids
        found.append(f"run {ids[0]}" if len(ids) == 1 else f"{len(ids):,} runs by id")
    if selection.agent_id is not None:
        found.append(f"agent {agents.get(selection.agent_id, selection.agent_id)}")
    if selection.where is not None:
        found.append(selection.where)
    if selection.before is not None:
        found.append(f"begun before {selection.before[:16]}")
    if selection.ended_before is not None:
        found.append(f"ended before {selection.ended_before[:16].replace('T', ' ')} UTC")
    return "; ".join(found)


def _about(services: Services, *, own_server: bool) -> tuple[Fact, ...]:
    config = services.config
    facts = [Fact(label="Holdfast", value=__version__)]
    if own_server:
        where = _PASSWORD.sub(r"\1@", config.database) if config.database else str(config.data)
        facts += [
            Fact(label="Python", value=platform.python_version()),
            Fact(label="Database", value=services.managed.storage.kind(), title=where),
        ]
        if config.spans is not None:
            facts.append(Fact(label="Spans that have settled", value="ClickHouse"))
    return tuple(facts)
