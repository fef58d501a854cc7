"""The HTTP API: a route parses, calls one service, encodes."""

from __future__ import annotations

from typing import Final

from litestar import Router

from holdfast.server.api.agents import AGENT_ROUTES
from holdfast.server.api.answers import ANSWER_ROUTES
from holdfast.server.api.authorize import authorize
from holdfast.server.api.erasing import ERASING_ROUTES
from holdfast.server.api.health import HEALTH_ROUTES
from holdfast.server.api.login import LOGIN_ROUTES
from holdfast.server.api.places import PLACE_ROUTES
from holdfast.server.api.reading import READING_ROUTES
from holdfast.server.api.recording import RECORDING_ROUTES
from holdfast.server.api.scores import SCORE_ROUTES
from holdfast.server.api.searching import SEARCH_ROUTES
from holdfast.server.api.system import SYSTEM_ROUTES
from holdfast.server.api.tokens import TOKEN_ROUTES
from holdfast.server.api.traces import TRACE_ROUTES
from holdfast.server.api.versions import VERSION_ROUTES

__all__ = ["api_routes"]

_MANAGEMENT: Final = [
    *AGENT_ROUTES,
    *PLACE_ROUTES,
    *VERSION_ROUTES,
    *TOKEN_ROUTES,
    *ERASING_ROUTES,
    *SCORE_ROUTES,
    *ANSWER_ROUTES,
]


def api_routes() -> list[Router]:
    """Everything under `/api/v1`, the login, OTLP, and what balancers ask."""
    return [
        Router(
            "/api/v1",
            route_handlers=[*SYSTEM_ROUTES, *RECORDING_ROUTES, *READING_ROUTES, *SEARCH_ROUTES, *_MANAGEMENT],
            guards=[authorize],
        ),
        Router("/", route_handlers=[*LOGIN_ROUTES, *TRACE_ROUTES, *HEALTH_ROUTES]),
    ]
