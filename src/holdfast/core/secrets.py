"""Finding secrets in text by their form, and by the names of the fields they stand in."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from holdfast.core.text_scan import Hit

__all__ = ["find_secrets"]

# What is looked for ahead is bounded, and no form can begin in the middle of what one of its beginnings runs over:
# so that a text made of nothing but beginnings takes no longer than any other.
# Each form with literals of which one must be there: to look for these first makes ordinary text ten times as
# quick to pass as all the patterns would.
_FORMS: Final = tuple(
    (label, tuple(literals.split()), re.compile(pattern))
    for label, literals, pattern in (
        (
            "private key",
            "-----BEGIN",
            r"-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)",
        ),
        ("Anthropic key", "sk-ant-", r"\bsk-ant-[\w-]{20,}"),
        ("OpenAI key", "sk-", r"(?<![\w-])sk-(?=[\w-]{0,200}\d)(?:proj-|svcacct-|admin-|or-v1-)?[\w-]{20,}"),
        ("AWS key id", "AKIA ASIA ABIA ACCA", r"\b(?:AKIA|ASIA|ABIA|ACCA)[A-Z2-7]{16}\b"),
        ("GitHub token", "ghp_ gho_ ghu_ ghs_ ghr_", r"\bgh[pousr]_[A-Za-z0-9]{36,}"),
        ("GitHub token", "github_pat_", r"\bgithub_pat_\w{22,}"),
        (
            "GitLab token",
            "glpat- glptt- glrt- gldt- glsoat- glcbt-",
            r"\bgl(?:pat|ptt|rt|dt|soat|cbt)-[\w-]{20,}",
        ),
        ("Slack token", "xox", r"\bxox[abeoprs]-[\w-]{10,}"),
        ("Slack webhook", "hooks.slack.com", r"https://hooks\.slack\.com/services/T\w+/B\w+/\w+"),
        ("Google key", "AIza ya29. GOCSPX-", r"\bAIza[\w-]{35}|\bya29\.[\w-]{20,}|\bGOCSPX-[\w-]{20,}"),
        ("Stripe key", "_live_ _test_", r"\b(?:sk|rk)_(?:live|test)_[A-Za-z0-9]{16,}"),
        ("Stripe key", "whsec_", r"\bwhsec_[A-Za-z0-9]{24,}"),
        ("Hugging Face token", "hf_", r"\bhf_[A-Za-z0-9]{30,}"),
        ("model provider key", "gsk_ xai- pplx-", r"\b(?:gsk_|xai-|pplx-)[A-Za-z0-9]{40,}"),
        ("model provider key", "r8_", r"\br8_\w{37,}"),
        ("package registry token", "npm_ pypi-", r"\bnpm_[A-Za-z0-9]{36}\b|\bpypi-[\w-]{50,}"),
        ("SendGrid key", "SG.", r"\bSG\.[\w-]{20,}\.[\w-]{40,}"),
        ("cloud token", "dapi dop_v1_", r"\bdapi[0-9a-f]{32}\b|\bdop_v1_[0-9a-f]{64}\b"),
        ("storage key", "AccountKey=", r"\bAccountKey=[A-Za-z0-9+/=]{60,}"),
        ("JSON web token", "eyJ", r"(?<![\w-])eyJ[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]{10,}"),
    )
)
# These have their secret in the first group, and their literals in lower case.
_IN_CONTEXT: Final = (
    (
        "password in a URL",
        ("://",),
        re.compile(r"\b[a-z][a-z0-9+.-]{1,20}://[^\s/:@'\"]{1,256}:([^\s/@'\"]{3,256})@", re.I),
    ),
    ("bearer token", ("bearer",), re.compile(r"\bbearer\s+(?=[\w.~+/-]{0,4096}\d)([\w.~+/-]{20,}=*)", re.I)),
    (
        "basic credentials",
        ("basic",),
        re.compile(r"\bauthorization\W{1,4}basic\s+([A-Za-z0-9+/]{12,}={0,2})", re.I),
    ),
    (
        "password",
        ("passw", "pwd", "secret", "key", "token"),
        # A word for a secret, then a value that has a letter and a digit and ends where a value ends: so that
        # `password = form.get("password")` and `token: str` are left alone.
        re.compile(
            r"(?:password|passwd|pwd|secret|api[_-]?key|access[_-]?key|access[_-]?token"
            r"|auth[_-]?token|private[_-]?key)[\"']?\s{0,4}[:=]\s{0,4}[\"']?"
            r"((?=[^\s\"',;]{0,64}\d)(?=[^\s\"',;]{0,64}[A-Za-z])[\w+/=!@#%^&*~-]{8,256})(?=[\s\"',;&)}\]]|$)",
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
    hits: list[Hit] = []
    for label, literals, pattern in _FORMS:
        if any(literal in text for literal in literals):
            hits += [Hit(match.start(), match.end(), label) for match in pattern.finditer(text)]
    lowered = text.lower()
    for label, literals, pattern in _IN_CONTEXT:
        if any(literal in lowered for literal in literals):
            hits += [
                Hit(match.start(1), match.end(1), label)
                for match in pattern.finditer(text)
                if not _NO_VALUE.fullmatch(match[1])
            ]
    return hits
