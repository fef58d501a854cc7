"""Secrets stay in the process: by the names of their keys, by their looks, by a rule of the user's."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import holdfast
from holdfast.testing import MemoryRecorder
from holdfast.tracing.client import ClientConfig
from holdfast.tracing.encoding import PayloadEncoder
from holdfast.tracing.redaction import hints_at_secret, redact_text, sensitive_kind

ENCODER = PayloadEncoder(max_payload=1 << 20)

# Put together here, so that no scanner takes the file for a leak.
SECRETS = {
    "openai": "sk-" + "proj-" + "a1B2c3D4e5F6g7H8i9J0",
    "anthropic": "sk-" + "ant-api03-" + "Zx9" * 10,
    "google": "AI" + "za" + "SyA1234567890abcdefghijklmnopqrstuv",
    "aws": "AK" + "IA" + "IOSFODNN7EXAMPLE",
    "aws session": "AS" + "IA" + "IOSFODNN7EXAMPLE",
    "github": "gh" + "p_" + "a" * 36,
    "github fine": "github" + "_pat_" + "11AAAAAAA0" + "b" * 40,
    "slack": "xo" + "xb-" + "123456789012-abcdefABCDEF",
    "hugging face": "hf" + "_" + "A" * 34,
    "stripe": "sk" + "_live_" + "4eC39HqLyjWDarjtT1zdp7dc",
    "jwt": "eyJ" + "hbGciOiJIUzI1NiJ9" + ".eyJzdWIiOiIxMjM0In0" + ".c2lnbmF0dXJl",
    "pem": "-----BEGIN RSA " + "PRIVATE KEY-----\nMIIEow\nIBAAK\n-----END RSA " + "PRIVATE KEY-----",
    "bearer": "Bearer " + "abc123def456",
    "url": "postgres://user:" + "hunter2" + "@db.example.org/x",
}


def recorded(payload: Any, encoder: PayloadEncoder = ENCODER) -> Any:
    return json.loads(bytes(encoder.pair(payload, None)[0]))


@pytest.mark.parametrize("secret", SECRETS.values(), ids=SECRETS)
def test_a_secret_is_known_by_its_looks_wherever_it_stands(secret: str) -> None:
    """A secret in the middle of a text, deep in a payload, in an attribute or an error never reaches the record."""
    text = f"please use {secret} for it"
    hidden = secret.removeprefix("Bearer ").removeprefix("postgres://user:").partition("@")[0]

    def work(run: holdfast.Run) -> None:
        with run, run.span("s", payload={"a": [{"b": text}]}, attributes={"c": text}) as span:
            span.set_result(text)
            span.event("e", {"d": text})
            run.set_output(text)
            raise ValueError(text)

    with MemoryRecorder() as recorder, pytest.raises(ValueError, match="please"):
        work(holdfast.run(input={"i": text}))
    everything = b"".join(recorder.raw).decode()
    assert "[redacted:" in everything
    assert hidden not in everything
    assert json.dumps(hidden)[1:-1] not in everything
    assert "please use" in everything


@pytest.mark.parametrize(
    "text",
    [
        "risk-averse sk-learn-compatible-estimators",
        "task-1234567890123456789",
        "basic economy, bearer of bad news",
        "https://example.org/a@b and mail me at a@b.example",
        "https://user@example.org:8080/path",
        "01a1fccf-d57b-73a8-afb1-914fc8707a7e",
        "half_life_of_a_very_long_identifier_name",
        "AKIRA and ASIA and JSON",
        "-----BEGIN CERTIFICATE-----",
        "https://host:8080/x?y=a@b",
    ],
)
def test_what_only_looks_alike_is_left_alone(text: str) -> None:
    """Ordinary words, ids, addresses and certificates are recorded as they are."""
    assert recorded({"t": text}) == {"t": text}


@pytest.mark.parametrize(
    ("key", "kind"),
    [
        ("password", "password"),
        ("db_passwd", "password"),
        ("userPassword", "password"),
        ("PWD", "password"),
        ("api_key", "api_key"),
        ("apiKey", "api_key"),
        ("X-Api-Key", "api_key"),
        ("OPENAI_API_KEY", "api_key"),
        ("apikey", "api_key"),
        ("access_key_id", "api_key"),
        ("client_secret", "secret"),
        ("secrets", "secret"),
        ("credentials", "secret"),
        ("Authorization", "authorization"),
        ("Proxy-Authorization", "authorization"),
        ("auth", "authorization"),
        ("Set-Cookie", "cookie"),
        ("private_key", "private_key"),
        ("sshPrivateKey", "private_key"),
        ("token", "token"),
        ("access_token", "token"),
        ("accessToken", "token"),
        ("id.token", "token"),
    ],
)
def test_a_secret_is_known_by_the_name_of_its_key(key: str, kind: str) -> None:
    """Keys that name a secret, in any spelling, hide what they hold, and say what kind it was."""
    assert sensitive_kind(key) == kind
    assert recorded({"deep": [{key: "x1"}]}) == {"deep": [{key: {"$redacted": kind}}]}
    assert recorded({key: {"nested": "x1"}}) == {key: {"$redacted": kind}}


@pytest.mark.parametrize(
    "key",
    [
        "input_tokens", "max_tokens", "token_count", "next_page_token", "eos_token", "keyboard", "monkey", "key",
        "author", "authority", "passage", "bypass", "cookiecutter", "secretary", "primary_key",
        "gen_ai.usage.input_tokens", "tokenizer", "idempotency_key", "public_key",
    ],
)  # fmt: skip
def test_a_key_that_only_sounds_alike_is_left_alone(key: str) -> None:
    """Whole words count: usage numbers, page tokens and authors are no secrets."""
    assert recorded({key: "x1"}) == {key: "x1"}


def test_what_cannot_be_a_secret_is_not_hidden() -> None:
    """None, booleans, empty texts, and numbers under `token` say nothing; log probabilities are text."""
    plain = {"password": None, "secret": False, "api_key": "", "token": 17}
    assert recorded(plain) == plain
    logprobs = {"content": [{"token": "Hello", "logprob": -0.1}]}
    assert recorded(logprobs) == logprobs
    assert recorded({"password": 1234}) == {"password": {"$redacted": "password"}}


def test_secrets_in_objects_are_found_too() -> None:
    """What is not plain JSON is looked at just as closely."""

    class Settings(msgspec.Struct):
        api_key: str
        url: str

    shown = recorded(
        {"settings": Settings(api_key="k", url=SECRETS["url"]), "raw": SECRETS["github"].encode()}
    )
    assert shown == {
        "settings": {"api_key": {"$redacted": "api_key"}, "url": "postgres://user:[redacted:password]@db.example.org/x"},
        "raw": "[redacted:token]",
    }  # fmt: skip


def test_how_many_were_taken_out_is_recorded() -> None:
    """An attribute counts what was redacted from the payload, another what from the result."""
    with (
        MemoryRecorder() as recorder,
        holdfast.span("s", payload={"password": "x", "t": SECRETS["aws"]}) as span,
    ):
        span.set_result({"token": "abc"})
    assert recorder.span("s").attributes == {"holdfast.redacted": 2, "holdfast.redacted.result": 1}


def test_observed_arguments_are_redacted() -> None:
    """A function's argument named as a secret is hidden."""

    @holdfast.observe
    def login(user: str, password: str) -> str:
        return f"{user}{len(password)}"

    with MemoryRecorder() as recorder:
        login("ann", "hunter2")
    assert recorder.spans[0].payload == {"user": "ann", "password": {"$redacted": "password"}}


def test_redaction_can_be_switched_off() -> None:
    """With `redact` off everything is recorded as it is."""
    config = ClientConfig(redact=False, raise_errors=True)
    with MemoryRecorder(config) as recorder, holdfast.span("s", payload={"password": SECRETS["aws"]}):
        pass
    assert recorder.span("s").payload == {"password": SECRETS["aws"]}


def test_a_rule_of_the_users_sees_every_value_with_its_path() -> None:
    """The hook may replace any value, and runs besides the built-in rules."""
    seen: dict[tuple[str | int, ...], Any] = {}

    def hide(path: tuple[str | int, ...], value: Any) -> Any:
        seen[path] = value
        return "<someone>" if path[-1] == "name" else value

    encoder = PayloadEncoder(max_payload=10_000, hook=hide)
    body, attributes = encoder.pair({"people": [{"name": "Ann", "pwd": "x"}]}, {"k": 1})
    assert json.loads(bytes(body)) == {"people": [{"name": "<someone>", "pwd": {"$redacted": "password"}}]}
    assert json.loads(bytes(attributes)) == {"k": 1, "holdfast.redacted": 2}
    assert seen["payload", "people", 0, "name"] == "Ann"
    assert seen["attributes", "k"] == 1


def test_a_rule_that_fails_hides_what_it_should_have_judged() -> None:
    """Where the user's rule raises, the value is left out rather than shown."""

    def fail(path: tuple[str | int, ...], value: Any) -> Any:
        if path == ("payload", "a"):
            raise KeyError
        return value

    encoder = PayloadEncoder(max_payload=10_000, hook=fail)
    assert recorded({"a": 1, "b": 2}, encoder) == {"a": {"$redacted": "hook_failed"}, "b": 2}


def test_the_quick_look_never_misses_what_the_rules_would_find() -> None:
    """Every secret that the careful rules replace is hinted at in its encoded form."""
    for secret in SECRETS.values():
        for text in (secret, f"x {secret} y", f'"{secret}"', f"\u00e9{secret}", f"ключ={secret}"):
            _, found = redact_text(text)
            assert found, text
            assert hints_at_secret(msgspec.json.encode({"t": text})), text


words = st.text(st.sampled_from('abIJKz_-@:/. "\\AGSeyJsk\u00e9'), max_size=30)


@given(words, st.sampled_from(list(SECRETS.values())), words)
@settings(deadline=None, max_examples=300)
def test_the_quick_look_agrees_in_any_surroundings(before: str, secret: str, after: str) -> None:
    """Whatever stands around a secret: if the rules would replace something, the quick look hints."""
    text = before + secret + after
    _, found = redact_text(text)
    assert not found or hints_at_secret(msgspec.json.encode({"t": text}))


def test_many_different_keys_do_not_fill_the_memory() -> None:
    """The names of keys that are known as harmless are remembered up to a bound."""
    encoder = PayloadEncoder(max_payload=10_000)
    for number in range(6000):
        shown: Mapping[str, Any] = recorded({f"key{number}": 1, f"x{number}_password": "s"}, encoder)
        assert shown == {f"key{number}": 1, f"x{number}_password": {"$redacted": "password"}}


@pytest.mark.parametrize(
    "text",
    ["-eyJ" * 200_000, "sk-" * 250_000, "://a:" * 150_000, "-----BEGIN PRIVATE KEY-----" * 30_000, "ghp_" * 200_000,
     "Bearer " * 100_000, "AKIA" * 200_000, "eyJaaaaaaaaa." * 50_000],
    ids=lambda text: text[:8],
)  # fmt: skip
def test_texts_made_to_be_slow_are_not(text: str) -> None:
    """Texts on which a pattern would go back and forth for hours are looked through within the test's time."""
    redact_text(text)
    assert recorded({"t": text})
