"""Finding personal data in text. Numbers that carry check digits count only where these are right."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from typing import Final

from holdfast.core.text_scan import Hit

__all__ = ["PII_KINDS", "find_pii"]

_PATTERNS: Final = {
    "email": re.compile(r"(?<![\w.+-])[\w.+-]{1,64}@(?:[A-Za-z0-9-]{1,63}\.){1,8}[A-Za-z]{2,24}(?![\w-])"),
    "phone": re.compile(
        r"(?<![\w+])(?:\+\d{1,3}[ .-]?(?:\(\d{1,4}\)[ .-]?)?\d(?:[ .-]?\d){6,12}"
        r"|(?:\(\d{3}\) ?|\d{3}[ .-])\d{3}[ .-]\d{4})(?![\w-])"
    ),
    "card": re.compile(r"(?<![\w.-])\d(?:[ -]?\d){12,18}(?![\w-]|\.\d)"),
    "iban": re.compile(r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?\b"),
    "ssn": re.compile(r"(?<![\w-])(?!000|666|9\d\d)\d{3}-(?!00)\d\d-(?!0000)\d{4}(?![\w-])"),
    "ip": re.compile(r"(?<![\w.])(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)\.){3}(?:25[0-5]|2[0-4]\d|1?\d?\d)(?![\w.])"),
}
PII_KINDS: Final = frozenset(_PATTERNS)


def find_pii(text: str, kinds: Collection[str]) -> Iterable[Hit]:
    """The personal data of these kinds in `text`."""
    for kind in _PATTERNS:
        if kind not in kinds:
            continue
        for match in _PATTERNS[kind].finditer(text):
            if (kind == "card" and not _luhn(match[0])) or (kind == "iban" and not _mod_97(match[0])):
                continue
            yield Hit(match.start(), match.end(), kind)


def _luhn(number: str) -> bool:
    """ISO/IEC 7812-1, annex B, and a first digit that card networks use."""
    digits = [int(sign) for sign in number if sign.isdigit()]
    doubled = [sum(divmod(digit * 2, 10)) for digit in digits[-2::-2]]
    return digits[0] in (2, 3, 4, 5, 6) and (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0


def _mod_97(iban: str) -> bool:
    """ISO 13616: the first four signs last, letters as 10 to 35, the rest by 97 is 1."""
    signs = iban.replace(" ", "")
    return (
        15 <= len(signs) <= 34
        and int("".join(str(int(sign, 36)) for sign in signs[4:] + signs[:4])) % 97 == 1
    )
