"""The tokens of one model call, split so that each kind can have its price."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Final, cast

from msgspec import Struct

from holdfast.errors import InvalidInputError

__all__ = ["MOST_TOKENS", "NO_USAGE", "UsageSnapshot"]

MOST_TOKENS: Final = 10**18
"""More than this no snapshot holds, so that no arithmetic with prices can overflow."""


class UsageSnapshot(Struct, frozen=True):
    """Token counts. `input_tokens`, `cache_write_tokens` and `cache_read_tokens` do not overlap: together
    they are the prompt, so a provider's prompt count that includes cached tokens is split before it comes
    here. `output_tokens` is all that was generated and is paid for, `reasoning_tokens` the part of it that
    nobody saw.
    """

    input_tokens: int = 0
    output_tokens: int = 0
    cache_write_tokens: int = 0
    cache_read_tokens: int = 0
    reasoning_tokens: int = 0

    def __post_init__(self) -> None:
        if type(self.total_tokens + self.reasoning_tokens) is not int or not (
            0 <= self.input_tokens <= MOST_TOKENS
            and 0 <= self.cache_write_tokens <= MOST_TOKENS
            and 0 <= self.cache_read_tokens <= MOST_TOKENS
            and 0 <= self.reasoning_tokens <= self.output_tokens <= MOST_TOKENS
        ):
            raise InvalidInputError(
                "usage",
                f"{self.to_dict()} cannot be counts of tokens",
                "whole numbers from 0 to 1e18, and reasoning_tokens is a part of output_tokens",
            )

    @property
    def prompt_tokens(self) -> int:
        """All that was sent: fresh, written to the cache and read from it."""
        return self.input_tokens + self.cache_write_tokens + self.cache_read_tokens

    @property
    def total_tokens(self) -> int:
        return self.prompt_tokens + self.output_tokens

    def __add__(self, other: UsageSnapshot) -> UsageSnapshot:
        return UsageSnapshot(
            self.input_tokens + other.input_tokens,
            self.output_tokens + other.output_tokens,
            self.cache_write_tokens + other.cache_write_tokens,
            self.cache_read_tokens + other.cache_read_tokens,
            self.reasoning_tokens + other.reasoning_tokens,
        )

    def to_dict(self) -> dict[str, int]:
        return {
            "input_tokens": self.input_tokens,
            "output_tokens": self.output_tokens,
            "cache_write_tokens": self.cache_write_tokens,
            "cache_read_tokens": self.cache_read_tokens,
            "reasoning_tokens": self.reasoning_tokens,
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, object]) -> UsageSnapshot:
        """What `to_dict` wrote; a key that is missing counts 0, one that is not a field is ignored. A value
        that is not a whole number raises `InvalidInputError`."""
        return cls(**{name: _count(data, name) for name in cls.__struct_fields__})

    def to_json(self) -> str:
        return json.dumps(self.to_dict())

    @classmethod
    def from_json(cls, s: str) -> UsageSnapshot:
        try:
            decoded: object = json.loads(s)
        except ValueError as error:
            raise InvalidInputError("usage", f"is not JSON: {error}") from None
        if not isinstance(decoded, dict):
            raise InvalidInputError("usage", "is not a JSON object")
        return cls.from_dict(cast("dict[str, object]", decoded))


NO_USAGE = UsageSnapshot()


def _count(data: Mapping[str, object], name: str) -> int:
    value = data.get(name, 0)
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    raise InvalidInputError(name, f"{value!r} is not a whole number of tokens")
