"""`prefactor_http`: the client on its `aiohttp` session, its models and its errors."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from pydantic import BaseModel, ValidationError
from serverside import Shown

from prefactor_http import HttpClientConfig, PrefactorHttpClient
from prefactor_http.endpoints.agent_instance import AgentInstanceClient
from prefactor_http.endpoints.agent_span import AgentSpanClient
from prefactor_http.endpoints.bulk import BulkClient
from prefactor_http.exceptions import (
    PrefactorApiError,
    PrefactorAuthError,
    PrefactorClientError,
    PrefactorHttpError,
    PrefactorNotFoundError,
    PrefactorRetryExhaustedError,
    PrefactorValidationError,
)
from prefactor_http.models.agent_instance import (
    AgentInstance,
    AgentInstanceSpanCounts,
    AgentSchemaVersionForRegister,
    AgentVersionForRegister,
    FinishInstanceRequest,
    RegisterAgentInstanceRequest,
    SpanTypeSchemaForCreate,
    TimestampRequest,
)
from prefactor_http.models.agent_span import AgentSpan, CreateAgentSpanRequest, FinishSpanRequest
from prefactor_http.models.base import (
    ApiError,
    ApiResponse,
    DetailedApiError,
    ListResponse,
    PaginationOutput,
    Sorting,
    T,
)
from prefactor_http.models.bulk import BulkItem, BulkOutput, BulkRequest, BulkResponse
from prefactor_http.retry import RetryHandler

pytestmark = pytest.mark.anyio
SCHEMAS = {"external_identifier": "s1", "span_schemas": {"agent:llm": {"type": "object"}}}


def _item(key: str, **parameters: Any) -> BulkItem:
    return BulkItem(_type="agent_spans/create", idempotency_key=key, **parameters)


async def test_the_endpoints_against_a_server_of_ours(shown: Shown) -> None:
    """Register, start, spans, finish, a judgement, bulk: each answer is the model it was."""
    async with PrefactorHttpClient(shown.http_config) as client:
        assert isinstance(client.agent_instances, AgentInstanceClient)
        assert isinstance(client.agent_spans, AgentSpanClient)
        assert isinstance(client.bulk, BulkClient)
        made = await client.agent_instances.register(
            agent_id="http", agent_version={"name": "1"}, agent_schema_version=SCHEMAS, id="http-1"
        )
        assert isinstance(made, AgentInstance)
        assert (made.id, made.status) == ("http-1", "pending")
        began = datetime(2026, 1, 31, 12, tzinfo=UTC)
        started = await client.agent_instances.start(
            "http-1", timestamp=began, idempotency_key="start-http-1"
        )
        assert (started.status, started.started_at) == ("active", began)
        span = await client.agent_spans.create(
            "http-1", "agent:llm", "active", payload={"n": 1}, id="span-1", idempotency_key="span-http-1"
        )
        assert isinstance(span, AgentSpan)
        ended = await client.agent_spans.finish(span.id, "complete", result_payload={"m": 2})
        assert (ended.status, ended.payload, ended.result_payload) == ("complete", {"n": 1}, {"m": 2})
        request = BulkRequest(
            items=[
                _item("bulk-key-1", agent_instance_id="http-1", schema_name="agent:tool", status="complete"),
                _item("bulk-key-2", schema_name="nowhere"),
            ]
        )
        answer = await client.bulk.execute(request)
        assert isinstance(answer, BulkResponse)
        assert [answer.outputs[item.idempotency_key].status for item in request.items] == ["success", "error"]
        judged = await client.agent_instances.record_quality("http-1", "score", {"value": 1})
        assert judged.quality_payloads == {"score": {"value": 1}}
        finished = await client.agent_instances.finish("http-1", status="failed")
        assert finished.status == "failed"
        assert finished.span_counts is not None
        assert (finished.span_counts.total, finished.span_counts.complete) == (2, 2)


async def test_a_wrong_token_an_unknown_id_and_a_second_end_are_told_apart(shown: Shown) -> None:
    """Each status has its error, with the server's code."""
    async with PrefactorHttpClient(HttpClientConfig(shown.url, "wrong")) as client:
        with pytest.raises(PrefactorAuthError) as refused:
            await client.agent_instances.start("x")
        assert (refused.value.status_code, refused.value.code) == (401, "bad_authtoken")
    async with PrefactorHttpClient(shown.http_config) as client:
        with pytest.raises(PrefactorNotFoundError):
            await client.request("GET", "/api/v1/agent_instance/nobody")
        with pytest.raises(PrefactorValidationError) as invalid:
            await client.request("GET", "/api/v1/agent_spans", params={"page": "1"})
        assert invalid.value.errors
        await client.agent_instances.register("http", {}, SCHEMAS, id="twice")
        await client.agent_instances.finish("twice")
        with pytest.raises(PrefactorApiError) as conflict:
            await client.agent_instances.finish("twice")
        assert (conflict.value.status_code, conflict.value.code) == (409, "invalid_action")
        with pytest.raises(ValueError, match="64"):
            await client.agent_instances.start("twice", idempotency_key="k" * 65)


Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def _answering(handler: Handler, **settings: Any) -> AsyncIterator[PrefactorHttpClient]:
    """A client of a server whose every answer is the handler's."""
    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", handler)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0][:2]
    config = HttpClientConfig(
        f"http://{host}:{port}/prefix/", "secret", initial_retry_delay=0.001, max_retry_delay=0.01, **settings
    )
    client = PrefactorHttpClient(config)
    try:
        yield client
    finally:
        await client.close()
        await client.close()
        await runner.cleanup()


async def test_requests_carry_what_servers_expect() -> None:
    """The token, JSON both ways, the key in its header, a path prefix; the session is `aiohttp`'s."""
    seen: list[tuple[str, dict[str, str]]] = []

    async def answer(request: web.Request) -> web.Response:
        seen.append((request.path, dict(request.headers)))
        return web.json_response({"status": "success"})

    async with _answering(answer) as client:
        assert await client.request("POST", "/api/v1/x", json_data={}, idempotency_key="key-1") == {
            "status": "success"
        }
    path, headers = seen[0]
    assert path == "/prefix/api/v1/x"
    assert (headers["Authorization"], headers["Idempotency-Key"]) == ("Bearer secret", "key-1")
    assert headers["Content-Type"] == headers["Accept"] == "application/json"
    assert "aiohttp" in headers["User-Agent"]


@pytest.mark.parametrize("status", [429, 500, 503])
async def test_what_may_pass_is_tried_again(status: int) -> None:
    """Until it succeeds, or until the attempts are used up: then the last error is inside."""
    answers = [status, status, 200]

    async def answer(request: web.Request) -> web.Response:
        return web.json_response({"status": "success"}, status=answers.pop(0))

    async with _answering(answer, max_retries=2) as client:
        assert await client.request("GET", "/x") == {"status": "success"}
    answers = [status] * 3
    async with _answering(answer, max_retries=2) as client:
        with pytest.raises(PrefactorRetryExhaustedError) as exhausted:
            await client.request("GET", "/x")
    assert isinstance(exhausted.value.last_error, PrefactorApiError)
    assert exhausted.value.last_error.status_code == status


async def test_what_cannot_pass_is_not_tried_again() -> None:
    """A refusal is one request; an answer that is no JSON object is a client error."""
    calls: list[str] = []

    async def answer(request: web.Request) -> web.Response:
        calls.append(request.path)
        return web.Response(text="<html>", status=422 if "refuse" in request.path else 200)

    async with _answering(answer) as client:
        with pytest.raises(PrefactorValidationError):
            await client.request("GET", "/refuse")
        with pytest.raises(PrefactorClientError):
            await client.request("GET", "/html")
    assert len(calls) == 2


async def test_a_server_that_is_away_exhausts_the_retries() -> None:
    """The last error is `aiohttp`'s."""
    config = HttpClientConfig("http://127.0.0.1:9", "x", max_retries=1, initial_retry_delay=0.001)
    async with PrefactorHttpClient(config) as client:
        with pytest.raises(PrefactorRetryExhaustedError) as exhausted:
            await client.request("GET", "/x")
    assert isinstance(exhausted.value.last_error, aiohttp.ClientError)


async def test_a_retry_handler_serves_any_operation() -> None:
    """Arguments are passed on; what is not worth a retry is raised as it is."""
    handler = RetryHandler(HttpClientConfig("", "", max_retries=2, initial_retry_delay=0.001))
    calls: list[int] = []

    async def operation(number: int, *, fail: int) -> int:
        calls.append(number)
        if len(calls) <= fail:
            raise OSError("again")
        return number

    assert await handler.execute(operation, lambda error: isinstance(error, OSError), 7, fail=2) == 7
    assert len(calls) == 3
    with pytest.raises(OSError, match="again"):
        await handler.execute(operation, lambda error: False, 7, fail=9)
    waits = [handler.delay(2) for _ in range(50)]
    assert all(0.003 <= wait <= 0.005 for wait in waits)
    assert len(set(waits)) > 1


def test_errors_have_one_base() -> None:
    """Each says what it knows."""
    for kind in (PrefactorApiError, PrefactorRetryExhaustedError, PrefactorClientError):
        assert issubclass(kind, PrefactorHttpError)
    error = PrefactorApiError("no", code="conflict", status_code=409)
    assert (str(error), error.code, error.status_code) == ("no", "conflict", 409)
    assert PrefactorValidationError("no", "c", 422, {"name": "required"}).errors == {"name": "required"}


def test_requests_are_models() -> None:
    """What programs dump and load keeps its shape."""
    version = AgentSchemaVersionForRegister(
        external_identifier="s",
        span_type_schemas=[SpanTypeSchemaForCreate(name="a", params_schema={"type": "object"})],
    )
    request = RegisterAgentInstanceRequest(
        agent_id="a", agent_version=AgentVersionForRegister(name="1"), agent_schema_version=version
    )
    assert request.model_dump(exclude_none=True) == {
        "agent_id": "a",
        "agent_version": {"name": "1"},
        "agent_schema_version": {
            "external_identifier": "s",
            "span_type_schemas": [{"name": "a", "params_schema": {"type": "object"}}],
        },
    }
    span = CreateAgentSpanRequest(agent_instance_id="i", schema_name="t", status="active")
    assert (span.payload, span.id) == ({}, None)
    assert FinishSpanRequest(status="complete").result_payload is None
    assert TimestampRequest().model_dump(exclude_none=True) == {}
    with pytest.raises(ValidationError):
        FinishInstanceRequest(status="terminated")  # type: ignore[arg-type]  # that is the point


def test_answers_are_models() -> None:
    """Envelopes of one row and of many, of errors, and what is in them."""

    class Row(BaseModel):
        n: int

    assert T.__name__ == "T"
    assert ApiResponse[Row].model_validate({"status": "success", "details": {"n": 1}}).details.n == 1
    page = dict.fromkeys(
        ("item_count", "item_end", "item_start", "page_count", "page_index", "page_offset", "page_size"), 1
    )
    pagination = PaginationOutput(**page, next_page_offset=None, previous_page_offset=None)
    listed = ListResponse[Row](
        status="success",
        summaries=[Row(n=2)],
        pagination=pagination,
        sorting=Sorting(field="id", direction="asc"),
    )
    assert listed.summaries[0].n == 2
    assert ApiError(code="c", message="m").status == "error"
    assert DetailedApiError(code="c", message="m", errors={"a": 1}).errors == {"a": 1}
    counts = dict.fromkeys(("total", "pending", "active", "complete", "failed", "cancelled", "finished"), 0)
    assert AgentInstanceSpanCounts(**counts).total == 0


def test_a_bulk_request_has_keys_that_tell_its_items_apart() -> None:
    """8 to 64 characters, each once; what else an item carries is kept."""
    item = _item("12345678", limit=5)
    assert item.model_dump() == {"_type": "agent_spans/create", "idempotency_key": "12345678", "limit": 5}
    with pytest.raises(ValidationError):
        BulkItem(_type="agents/list", idempotency_key="short")
    with pytest.raises(ValidationError):
        BulkRequest(items=[])
    with pytest.raises(ValidationError, match="more than one"):
        BulkRequest(items=[item, item])
    with pytest.raises(ValueError, match="more than one"):
        BulkRequest.validate_unique_idempotency_keys([item, item])
    output = BulkOutput.model_validate({"status": "error", "code": "not_found"})
    assert output.model_extra == {"code": "not_found"}
    assert BulkOutput.validate_status("success") == "success"
    with pytest.raises(ValueError, match="success"):
        BulkOutput.validate_status("splendid")
    assert BulkResponse(outputs={"12345678": output}).status == "success"
