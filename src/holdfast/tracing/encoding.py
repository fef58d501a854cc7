"""From a value of the user's to the JSON bytes of a payload: at once where it is plain, carefully where it
is not.

Plain is a `dict` of texts, finite numbers, booleans, None, lists and such dicts, whose keys name no secret.
That is looked at and encoded in about a microsecond. Everything else takes the careful way (`json_form`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec
from msgspec import Raw

from holdfast.tracing.json_form import Bounds, JsonForm, OutOfRoomError, type_of
from holdfast.tracing.redaction import RedactHook, hints_at_secret, sensitive_kind
from holdfast.wire.attributes import REDACTED, TRUNCATED
from holdfast.wire.operations import NO_JSON

__all__ = ["Given", "PayloadEncoder"]

Given = Any
"""What a user hands over to be recorded: any object at all, which is why nothing is assumed of it."""

_encode: Final = msgspec.json.Encoder().encode
_ATOMS: Final = frozenset({int, bool, type(None)})
_SHORTEST_SECRET: Final = 12
_MOST_KNOWN_KEYS: Final = 4096
_LONGEST_KNOWN_KEY: Final = 64
_DEEPEST_PLAIN: Final = 32
_NOT_PLAIN: Final = -1
_TIGHTER: Final = ((1 << 20, 100_000), (1 << 16, 10_000), (1 << 13, 1_000), (1 << 10, 100), (1 << 7, 32))
"""Longest text and most items kept, tried one after the other until a payload fits."""


class PayloadEncoder:
    """Encodes payloads, results and attributes. One serves a whole client; it is safe in threads.

    `max_payload` is in bytes of JSON for each value.
    """

    __slots__ = ("_hook", "_known_keys", "_max_payload", "_redact")

    def __init__(self, *, max_payload: int, redact: bool = True, hook: RedactHook | None = None) -> None:
        self._max_payload = max_payload
        self._redact = redact
        self._hook = hook
        self._known_keys: set[str] = set()

    def pair(
        self, payload: Given, attributes: Mapping[str, Any] | None, what: str = "payload"
    ) -> tuple[Raw, Raw]:
        """The JSON of a payload (or result) and of the attributes that go with it. Never raises.

        None becomes no JSON at all. A payload that is not an object is kept as `{"value": payload}`. How many
        secrets were taken out, and how much was cut off, is added to the attributes under a name that says of
        `what`.
        """
        if self._hook is not None:
            return self._careful_pair(payload, attributes, what)
        body = about = NO_JSON
        try:
            if payload is not None:
                if type_of(payload) is not dict or self._plain_length(payload) < 0:
                    return self._careful_pair(payload, attributes, what)
                encoded = _encode(payload)
                if len(encoded) > self._max_payload or (self._redact and hints_at_secret(encoded)):
                    return self._careful_pair(payload, attributes, what)
                body = Raw(encoded)
            if attributes:
                length = self._plain_length(attributes)
                if length < 0:
                    return self._careful_pair(payload, attributes, what)
                encoded = _encode(attributes)
                if length >= _SHORTEST_SECRET and self._redact and hints_at_secret(encoded):
                    return self._careful_pair(payload, attributes, what)
                about = Raw(encoded)
        except Exception:  # noqa: BLE001 - whatever it was, the careful way copes with it
            return self._careful_pair(payload, attributes, what)
        return body, about

    def text(self, text: str, limit: int) -> str:
        """`text` as it may be recorded outside a payload (a message, a stack): no secrets, at most `limit`
        long.
        """
        form = JsonForm(Bounds(room=limit, text=limit, items=1, strict=False), redact=self._redact, hook=None)
        shaped: str = form.of(text)
        return shaped

    def _plain_length(self, value: Mapping[str, Any]) -> int:
        """How many characters of text a plain mapping holds; negative where it is not plain or too large."""
        if not self._known_keys.issuperset(value) and not all(map(self._learn, value)):
            return _NOT_PLAIN
        room = self._max_payload
        for held in value.values():
            kind = type_of(held)
            if kind is str:
                room -= len(held)
            elif kind not in _ATOMS:
                room = self._room_after(held, room, _DEEPEST_PLAIN)
                if room < 0:
                    return _NOT_PLAIN
        return self._max_payload - room if room >= 0 else _NOT_PLAIN

    def _room_after(self, value: Any, room: int, depth: int) -> int:
        """What is left of `room` characters once `value` is in; negative where it is not plain or too large."""
        kind = type_of(value)
        if kind is str:
            return room - len(value)
        if kind in _ATOMS:
            return room
        if kind is float:
            return room if value - value == 0 else _NOT_PLAIN  # neither NaN nor infinite
        if depth == 0 or len(value) > room:
            return _NOT_PLAIN
        if kind is dict:
            if not self._known_keys.issuperset(value) and not all(map(self._learn, value)):
                return _NOT_PLAIN
            held_values: Iterable[Any] = value.values()
        elif kind is list or kind is tuple:
            held_values = value
        else:
            return _NOT_PLAIN
        for held in held_values:
            kind = type_of(held)
            if kind is str:
                room -= len(held)
            elif kind not in _ATOMS:
                room = self._room_after(held, room, depth - 1)
            if room < 0:
                return _NOT_PLAIN
        return room

    def _learn(self, key: Any) -> bool:
        if type(key) is not str or len(key) > _LONGEST_KNOWN_KEY:
            return False
        if self._redact and sensitive_kind(key) is not None:
            return False
        if len(self._known_keys) < _MOST_KNOWN_KEYS:
            self._known_keys.add(key)
        return True

    def _careful_pair(
        self, payload: Given, attributes: Mapping[str, Any] | None, what: str
    ) -> tuple[Raw, Raw]:
        encoded, redacted, omitted = self._careful(payload, (what,), None)
        marks = {
            name if what == "payload" else f"{name}.{what}": count
            for name, count in ((REDACTED, redacted), (TRUNCATED, omitted))
            if count
        }
        if not attributes and not marks:
            return encoded, NO_JSON
        encoded_attributes, _, _ = self._careful(attributes or {}, ("attributes",), marks)
        return encoded, encoded_attributes

    def _careful(
        self, value: Any, path: tuple[str, ...], marks: Mapping[str, int] | None
    ) -> tuple[Raw, int, int]:
        """JSON, secrets taken out, characters and items left out. `marks` are added to the value."""
        if value is None:
            return NO_JSON, 0, 0
        for step, (text, items) in enumerate(_TIGHTER):
            last = step == len(_TIGHTER) - 1
            bounds = Bounds(
                room=self._max_payload,
                text=min(text, max(self._max_payload // 2, 64)),
                items=items,
                strict=not last,
            )
            form = JsonForm(bounds, redact=self._redact, hook=self._hook)
            try:
                shaped = form.of(value, path)
            except (OutOfRoomError, RecursionError):
                continue
            if type_of(shaped) is not dict:
                shaped = {"value": shaped}
            if marks:
                shaped.update(marks)
            encoded = _encode(shaped)
            if len(encoded) <= self._max_payload or last:
                return self._no_larger(encoded), form.redacted, form.omitted
        return Raw(b'{"$truncated":{"kept":0}}'), 0, 1

    def _no_larger(self, encoded: bytes) -> Raw:
        if len(encoded) <= 2 * self._max_payload + 4096:
            return Raw(encoded)
        # Only texts that JSON writes sixfold (control characters) come to this.
        return Raw(_encode({"$truncated": {"kept": 0, "bytes": len(encoded)}}))
