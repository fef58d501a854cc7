"""A guardrail on where tools may go: an allow-list of hosts for every URL in their arguments."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterable, Mapping
from ipaddress import IPv6Address, ip_address
from typing import Final

from msgspec import Struct

from holdfast.core.guardrails import ALLOWED, GuardrailOutcome
from holdfast.core.text_scan import texts_of
from holdfast.errors import InvalidInputError

__all__ = ["HostGuardrail"]

_URL: Final = re.compile(
    # Programs take one slash after a scheme of the web for two.
    r"(?<![A-Za-z0-9+.-])((?i:https?|wss?|ftp)(?=:[/\\])|[A-Za-z][A-Za-z0-9+.-]{0,30}(?=:[/\\]{2})):[/\\]+([^\s\"'<>`]*)([\"'`]*)(\S?)"
)
_FIELD: Final = re.compile(r"(?:([A-Za-z][A-Za-z0-9+.-]*):(?=[/\\]{2}|(?!\d+(?:/|$))))?[/\\]{0,8}(.*)", re.S)
_AMBIGUOUS: Final = "a URL is spelled in a way that programs read differently"
_ANY_PORT: Final = -1
_AUTHORITY: Final = re.compile(r"[^/\\?#]*")
_PORTS: Final = {"http": 80, "https": 443, "ws": 80, "wss": 443, "ftp": 21, "ssh": 22, "git": 9418}
_URL_FIELDS: Final = ("url", "uri", "href", "link", "endpoint", "base_url", "webhook", "callback_url")
_HOST_FIELDS: Final = ("host", "hostname", "server", "domain")


class HostGuardrail:
    """Every URL in a tool's arguments must lead to an allowed host.

    `hosts` takes `api.example.com` (the standard port of the scheme), `api.example.com:8443`,
    `api.example.com:*` (any port) and `*.example.com` (every host below it, not itself). Names are compared
    as a resolver sees them: without case, as IDNA, without a final dot; an address only with an address.

    Looked at are URLs anywhere in the text of any argument, and what stands in arguments that are named for a
    URL (`url_fields`) or a host (`host_fields`), with or without a scheme. Refused besides other hosts: other
    schemes than `schemes`, names or passwords before an `@`, and spellings on which programs disagree
    (backslashes, control characters, numbers for an address). It does not look up names: a name on the list
    that resolves to an address inside your network is let through, and so is `curl evil.example` in a
    command, since nothing there is spelled as a URL. Where an allowed host sends one on, by a
    redirect or by a parameter that names another URL, is that host's affair.
    """

    def __init__(
        self,
        hosts: Iterable[str],
        *,
        schemes: Collection[str] = ("https", "http"),
        url_fields: Collection[str] = _URL_FIELDS,
        host_fields: Collection[str] = _HOST_FIELDS,
        name: str = "hosts",
    ) -> None:
        if isinstance(hosts, str):
            raise InvalidInputError("hosts", "is one string", "give a list of hosts")
        self.name = name
        self._schemes = frozenset(scheme.lower() for scheme in schemes)
        self._url_fields = frozenset(field.lower() for field in url_fields)
        self._host_fields = frozenset(field.lower() for field in host_fields)
        self._allowed = [_entry(host) for host in hosts]

    def check_pre(self, *, role: str, tool: str) -> GuardrailOutcome:
        return ALLOWED

    def check_post(self, value: object, *, role: str, tool: str) -> GuardrailOutcome:
        return ALLOWED

    def check_call(self, arguments: Mapping[str, object], *, role: str, tool: str) -> GuardrailOutcome:
        for field, text in texts_of(arguments):
            reason = self._refusal(field.lower(), text)
            if reason is not None:
                return GuardrailOutcome(False, f"{field or 'arguments'}: {reason}")
        return ALLOWED

    def _refusal(self, field: str, text: str) -> str | None:
        if field in self._url_fields or field in self._host_fields:
            return self._refusal_of_field(field, text.strip())
        for match in _URL.finditer(text):
            scheme, rest, quote, after = match.groups()
            path = _AUTHORITY.sub("", rest, count=1)
            if quote and not path and after and (after.isalnum() or after in "._@:-%"):
                return _AMBIGUOUS  # a shell would join what stands on both sides of the quote
            reason = self._destination(scheme, rest if path else _trimmed(rest))
            if reason is not None:
                return reason
        return None

    def _refusal_of_field(self, field: str, text: str) -> str | None:
        if not text or (field in self._url_fields and re.match(r"[/?#](?![/\\])", text)):
            return None  # a path on a host that the tool knows
        if any(sign.isspace() for sign in text):
            return _AMBIGUOUS
        match = _FIELD.fullmatch(text)
        return _AMBIGUOUS if match is None else self._destination(match[1], match[2])

    def _destination(self, scheme: str | None, rest: str) -> str | None:
        """Why one may not go there. No scheme: any of those allowed, so its port may be any of theirs."""
        if scheme is not None and scheme.lower() not in self._schemes:
            return f"the scheme {scheme.lower()} is not allowed"
        if "\\" in rest or any(not sign.isprintable() for sign in rest):
            return _AMBIGUOUS
        authority = _AUTHORITY.match(rest)
        where = "" if authority is None else authority[0]
        if "@" in where or "%" in where:
            return "a URL has more than a host before its path"
        host, port = _split(where)
        if host is None:
            return "a URL has no host that can be read"
        standard = {_PORTS.get(name) for name in (self._schemes if scheme is None else (scheme.lower(),))}
        if any(entry.matches(host, port, standard) for entry in self._allowed):
            return None
        return f"the host {host}{'' if port is None else f':{port}'} is not allowed"


class _Entry(Struct, frozen=True):
    """One entry of the list. `below` means the hosts under it; port -1 is any, None the scheme's own."""

    host: str
    below: bool
    port: int | None

    def matches(self, host: str, port: int | None, standard: Collection[int | None]) -> bool:
        if not (host.endswith("." + self.host) if self.below else host == self.host):
            return False
        if self.port is None:
            return port is None or port in standard
        return self.port == _ANY_PORT or (self.port == port if port is not None else self.port in standard)


def _entry(text: str) -> _Entry:
    below = text.startswith("*.")
    plain = text[2:] if below else text
    any_port = plain.endswith(":*")
    host, port = _split(plain.removesuffix(":*") if any_port else plain)
    if host is None:
        raise InvalidInputError(
            "hosts", f"{text!r} is not a host", "write example.com, *.example.com, example.com:8443"
        )
    return _Entry(host, below, _ANY_PORT if any_port else port)


def _trimmed(where: str) -> str:
    """Without the punctuation that ends a sentence or a link in running text."""
    return where.rstrip(".,;:!)}|*") if where.startswith("[") else where.rstrip(".,;:!)}|*]")


def _split(where: str) -> tuple[str | None, int | None]:
    """Host in its comparable form, and port; no host where it cannot be read."""
    if where.startswith("["):
        address, bracket, after = where[1:].partition("]")
        try:
            host = f"[{IPv6Address(address).compressed}]"
        except ValueError:
            return None, None
        if not bracket or (after and not re.fullmatch(r":\d{1,5}", after)):
            return None, None
        return host, int(after[1:]) if after else None
    name, colon, port = where.rpartition(":") if ":" in where else (where, "", "")
    if colon and not re.fullmatch(r"\d{1,5}", port):
        return None, None
    return _comparable(name), int(port) if colon else None


def _comparable(name: str) -> str | None:
    plain = unicodedata.normalize("NFKC", name).lower().replace("\u3002", ".").removesuffix(".")
    try:
        host = plain if plain.isascii() else plain.encode("idna").decode("ascii")
    except UnicodeError:
        return None
    labels = host.split(".")
    if len(host) > 253 or not all(
        re.fullmatch(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?", label) for label in labels
    ):
        return None
    if re.fullmatch(r"0x[0-9a-f]*|\d+", labels[-1]):  # then every resolver takes it for an address
        try:
            return str(ip_address(host))
        except ValueError:
            return None
    return host
