"""Reading just so much of spans' results as tells whether two of them are the same."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import case, func, select

from holdfast.server.stores.base import Store
from holdfast.server.stores.reads_spans import SpanBody, SpanReads
from holdfast.server.stores.schema import span_bodies

__all__ = ["ResultMark", "ResultReads"]

_EDGE: Final = 200
_AT_ONCE: Final = 500


@dataclass(frozen=True, slots=True)
class ResultMark:
    """The length of a result's JSON and its first and last bytes: two results with the same mark are taken for
    the same. A result that is not there has the length 0."""

    size: int
    head: bytes
    tail: bytes


_ABSENT: Final = ResultMark(0, b"", b"")


class ResultReads:
    """Each method is one read of its own, in the calling thread."""

    def __init__(self, store: Store, spans: SpanReads) -> None:
        self._engine = store.reader
        self._spans = spans

    def marks(self, body_keys: Sequence[int]) -> dict[int, ResultMark]:
        """By body key, of all that were asked for. The length of a stored value is known without reading it."""
        result = span_bodies.c.result_payload
        size = func.length(result)
        tail = case((size > _EDGE, func.substr(result, size - _EDGE + 1, _EDGE)))
        columns = (span_bodies.c.key, size, func.substr(result, 1, _EDGE), tail)
        found: dict[int, ResultMark] = {}
        with self._engine.connect() as connection:
            for begin in range(0, len(body_keys), _AT_ONCE):
                some = body_keys[begin : begin + _AT_ONCE]
                for key, length, head, end in connection.execute(
                    select(*columns).where(span_bodies.c.key.in_(some))
                ):
                    found[key] = (
                        _ABSENT if length is None else ResultMark(length, bytes(head), bytes(end or b""))
                    )
        for key in body_keys:
            if key not in found:  # it has left the database for the span store
                found[key] = _mark(self._spans.body(key))
        return found


def _mark(body: SpanBody) -> ResultMark:
    result = body.result_payload
    if result is None:
        return _ABSENT
    return ResultMark(len(result), result[:_EDGE], result[-_EDGE:] if len(result) > _EDGE else b"")
