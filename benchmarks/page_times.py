"""Asking pages of the console as a browser does, and how long they took."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence

import urllib3

from benchmarks.report import Line, median
from holdfast.server.running import Listening

__all__ = ["Get", "measured", "page_reader"]

Get = Callable[[str], bytes]


def page_reader(server: Listening) -> Get:
    """Logged in; every answer must be a page."""
    http = urllib3.PoolManager()
    code = server.services.auth.login_code("default")
    answer = http.request("GET", f"{server.url}/login?code={code}", redirect=False)
    cookie = answer.headers["set-cookie"].partition(";")[0]

    def get(path: str) -> bytes:
        answer = http.request("GET", server.url + path, headers={"Cookie": cookie})
        assert answer.status == 200, (path, answer.status)
        return answer.data

    return get


def measured(label: str, get: Get, paths: Sequence[str], goal: float) -> Line:
    """Held where the 95th percentile (of few requests: the slowest) keeps to the goal, in milliseconds."""
    took: list[float] = []
    for path in paths:
        began = time.perf_counter()
        get(path)
        took.append((time.perf_counter() - began) * 1000)
    slow = statistics.quantiles(took, n=20)[-1] if len(took) >= 20 else max(took)
    return Line(
        what=label,
        ours=f"{slow:.1f} (median {median(took):.1f})",
        goal=f"≤ {goal:.0f} ms",
        held=slow <= goal,
    )
