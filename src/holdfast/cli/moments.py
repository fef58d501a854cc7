"""Times as people type them."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Final

from holdfast._clock import parse_utc
from holdfast.errors import CommandError, InvalidInputError

__all__ = ["moment"]

_AGO: Final = re.compile(r"(\d+)([smhdw])")
_UNIT: Final = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def moment(text: str, option: str = "--since") -> int:
    """Nanoseconds since 1970 of `12h` (ago) or of an ISO 8601 time. Raises `CommandError`."""
    if ago := _AGO.fullmatch(text.strip().lower()):
        then = datetime.now(UTC) - timedelta(**{_UNIT[ago.group(2)]: int(ago.group(1))})
        return parse_utc(then.isoformat())
    try:
        return parse_utc(text, option)
    except InvalidInputError as error:
        raise CommandError(str(error), fix="write 2026-01-31, 12h or 7d", exit_code=2) from None
