"""Which run and span the code at hand belongs to: one context variable, so tasks never see each other's."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Final, Protocol, TypeVar

if TYPE_CHECKING:
    from holdfast.tracing.run import Run

__all__ = ["Scope", "attach", "current_scope", "enter_again", "peek", "replace"]


class Scope(Protocol):
    """A run or a span as the context knows it. `outer` is what was current when it was entered."""

    id: str
    outer: Scope | None
    ended: bool

    @property
    def run(self) -> Run: ...


_ScopeT = TypeVar("_ScopeT", bound=Scope)

_current: Final[ContextVar[Scope | None]] = ContextVar("holdfast_scope", default=None)

peek = _current.get
"""The scope entered last, ended or not."""

replace = _current.set
"""Make a scope current.

Nothing keeps or resets a token: a generator or a task may leave a scope in another context than it entered
it in. And a scope leaves only where it is itself the current one, so that one left out of order does not
take along those within it; these find their way by `current_scope`. """


def current_scope() -> Scope | None:
    """The innermost scope that has not ended. Scopes may end in any order, and in other tasks."""
    scope = _current.get()
    while scope is not None and scope.ended:
        scope = scope.outer
    return scope


@contextmanager
def attach(scope: _ScopeT) -> Generator[_ScopeT, None, None]:
    """Make a run or span current for a block, without starting or ending it: `with holdfast.attach(run):
    …`.
    """
    before = _current.get()
    _current.set(scope)
    try:
        yield scope
    finally:
        if _current.get() is scope:
            _current.set(before)


def enter_again(scope: Scope) -> None:
    """Make a scope current that may be, or have been, current before: its chain outwards must not lead to
    itself.
    """
    before = _current.get()
    link = before
    while link is not None and link is not scope:
        link = link.outer
    if link is None:
        scope.outer = before
    _current.set(scope)
