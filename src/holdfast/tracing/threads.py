"""Carrying the current run and span into threads: a new thread begins with no context of its own."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from functools import wraps
from typing import ParamSpec, TypeVar

__all__ = ["ContextThreadPoolExecutor", "bind"]

_P = ParamSpec("_P")
_T = TypeVar("_T")


def bind(function: Callable[_P, _T]) -> Callable[_P, _T]:
    """`function`, to be run in the context of this call wherever it is called: in a thread, a callback, a
    pool.

    Each call has a copy of that context, so the same bound function may run in many threads at once.
    """
    context = copy_context()

    @wraps(function)
    def bound(*args: _P.args, **kwargs: _P.kwargs) -> _T:
        return context.copy().run(function, *args, **kwargs)

    return bound


class ContextThreadPoolExecutor(ThreadPoolExecutor):
    """A `ThreadPoolExecutor` whose work belongs to the run and span that were current when it was
    submitted.
    """

    def submit(self, fn: Callable[_P, _T], /, *args: _P.args, **kwargs: _P.kwargs) -> Future[_T]:
        return super().submit(bind(fn), *args, **kwargs)
