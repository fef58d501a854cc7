"""What an exception means for the work that it ended, and how it is written down."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import Final, cast

from holdfast.wire.operations import RecordedError
from holdfast.wire.vocabulary import SpanStatus

__all__ = ["describe", "outcome"]

_CANCELLATIONS: Final = frozenset(
    {("asyncio", "CancelledError"), ("concurrent", "CancelledError"), ("trio", "Cancelled")}
)
_MOST_FRAMES: Final = 50
_FIRST_FRAMES: Final = 5
_MOST_CAUSES: Final = 5


def outcome(error: BaseException) -> SpanStatus:
    """How work that this exception left has ended.

    A cancellation and Ctrl-C are `cancelled`, as is a group of nothing but such. `SystemExit` with no code
    or 0 and the early close of a generator are `complete`: the work did what was wanted of it. All else is
    `failed`.
    """
    if isinstance(error, GeneratorExit):
        return SpanStatus.COMPLETE
    if isinstance(error, SystemExit):
        return SpanStatus.COMPLETE if error.code in (None, 0) else SpanStatus.FAILED
    if isinstance(error, KeyboardInterrupt):
        return SpanStatus.CANCELLED
    if isinstance(error, BaseExceptionGroup):
        group = cast("BaseExceptionGroup[BaseException]", error)
        ends = {outcome(one) for one in group.exceptions}
        return SpanStatus.CANCELLED if ends == {SpanStatus.CANCELLED} else SpanStatus.FAILED
    # By name: importing asyncio to ask would cost more than all of Holdfast.
    for kind in type(error).__mro__:
        if (kind.__module__.partition(".")[0], kind.__name__) in _CANCELLATIONS:
            return SpanStatus.CANCELLED
    return SpanStatus.FAILED


def describe(error: BaseException) -> RecordedError:
    """The exception with its qualified type, message and stack (innermost frame last, its causes first).

    Source lines are not in it: reading them would make the caller wait for the disk.
    """
    kind = type(error)
    name = kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
    return RecordedError(type=name, message=_message(error), stack=_stack(error))


def _message(error: BaseException) -> str:
    try:
        return str(error)[:65_536]
    except Exception as failed:  # noqa: BLE001 - an exception that cannot say its message is still recorded
        return f"<str raised {type(failed).__qualname__}>"


def _stack(error: BaseException) -> str:
    parts: list[str] = []
    seen: set[int] = set()
    link: BaseException | None = error
    while link is not None and id(link) not in seen and len(seen) < _MOST_CAUSES:
        seen.add(id(link))
        head = "Traceback (most recent call last):\n" if link.__traceback__ else ""
        parts.append(f"{head}{_frames(link.__traceback__)}{type(link).__qualname__}: {_message(link)[:2000]}")
        if isinstance(link, BaseExceptionGroup):
            group = cast("BaseExceptionGroup[BaseException]", link)
            parts[-1] += "".join(
                f"\n  [{place}] {type(one).__qualname__}: {_message(one)[:500]}"
                for place, one in enumerate(group.exceptions[:20], 1)
            )
        link = link.__cause__ or (None if link.__suppress_context__ else link.__context__)
    return "\n\nwhich led to:\n\n".join(reversed(parts))


def _frames(trace: TracebackType | None) -> str:
    lines: list[str] = []
    while trace is not None and len(lines) < 10_000:
        code = trace.tb_frame.f_code
        lines.append(f'  File "{code.co_filename}", line {trace.tb_lineno}, in {code.co_qualname}\n')
        trace = trace.tb_next
    if len(lines) > _MOST_FRAMES:
        left_out = len(lines) - _MOST_FRAMES
        lines[_FIRST_FRAMES : _FIRST_FRAMES + left_out] = [f"  … {left_out} frames left out\n"]
    return "".join(lines)


def unhandled() -> BaseException | None:
    """The exception that is ending this process, once the interpreter has reported it; None in an
    interactive one.
    """
    if hasattr(sys, "ps1"):
        return None
    error = getattr(sys, "last_exc", None) or getattr(sys, "last_value", None)
    return error if isinstance(error, BaseException) else None
