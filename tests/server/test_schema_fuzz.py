"""Requests made up from the API document, run against the application in this process."""

from __future__ import annotations

import warnings
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, settings
from litestar import Litestar
from litestar.testing import TestClient

from holdfast.server.api.describe import api_description
from holdfast.server.app import create_app
from holdfast.server.config import ServerConfig
from holdfast.server.services.context import Services
from holdfast.server.services.setup import DEFAULT_ACCOUNT
from holdfast.wire.vocabulary import TokenScope

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # its dependencies warn on import, each release of something else
    import schemathesis

ROOT = Path(__file__).resolve().parents[2]


def _document() -> dict[str, object]:
    return api_description(create_app(ServerConfig(data=ROOT / "never-opened")))


def test_the_document_in_the_repository_is_current() -> None:
    """docs/openapi.json is what the server serves (`python docs/make_openapi.py` writes it)."""
    kept = msgspec.json.decode((ROOT / "docs" / "openapi.json").read_bytes())
    assert kept == msgspec.json.decode(msgspec.json.encode(_document()))


SCHEMA = schemathesis.openapi.from_dict(msgspec.json.decode(msgspec.json.encode(_document())))


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory):
    app = create_app(ServerConfig(data=tmp_path_factory.mktemp("fuzz"), host="0.0.0.0"))
    with TestClient(app, raise_server_exceptions=False) as client:
        services: Services = app.state.services
        _, secret = services.auth.create_token(DEFAULT_ACCOUNT, "fuzz", list(TokenScope))
        client.headers["Authorization"] = f"Bearer {secret}"
        yield client


@pytest.mark.slow
@SCHEMA.include(path_regex="^/api/v1/").parametrize()
@settings(
    max_examples=10,
    deadline=None,
    derandomize=True,
    suppress_health_check=[
        HealthCheck.function_scoped_fixture,
        HealthCheck.too_slow,
        HealthCheck.filter_too_much,
    ],
)
def test_no_request_breaks_the_server(case, client: TestClient[Litestar]) -> None:
    """Whatever the document allows is answered below 500, with a JSON object."""
    kwargs = case.as_transport_kwargs()
    kwargs.pop("cookies", None)
    headers = {
        name: value
        for name, value in (kwargs.pop("headers", None) or {}).items()
        if name.lower() != "authorization"
    }
    if "data" in kwargs:
        kwargs["content"] = kwargs.pop("data")
    answer = client.request(**kwargs, headers=headers)
    assert answer.status_code < 500, answer.text
    assert isinstance(answer.json(), dict)
