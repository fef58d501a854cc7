"""Bulk requests that also name agents: item by item, each in its own transaction.

What only records goes another, faster way; a request comes here when one of its items is about agents.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

import msgspec
from msgspec import Raw, Struct

from holdfast.errors import ApiError
from holdfast.server.services.auth import Principal
from holdfast.server.services.managing.agents import Agents
from holdfast.server.services.reading import invalid
from holdfast.server.services.recording.decoding import decode_fields
from holdfast.server.services.recording.ingest import Ingest, error_answer
from holdfast.server.services.requests import decode_as
from holdfast.server.stores.agents import AgentFilter
from holdfast.server.stores.reads.api import Window
from holdfast.wire.bulk import BulkAnswer, BulkRequestRaw
from holdfast.wire.requests import AgentChange, AgentCreate
from holdfast.wire.vocabulary import OnError, TokenScope

__all__ = ["MixedBulk", "names_agents"]

_MARK: Final = b'"agents/'
_KEY_LENGTHS: Final = (8, 64)
_LARGEST_PAGE: Final = 100
_encode: Final = msgspec.json.Encoder().encode


class _Item(Struct):
    type: str = msgspec.field(name="_type")
    idempotency_key: str
    agent_id: str | None = None
    external_identifier: str | None = None
    details: Raw = Raw(b"{}")


class _Type(Struct):
    type: str = msgspec.field(name="_type", default="")


class _Types(Struct):
    items: list[_Type]


class _Outputs(Struct):
    outputs: dict[str, Raw]


class _Status(Struct):
    status: str


_types: Final = msgspec.json.Decoder(_Types).decode
_outputs: Final = msgspec.json.Decoder(_Outputs).decode
_status: Final = msgspec.json.Decoder(_Status).decode


def names_agents(body: bytes) -> bool:
    """Whether an item is about agents. Most bodies are told apart without being decoded."""
    if _MARK not in body:
        return False
    try:
        return any(item.type.startswith("agents/") for item in _types(body).items)
    except msgspec.DecodeError:
        return False


class MixedBulk:
    def __init__(self, agents: Agents, ingest: Ingest) -> None:
        self._agents = agents
        self._ingest = ingest

    async def carry_out(self, who: Principal, body: bytes, *, minimal: bool) -> bytes:
        """Raises `ApiError` where the request as a whole cannot be used. With `minimal` only what failed is
        told."""
        request = decode_as(body, BulkRequestRaw)
        keys = [_key_of(raw) for raw in request.items]
        _check_keys(keys)
        outputs: dict[str, Raw] = {}
        for raw, key in zip(request.items, keys, strict=True):
            answer = await self._one(who, raw, request.on_error)
            failed = _status(answer).status == "error"
            if failed or not minimal:
                outputs[key] = answer
            if failed and request.on_error is OnError.STOP:
                break
        return _encode(BulkAnswer(outputs=outputs))

    async def _one(self, who: Principal, raw: Raw, on_error: OnError) -> Raw:
        try:
            fields = decode_fields(bytes(raw))
            if not bytes(fields.get("_type", b"")).startswith(_MARK):
                who.need(TokenScope.INGEST)
                whole = _encode({"items": [raw], "on_error": on_error.value})
                answered = _outputs(await self._ingest.bulk(who, whole, minimal=False)).outputs
                return next(iter(answered.values()))
            work = self._work(who, decode_as(fields, _Item))
            return Raw(await asyncio.to_thread(work))
        except ApiError as error:
            return Raw(_encode(error_answer(error)))

    def _work(self, who: Principal, item: _Item) -> Callable[[], bytes]:
        agents, key, agent_id = self._agents, item.idempotency_key, item.agent_id or ""
        match item.type:
            case "agents/list":
                who.need(TokenScope.READ, TokenScope.ADMIN)
                window = Window(offset=0, size=_LARGEST_PAGE, field="inserted_at", descending=False)
                return lambda: _encode(agents.page(who, AgentFilter(), window))
            case "agents/show":
                who.need(TokenScope.READ, TokenScope.ADMIN)
                external = item.external_identifier
                return lambda: _encode(agents.show(who, agent_id=item.agent_id, external_identifier=external))
            case "agents/create":
                who.need(TokenScope.ADMIN)
                made = decode_as(bytes(item.details), AgentCreate)
                return lambda: agents.create(who, key, made)
            case "agents/update":
                who.need(TokenScope.ADMIN)
                change = decode_as(bytes(item.details), AgentChange)
                return lambda: agents.update(who, key, agent_id, change)
            case "agents/retire":
                who.need(TokenScope.ADMIN)
                return lambda: agents.retire(who, key, agent_id)
            case "agents/reinstate":
                who.need(TokenScope.ADMIN)
                return lambda: agents.reinstate(who, key, agent_id)
            case "agents/delete":
                who.need(TokenScope.ADMIN)
                return lambda: agents.delete(who, key, agent_id)
            case _:
                raise invalid("_type", f"{item.type[:60]!r} is unknown")


def _key_of(raw: Raw) -> str:
    try:
        return msgspec.json.decode(decode_fields(bytes(raw)).get("idempotency_key", Raw(b'""')), type=str)
    except (ApiError, msgspec.ValidationError):
        return ""


def _check_keys(keys: list[str]) -> None:
    shortest, longest = _KEY_LENGTHS
    if any(not shortest <= len(key) <= longest for key in keys):
        raise invalid("items.idempotency_key", f"must have {shortest} to {longest} characters")
    if len(set(keys)) != len(keys):
        raise invalid("items.idempotency_key", "must not repeat in one request")
