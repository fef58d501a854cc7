"""One-line summaries of spans from the Liquid templates of their types."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Final, cast

from liquid import BoundTemplate, Environment
from liquid.exceptions import LiquidError

__all__ = ["summarise"]

_LONGEST: Final = 2_000


class _Limited(Environment):
    """Bounds on what a template may use up; the process that renders has a deadline besides."""

    context_depth_limit = 10
    block_nesting_limit = 20
    loop_iteration_limit = 10_000
    local_namespace_limit = 100_000
    output_stream_limit = 20_000


class _Object(dict[str, object]):
    """An object that shows as nothing where a template names it bare."""

    def __str__(self) -> str:
        return ""


class _Array(tuple[object, ...]):
    """The same for an array."""

    __slots__ = ()

    def __str__(self) -> str:
        return ""


_environment: Final = _Limited()


@lru_cache(maxsize=1000)
def _parsed(template: str) -> BoundTemplate | None:
    try:
        return _environment.from_string(template)
    except (LiquidError, RecursionError):
        return None


def summarise(template: str, payload: object, result: object) -> str | None:
    """The template with the fields of the payload and, over them, those of the result.

    A missing name, a bare object and a bare array show as nothing. None for a template that is not valid,
    fails, or asks for more than a summary may use; at most 2,000 characters.
    """
    parsed = _parsed(template)
    if parsed is None:
        return None
    context: dict[str, Any] = {}
    for part in (payload, result):
        silent = _silent(part)
        if isinstance(silent, _Object):
            context.update(silent)
    try:
        text = parsed.render(context)
    except (LiquidError, RecursionError, ArithmeticError, ValueError, TypeError):
        return None
    text = " ".join(text.split())
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"


def _silent(value: object) -> object:
    if isinstance(value, dict):
        fields = cast("dict[str, object]", value)
        return _Object({name: _silent(part) for name, part in fields.items()})
    if isinstance(value, list):
        return _Array(_silent(part) for part in cast("list[object]", value))
    return value
