"""The open spans of the current task, innermost last."""

from __future__ import annotations

from contextvars import ContextVar

__all__ = ["SpanContextStack"]

# A tuple, never changed in place: a task that was started with a copy of this context keeps its own view.
_open: ContextVar[tuple[str, ...]] = ContextVar("prefactor_core_open_spans", default=())


class SpanContextStack:
    """Span ids by task: concurrent tasks never see each other's spans."""

    @classmethod
    def get_stack(cls) -> list[str]:
        """A copy, outermost first."""
        return list(_open.get())

    @classmethod
    def push(cls, span_id: str) -> None:
        _open.set((*_open.get(), span_id))

    @classmethod
    def pop(cls) -> str | None:
        """The innermost span's id, which is taken off; None where no span is open."""
        stack = _open.get()
        if not stack:
            return None
        _open.set(stack[:-1])
        return stack[-1]

    @classmethod
    def remove(cls, span_id: str) -> None:
        """Take a span off wherever it stands; blocks of several spans may end in any order."""
        _open.set(tuple(one for one in _open.get() if one != span_id))

    @classmethod
    def peek(cls) -> str | None:
        """The innermost span's id; None where no span is open."""
        stack = _open.get()
        return stack[-1] if stack else None

    @classmethod
    def depth(cls) -> int:
        return len(_open.get())

    @classmethod
    def is_empty(cls) -> bool:
        return not _open.get()
