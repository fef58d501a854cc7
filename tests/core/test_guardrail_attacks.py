"""Ways around the shipped guardrails that were tried, and do not work."""

from __future__ import annotations

import pytest

from holdfast.core.guardrails import Guardrail, GuardrailSet
from holdfast.core.guardrails_hosts import HostGuardrail
from holdfast.core.guardrails_paths import PathGuardrail
from holdfast.core.guardrails_text import InjectionGuardrail, PiiGuardrail, SecretsGuardrail
from holdfast.errors import GuardrailViolatedError


def passes(guard: Guardrail, field: str, text: str) -> bool:
    try:
        GuardrailSet([guard]).call({field: text}, role="r", tool="t")
    except GuardrailViolatedError:
        return False
    return True


@pytest.mark.parametrize(
    "path",
    [
        "sub/../../../etc/passwd",
        "..",
        "/",
        " /etc/passwd",
        "/etc/passwd\n",
        "\t/etc/passwd",
        "FILE:///etc/passwd",
        "file:../../x",
    ],
)
@pytest.mark.parametrize("field", ["path", "output_file", "newPath", "data"])
def test_paths_out_of_the_root(path: str, field: str) -> None:
    """A path that leads out is refused in any argument, however it is padded or where its dots stand."""
    assert not passes(PathGuardrail(["/srv/repo"]), field, path)


@pytest.mark.parametrize("field", ["output_file", "newPath", "source-dir"])
def test_fields_named_for_paths(field: str) -> None:
    """An argument whose last word is one for a path is held to what a path may be; others are not."""
    guard = PathGuardrail(["/srv/repo"])
    assert not passes(guard, field, "$HOME/x")
    assert passes(guard, field, "a/b.txt")
    assert passes(guard, "price", "$5")
    assert passes(guard, "profile", "C:drive")


@pytest.mark.parametrize("url", ["https:/evil.com", "HTTP:\\evil.com", "wss:/evil.com"])
def test_one_slash(url: str) -> None:
    """A scheme of the web with one slash is a URL too, as it is for the programs that fetch it."""
    assert not passes(HostGuardrail(["api.example.com"]), "text", f"see {url}")


@pytest.mark.parametrize(
    "beginning",
    [
        "sk-",
        "eyJaaaaaaaaaaa-",
        "password=",
        "bearer a",
        "-----BEGIN ",
        "http://a:b",
        "SG.a",
        "1 ",
        "a@",
        "a.",
        "ignore all ",
    ],
)
@pytest.mark.parametrize("guard", [SecretsGuardrail(), PiiGuardrail(), InjectionGuardrail()])
def test_nothing_but_beginnings(beginning: str, guard: Guardrail) -> None:
    """A text made of nothing but the beginning of something that is looked for is passed: a pattern that tried each
    of them to the end of the text would not come back within the hour."""
    assert passes(guard, "text", beginning * (200_000 // len(beginning)))
