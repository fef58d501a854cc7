"""Finding secrets in text by their form, and by the names of the fields they stand in."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from holdfast.core.text_scan import Hit

__all__ = ["find_secrets"]

_FORMS: Final = (
    ("private key", r"-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)"),
    ("Anthropic key", r"\bsk-ant-[\w-]{20,}"),
    ("OpenAI key", r"\bsk-(?=[\w-]*\d)(?:proj-|svcacct-|admin-|or-v1-)?[\w-]{20,}"),
    ("AWS key id", r"\b(?:AKIA|ASIA|ABIA|ACCA)[A-Z2-7]{16}\b"),
    ("GitHub token", r"\b(?:gh[pousr]_[A-Za-z0-9]{36,}|github_pat_\w{22,})"),
    ("GitLab token", r"\bgl(?:pat|ptt|rt|dt|soat|cbt)-[\w-]{20,}"),
    ("Slack token", r"\bxox[abeoprs]-[\w-]{10,}|https://hooks\.slack\.com/services/T\w+/B\w+/\w+"),
    ("Google key", r"\bAIza[\w-]{35}|\bya29\.[\w-]{20,}|\bGOCSPX-[\w-]{20,}"),
    ("Stripe key", r"\b(?:sk|rk)_(?:live|test)_[A-Za-z0-9]{16,}|\bwhsec_[A-Za-z0-9]{24,}"),
    ("Hugging Face token", r"\bhf_[A-Za-z0-9]{30,}"),
    (
        "model provider key",
        r"\b(?:gsk_[A-Za-z0-9]{40,}|xai-[A-Za-z0-9]{40,}|pplx-[A-Za-z0-9]{40,}|r8_\w{37,})",
    ),
    ("package registry token", r"\bnpm_[A-Za-z0-9]{36}\b|\bpypi-[\w-]{50,}"),
    ("SendGrid key", r"\bSG\.[\w-]{20,}\.[\w-]{40,}"),
    ("cloud token", r"\bdapi[0-9a-f]{32}\b|\bdop_v1_[0-9a-f]{64}\b|\bAccountKey=[A-Za-z0-9+/=]{60,}"),
    ("JSON web token", r"\beyJ[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]{10,}"),
)
_ANY_FORM: Final = re.compile("|".join(f"(?P<f{index}>{form})" for index, (_, form) in enumerate(_FORMS)))

_IN_CONTEXT: Final = (
    (
        "password in a URL",
        re.compile(r"\b[a-z][a-z0-9+.-]{1,20}://[^\s/:@'\"]{1,256}:([^\s/@'\"]{3,256})@", re.I),
    ),
    ("bearer token", re.compile(r"\bbearer\s+(?=[\w.~+/-]*\d)([\w.~+/-]{20,}=*)", re.I)),
    ("basic credentials", re.compile(r"\bauthorization\W{1,4}basic\s+([A-Za-z0-9+/]{12,}={0,2})", re.I)),
    (
        "password",
        # A word for a secret, then a value that has a letter and a digit and ends where a value ends: so that
        # `password = form.get("password")` and `token: str` are left alone.
        re.compile(
            r"\b[\w-]{0,30}(?:password|passwd|pwd|secret|api[_-]?key|access[_-]?key|access[_-]?token"
            r"|auth[_-]?token|private[_-]?key)\b[\"']?\s{0,4}[:=]\s{0,4}[\"']?"
            r"((?=[^\s\"',;]*\d)(?=[^\s\"',;]*[A-Za-z])[\w+/=!@#%^&*~-]{8,256})(?=[\s\"',;&)}\]]|$)",
            re.I,
        ),
    ),
)

_SECRET_FIELD: Final = re.compile(
    r"(?:^|[_-])(?:password|passwd|pwd|secret|secret[_-]?key|api[_-]?key|apikey|access[_-]?key|access[_-]?token"
    r"|auth[_-]?token|refresh[_-]?token|client[_-]?secret|private[_-]?key|credentials?)$",
    re.I,
)
_NO_VALUE: Final = re.compile(
    r"[\s*xX.•-]*|none|null|true|false|\$.*|\{.*\}|<.*>|%.*%|\[redacted.*\]", re.I | re.S
)


def find_secrets(text: str, field: str = "") -> Iterable[Hit]:
    """The secrets in `text`; all of it, where `field` is a name for a secret and it is not a placeholder."""
    if field and _SECRET_FIELD.search(field) and not _NO_VALUE.fullmatch(text):
        return [Hit(0, len(text), "secret field")]
    hits = [
        Hit(match.start(), match.end(), _FORMS[int(match.lastgroup[1:])][0])
        for match in _ANY_FORM.finditer(text)
        if match.lastgroup is not None
    ]
    for label, pattern in _IN_CONTEXT:
        hits += [
            Hit(match.start(1), match.end(1), label)
            for match in pattern.finditer(text)
            if not _NO_VALUE.fullmatch(match[1])
        ]
    return hits
