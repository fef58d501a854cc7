"""What a run and its spans share on their way into the record."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

import msgspec

from holdfast._clock import parse_utc
from holdfast._ids import check_id, new_id
from holdfast.tracing.encoding import Given, PayloadEncoder
from holdfast.tracing.failure import describe
from holdfast.tracing.guard import Guard
from holdfast.wire.operations import EventCreate, RecordedError
from holdfast.wire.vocabulary import EventLevel

if TYPE_CHECKING:
    from holdfast.tracing.span import Span

__all__ = [
    "LONGEST_NAME",
    "RunRecord",
    "encode",
    "encode_operation",
    "merged",
    "operation_key",
    "own_key",
    "short_name",
    "usable_id",
]

encode: Final = msgspec.json.Encoder().encode
"""As `encode_operation`, for the hot path: lone surrogates in names raise `UnicodeEncodeError`."""

LONGEST_NAME: Final = 512
_SHORTEST_KEY: Final = 8
_LONGEST_OWN_KEY: Final = 62
_MOST_MESSAGE: Final = 16_384
_MOST_STACK: Final = 32_768


def encode_operation(operation: msgspec.Struct) -> bytes:
    """The bytes of spool and wire. Lone surrogates in names are written as escapes: UTF-8 has no place for them."""
    try:
        return encode(operation)
    except UnicodeEncodeError:
        return encode(_writable(operation))


def _writable(operation: msgspec.Struct) -> msgspec.Struct:
    changed: dict[str, Any] = {}
    for field in operation.__struct_fields__:
        held: Any = getattr(operation, field)
        if isinstance(held, str):
            changed[field] = held.encode(errors="backslashreplace").decode()
        elif isinstance(held, msgspec.Struct):
            changed[field] = _writable(held)
    return msgspec.structs.replace(operation, **changed)


def short_name(name: object) -> str:
    """A name as it is recorded: text, of at most 512 characters."""
    try:
        text = name if isinstance(name, str) else repr(name)
    except Exception:  # noqa: BLE001 - an object may even fail to say of what class it is
        text = object.__repr__(name)
    return text if len(text) <= LONGEST_NAME else text[: LONGEST_NAME - 1] + "…"


def usable_id(identifier: str, guard: Guard) -> str:
    """The id, where it can serve as one; a new one in its place where it cannot, and the mistake is counted."""
    try:
        return check_id(identifier)
    except Exception as error:  # noqa: BLE001 - it need not even be text
        guard.misused(error, "an id of the caller's choosing")
        return new_id()


def own_key(subject: str) -> str:
    """What the idempotency keys of an id's operations begin with: the id, where a key may be so long.

    A key has 8 to 64 characters, a client's id up to 128. Delivered twice, an operation has the same key.
    """
    return subject if _SHORTEST_KEY <= len(subject) <= _LONGEST_OWN_KEY else new_id()


def operation_key(subject: str, verb: str) -> str:
    """The key of the one operation of this kind that an id can see; `verb` is one character."""
    return f"{own_key(subject)}.{verb}"


class RunRecord:
    """One per run and process. `open_spans` are those that this process has begun and not ended.

    `append` takes the bytes of one operation; it neither waits nor raises.
    """

    __slots__ = ("append", "clock", "encoder", "guard", "open_spans", "pair", "remote_parent", "run_id")

    def __init__(
        self,
        run_id: str,
        *,
        append: Callable[[bytes], None],
        encoder: PayloadEncoder,
        guard: Guard,
        clock: Callable[[], int],
        remote_parent: str | None = None,
    ) -> None:
        self.run_id = run_id
        self.append = append
        self.encoder = encoder
        self.pair = encoder.pair
        self.guard = guard
        self.clock = clock
        self.remote_parent = remote_parent
        self.open_spans: dict[str, Span] = {}

    def event(
        self,
        name: str,
        payload: Given,
        *,
        level: EventLevel | str,
        span_id: str | None,
        at: int | None,
        event_id: str | None,
    ) -> None:
        """Write one event. Never raises."""
        try:
            body, _ = self.pair(payload, None)
            known = new_id() if event_id is None else self.usable_id(event_id)
            self.append(
                encode_operation(
                    EventCreate(
                        idempotency_key=operation_key(known, "e"),
                        agent_instance_id=self.run_id,
                        id=known,
                        name=short_name(name),
                        timestamp=self.clock() if at is None else self.instant(at),
                        agent_span_id=span_id,
                        level=self._level(level),
                        payload=body,
                    )
                )
            )
        except Exception as error:  # noqa: BLE001 - telemetry never raises into agent code
            self.guard.took(error, "an event")

    def instant(self, at: int) -> int:
        """The caller's time, where it is one; the time now in its place where it is not."""
        try:
            return int(parse_utc(at, "at"))  # `int`, because True is one too
        except Exception as error:  # noqa: BLE001 - it need not even be a number
            self.guard.misused(error, "a time of the caller's choosing")
            return self.clock()

    def _level(self, level: EventLevel | str) -> EventLevel:
        try:
            return EventLevel(level)
        except ValueError as error:
            self.guard.misused(error, "an event's level")
            return EventLevel.INFO

    def usable_id(self, identifier: str) -> str:
        """The id, where it can serve as one; a new one in its place where it cannot."""
        return usable_id(identifier, self.guard)

    def error(self, error: BaseException | RecordedError | str) -> RecordedError:
        """The error as it is recorded: described, without secrets, bounded."""
        if isinstance(error, str):
            error = RecordedError(type="Error", message=error)
        elif isinstance(error, BaseException):
            error = describe(error)
        text = self.encoder.text
        return RecordedError(
            type=error.type,
            message=text(error.message, _MOST_MESSAGE),
            stack=None if error.stack is None else text(error.stack, _MOST_STACK),
            category=error.category,
        )


def merged(old: Given, new: Given) -> Any:
    """Two mappings as one, the new one winning; anything else replaces what was there. Never raises."""
    try:
        mappings = all(isinstance(value, dict) for value in (old, new))
        return {**old, **new} if mappings else new
    except Exception:  # noqa: BLE001 - an object may even fail to say of what class it is
        return new
