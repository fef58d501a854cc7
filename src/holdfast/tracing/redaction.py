"""What must not leave the process: keys that name a secret and texts that look like one.

`hints_at_secret` is the quick look at encoded JSON that every payload gets; `redact_text` and
`sensitive_kind` are the careful rules, which run only where the quick look, or a key, gives a reason."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final

__all__ = ["RedactHook", "hints_at_secret", "redact_text", "sensitive_kind"]

RedactHook = Callable[[tuple[str | int, ...], Any], Any]
"""The user's own rule: given the path of a value (keys and list positions) and the value, returns what to
record in its place. It sees every value, containers before what they hold."""

_WORD: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")

_SECRET_WORDS: Final = {
    "password": "password",
    "passwd": "password",
    "passphrase": "password",
    "pwd": "password",
    "secret": "secret",
    "secrets": "secret",
    "credential": "secret",
    "credentials": "secret",
    "authorization": "authorization",
    "bearer": "authorization",
    "cookie": "cookie",
    "cookies": "cookie",
    "apikey": "api_key",
    "accesskey": "api_key",
    "privatekey": "private_key",
    "jwt": "token",
}
_KEY_OWNERS: Final = {
    "private": "private_key",
    "ssh": "private_key",
    "signing": "private_key",
    "encryption": "private_key",
    "api": "api_key",
    "access": "api_key",
    "account": "api_key",
    "auth": "api_key",
    "master": "api_key",
    "service": "api_key",
    "subscription": "api_key",
}
_HARMLESS_TOKENS: Final = {
    *("page", "next", "previous", "prev", "continuation", "continue", "sync", "cursor", "start", "end"),
    *("pad", "eos", "bos", "unk", "sep", "cls", "mask", "stop", "special", "image", "audio"),
    *("per", "first", "last", "each"),
}
"""What comes before `token` when it is a position in a listing or a piece of text, not a credential."""


def sensitive_kind(key: str) -> str | None:
    """The kind of secret that a key of this name holds, or None. `input_tokens` and `next_page_token` hold
    none.
    """
    words = [word.lower() for word in _WORD.findall(key)]
    for position, word in enumerate(words):
        kind = _SECRET_WORDS.get(word)
        if kind is not None:
            return kind
        if word == "key" and position and words[position - 1] in _KEY_OWNERS:
            return _KEY_OWNERS[words[position - 1]]
    if words and words[-1] == "token" and not (len(words) > 1 and words[-2] in _HARMLESS_TOKENS):
        return "token"
    return "authorization" if words == ["auth"] else None


# Each pattern begins with one literal character, which the regex engine looks for at the speed of memchr, and
# checks what stands before it only then. One alternation of all would take some twenty times as long.
_DASH: Final = re.compile(
    rb"-(?:(?<=[sr]k-)[\w-]{12}|(?<=xox[a-z]-)\w{6}|(?<=xapp-)\w|(?<=glpat-)\w|----BEGIN)"
)
_UNDERSCORE: Final = re.compile(
    rb"_(?:(?<=gh[pousr]_)\w{16}|(?<=github_)pat_|(?<=hf_)[\w-]{16}|(?<=[sr]k_)(?:live|test)_)"
)
_CAPITAL_I: Final = re.compile(rb"I(?:(?<=A[KS]I)A[0-9A-Z]{12}|(?<=AI)za[\w-]{12})")
_CAPITAL_J: Final = re.compile(rb"J(?<=eyJ)[\w-]{8}")


def hints_at_secret(
    encoded: bytes,
    dash: Callable[[bytes], object] = _DASH.search,
    underscore: Callable[[bytes], object] = _UNDERSCORE.search,
    capital_i: Callable[[bytes], object] = _CAPITAL_I.search,
    capital_j: Callable[[bytes], object] = _CAPITAL_J.search,
) -> bool:
    """True where a text inside this JSON may hold a secret. False is certain; True is to be looked into.

    About half a microsecond for 400 characters of prose: that is why it is so oddly written.
    """
    return bool(
        (45 in encoded and dash(encoded))
        or (95 in encoded and underscore(encoded))
        or (73 in encoded and capital_i(encoded))
        or (74 in encoded and capital_j(encoded))
        or (64 in encoded and encoded.find(b"://") >= 0)
        or (66 in encoded and encoded.find(b"Bearer ") >= 0)
    )


_SECRET: Final = re.compile(
    # Each run of a token's characters is tried once, at its start: that keeps the time linear.
    r"(?<![\w-])(?P<api_key>"
    r"(?:sk|rk)-(?=[\w-]*\d)[\w-]{16,}"
    r"|(?:sk|rk)_(?:live|test)_\w{8,}"
    r"|AIza[\w-]{30,}"
    r"|(?:AKIA|ASIA)[0-9A-Z]{16}(?![0-9A-Za-z]))"
    r"|(?<![\w-])(?P<token>"
    r"gh[pousr]_\w{20,}|github_pat_\w{20,}|hf_[\w-]{20,}|glpat-[\w-]{16,}|xox[a-z]-[\w-]{10,}|xapp-[\w-]{10,}"
    r"|eyJ[\w-]{8,}\.[\w-]{8,}(?:\.[\w-]*)?)"
    r"|(?P<private_key>"
    r"-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----.*?(?:-----END [A-Z ]{0,30}PRIVATE KEY-----|\Z))"
    r"|(?P<lead>(?<![A-Za-z0-9])Bearer +)(?P<authorization>[\w.~+/=-]{6,})"
    r"|(?P<address>://[^\s/:@\"']{0,256}:)(?P<password>[^\s/@\"']{1,1024})(?=@)",
    re.DOTALL | re.ASCII,
)


def _mark(found: re.Match[str]) -> str:
    return f"{found['lead'] or found['address'] or ''}[redacted:{found.lastgroup}]"


def redact_text(text: str) -> tuple[str, int]:
    """`text` with every secret in it replaced by `[redacted:kind]`, and how many there were."""
    return _SECRET.subn(_mark, text)
