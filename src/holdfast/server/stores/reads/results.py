"""Reading just so much of spans' results as tells whether two of them are the same."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, case, func, select

from holdfast.server.stores.base import Store
from holdfast.server.stores.schema.record import BODY_KEY_BITS, span_bodies

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
_b: Final = span_bodies.c
_size: Final = func.length(_b.result_payload)
_MARKS: Final = select(
    _b.key,
    _size,
    func.substr(_b.result_payload, 1, _EDGE),
    case((_size > _EDGE, func.substr(_b.result_payload, _size - _EDGE + 1, _EDGE))),
)


class ResultReads:
    """Each method is one read of its own, in the calling thread."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._engine = store.reader

    def marks(self, body_keys: Sequence[int]) -> dict[int, ResultMark]:
        """By body key, of all that were asked for. The length of a stored value is known without reading it."""
        found: dict[int, ResultMark] = {}
        with self._engine.connect() as connection:
            for begin in range(0, len(body_keys), _AT_ONCE):
                some = body_keys[begin : begin + _AT_ONCE]
                for key, size, head, tail in connection.execute(_MARKS.where(_b.key.in_(some))):
                    found[key] = (
                        _ABSENT if size is None else ResultMark(size, bytes(head), bytes(tail or b""))
                    )
                missing = [key for key in some if key not in found]
                if missing:
                    found |= self._moved(connection, missing)
        return found

    def _moved(self, connection: Connection, body_keys: Sequence[int]) -> dict[int, ResultMark]:
        """Of bodies that have left the database for the span store."""
        runs: dict[int, list[int]] = {}
        for key in body_keys:
            runs.setdefault(key >> BODY_KEY_BITS, []).append(key)
        found = dict.fromkeys(body_keys, _ABSENT)
        for run, part in self._store.moved_parts(connection, runs).items():
            found |= {key: _mark(body.result_payload) for key, body in part.bodies(runs[run]).items()}
        return found


def _mark(result: bytes | None) -> ResultMark:
    if result is None:
        return _ABSENT
    return ResultMark(len(result), result[:_EDGE], result[-_EDGE:] if len(result) > _EDGE else b"")
