"""Bad input: a clear JSON error or the right state, and nothing lost."""

from __future__ import annotations

import gzip
import json
import zlib
from typing import Any

import pytest

from holdfast._ids import new_id
from server.client import Api

_LIMIT = 4 << 20


def _error(api: Api, method: str, path: str, body: bytes | None = None, **headers: str) -> tuple[int, str]:
    answer = api.raw(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
    assert answer.headers["content-type"] == "application/json"
    decoded = json.loads(answer.data)
    assert decoded["status"] == "error"
    assert decoded["message"]
    return answer.status, decoded["code"]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"{", (400, "bad_request")),
        (b"\xff\xfe", (400, "bad_request")),
        (b"[]", (422, "validation_errors")),
        (b"null", (422, "validation_errors")),
        (b'{"items": 3}', (422, "validation_errors")),
        (b'{"items":[],"on_error":"continue"}', (422, "validation_errors")),
        (b'{"items":[{"a":' + b"[" * 200_000 + b"]" * 200_000 + b"}]}", (400, "bad_request")),
        (b'{"on_error":"perhaps","items":[]}', (422, "validation_errors")),
        (
            b'{"items":[{"_type":"agent_spans/create","idempotency_key":"1","payload":{"a":1,}}]}',
            (400, "bad_request"),
        ),
        (b" " * (_LIMIT + 1), (413, "too_large")),
    ],
)
def test_bodies_that_are_no_request(api: Api, body: bytes, expected: tuple[int, str]) -> None:
    """A body that cannot be used is answered with the reason, as JSON."""
    assert _error(api, "POST", "/api/v1/bulk", body) == expected


def test_compressed_bodies(api: Api) -> None:
    """gzip and deflate are understood; a bomb, cut or broken data and other encodings are refused."""
    run_id = new_id()
    item = {"_type": "agent_instances/register", "idempotency_key": "k", "id": run_id, "agent_id": "a"}
    body = json.dumps({"on_error": "continue", "items": [item]}).encode()
    for encoding, packed in (("gzip", gzip.compress(body)), ("deflate", zlib.compress(body))):
        answer = api.raw("POST", "/api/v1/bulk", packed, {"Content-Encoding": encoding})
        assert answer.status == 200, answer.data
    bomb = zlib.compressobj(9, wbits=31)
    packed = b"".join(bomb.compress(bytes(1 << 20)) for _ in range(1000)) + bomb.flush()
    assert _error(api, "POST", "/api/v1/bulk", packed, Content_Encoding="gzip") == (413, "too_large")
    cut = gzip.compress(body)[:-20]
    assert _error(api, "POST", "/api/v1/bulk", cut, Content_Encoding="gzip") == (400, "bad_request")
    assert _error(api, "POST", "/api/v1/bulk", b"plain", Content_Encoding="gzip") == (400, "bad_request")
    assert _error(api, "POST", "/api/v1/bulk", body, Content_Encoding="br") == (415, "unsupported_media_type")


def test_everything_else_is_json_too(api: Api) -> None:
    """Unknown paths, wrong methods, unknown ids and missing tokens are JSON errors."""
    assert _error(api, "GET", "/api/v1/nothing") == (404, "not_found")
    assert _error(api, "DELETE", "/api/v1/bulk") == (405, "method_not_allowed")
    assert _error(api, "GET", "/api/v1/agent_instance/nobody") == (404, "not_found")
    assert _error(api, "POST", "/api/v1/agent_spans/nobody/finish", b"{}") == (404, "not_found")
    assert _error(api, "POST", "/api/v1/agent_instance/nobody/start", b"{}") == (404, "not_found")
    assert _error(api, "POST", "/api/v1/agent_instance/register", b"{}") == (422, "validation_errors")
    for header in ("", "Bearer", "Bearer wrong", "Basic eDp5", "Bearer \xff"):
        assert _error(api, "GET", "/api/v1/ping", Authorization=header) == (401, "bad_authtoken")


def test_a_strange_host_is_refused(api: Api) -> None:
    """A server on loopback does not answer to a name that somebody else pointed at it."""
    assert _error(api, "GET", "/api/v1/ping", Host="evil.example:4653") == (403, "forbidden")
    assert api.raw("GET", "/api/v1/ping", headers={"Host": "localhost:4653"}).status == 200


@pytest.mark.parametrize(
    "payload",
    [
        b'"\\ud800 alone"',
        b'"\\ud83d\\ude00 whole, \\\\ud800 only looks like one"',
        b'"nul \\u0000 inside"',
        b'"\xed\xa0\x80 as bytes"',
        b'"latin \xe9"',
        b'{"\\u202e": "\\u200b\\u001b[31m"}',
        b"1e400",
        b"123456789012345678901234567890",
        b"[" * 200 + b"]" * 200,
    ],
)
def test_strange_payloads_are_kept(api: Api, payload: bytes) -> None:
    """Whatever JSON text may hold is stored and given back as JSON; what is no text becomes U+FFFD."""
    run_id = new_id()
    head = f'{{"_type":"agent_spans/create","idempotency_key":"k","agent_instance_id":"{run_id}","id":"s"'
    body = (
        b'{"on_error":"continue","items":['
        + head.encode()
        + b',"name":'
        + b'"x"'
        + b',"payload":'
        + payload
        + b"}]}"
    )
    answer = api.raw("POST", "/api/v1/bulk", body, {"Prefer": "return=minimal"})
    assert json.loads(answer.data) == {"accepted": 1, "outputs": {}, "status": "success"}
    shown = api.raw("GET", f"/api/v1/agent_spans?agent_instance_id={run_id}")
    assert len(json.loads(shown.data)["summaries"]) == 1


@pytest.mark.parametrize(
    ("fields", "shown"),
    [
        ({"name": "a\x00b"}, {"name": "a\N{REPLACEMENT CHARACTER}b"}),
        ({"name": "n" * 100_000}, {"name": "n" * 511 + "…"}),
        (
            {"attributes": {"gen_ai.usage.input_tokens": 10**30}},
            {"attributes": {"gen_ai.usage.input_tokens": 10**30}},
        ),
        ({"attributes": {"gen_ai.usage.input_tokens": -1, "holdfast.cost.usd": "dear"}}, {}),
        ({"attributes": [1]}, {"attributes": {"value": [1]}}),
        ({"parent_span_id": "s"}, {"parent_span_id": "s"}),
    ],
)
def test_strange_fields_are_kept(api: Api, fields: dict[str, Any], shown: dict[str, Any]) -> None:
    """Texts are bounded, absurd numbers are stored but not summed up."""
    run_id = new_id()
    item = {"_type": "agent_spans/create", "idempotency_key": "k", "agent_instance_id": run_id, "id": "s"}
    status, answer = api.bulk([item | fields])
    assert (status, answer["accepted"]) == (200, 1)
    (row,) = api.get(f"/agent_spans?agent_instance_id={run_id}")[1]["summaries"]
    assert {name: row[name] for name in shown} == shown
    assert api.get(f"/agent_instance/{run_id}")[1]["details"]["input_tokens"] == 0


@pytest.mark.parametrize("bad", ["", "x" * 129, "a\nb", " a", "a\x00", "\u202e"])
def test_ids_that_cannot_be(api: Api, bad: str) -> None:
    """An id that cannot be one is refused for that item, and leaves no run behind."""
    _, answer = api.bulk(
        [{"_type": "agent_instances/start", "idempotency_key": "k", "agent_instance_id": bad}]
    )
    assert answer["outputs"]["k"]["code"] == "validation_errors"
    assert answer["accepted"] == 0
