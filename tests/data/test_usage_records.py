"""Usage read out of real provider responses, against what was recorded beside them."""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from holdfast.core.usage_readers import StreamUsage, UsageReading, read_usage
from needs import need_data

pytestmark = pytest.mark.data


def exchanges(*, stream: bool) -> Iterator[dict[str, Any]]:
    with gzip.open(need_data() / "provider_http.jsonl.gz", "rt", encoding="utf-8") as lines:
        for line in lines:
            record = json.loads(line)
            if record["stream"] is stream:
                yield record


def events(text: str) -> list[dict[str, Any]]:
    lines = (line[5:].strip() for line in text.splitlines() if line.startswith("data:"))
    return [json.loads(line) for line in lines if line not in ("", "[DONE]")]


def read_stream(chunks: list[dict[str, Any]]) -> UsageReading | None:
    usage = StreamUsage()
    for chunk in chunks:
        usage.add(chunk)
    return usage.reading()


def assert_agrees(reading: UsageReading | None, record: dict[str, Any]) -> None:
    """The recorded numbers are as the provider counts, of the first event in Anthropic's streams (with server
    tools the last one has more); ours are split, and include what Google counts beside them: thoughts, and
    the prompts of its own tools."""
    expected = record["normalized"]
    if expected["input_tokens"] is None and expected["output_tokens"] is None:
        assert reading is None or reading.estimated
        return
    assert reading is not None
    usage = reading.usage
    text = json.dumps(record["response"]).replace("\\", "")
    searched = re.findall(r'"toolUsePromptTokenCount": ?(\d+)', text)
    if record["api"] == "anthropic" and record["stream"]:
        assert usage.input_tokens >= expected["input_tokens"]
    elif record["api"] in ("anthropic", "bedrock"):
        assert usage.input_tokens == expected["input_tokens"]
    else:
        overlap = min(usage.cache_read_tokens, usage.cache_write_tokens)
        prompt = usage.prompt_tokens - overlap - int(searched[-1] if searched else 0)
        assert prompt == expected["input_tokens"]
    hidden = usage.reasoning_tokens if record["api"] == "gemini" else 0
    assert usage.output_tokens - hidden == (expected["output_tokens"] or 0)
    assert expected["cached_input_tokens"] in (None, usage.cache_read_tokens)
    assert not reading.estimated


def test_whole_responses_give_the_recorded_usage() -> None:
    """Every recorded response of every provider gives the tokens that were recorded for it."""
    wrong = []
    count = 0
    for record in exchanges(stream=False):
        count += 1
        try:
            assert_agrees(read_usage(record["response"]), record)
        except AssertionError as error:
            wrong.append((record["provider"], record["api"], record["normalized"], str(error)[:200]))
    assert count > 150
    assert wrong == []


def test_streams_give_the_recorded_usage() -> None:
    """Every recorded stream, event by event, gives the tokens that were recorded for it."""
    wrong = []
    count = 0
    for record in exchanges(stream=True):
        count += 1
        try:
            assert_agrees(read_stream(events(record["response"])), record)
        except AssertionError as error:
            wrong.append((record["provider"], record["api"], record["normalized"], str(error)[:200]))
    assert count > 50
    assert wrong == []


def test_a_stream_that_breaks_off_keeps_what_it_used() -> None:
    """Wherever a stream is cut: a prompt once reported stays known, and text that came counts as output."""
    for record in exchanges(stream=True):
        usage = StreamUsage()
        reported, texts = False, False
        for chunk in events(record["response"]):
            usage.add(chunk)
            reading = usage.reading()
            texts = texts or bool(
                re.search(r'"(text|content|partial_json|arguments)": "[^"]', json.dumps(chunk))
            )
            if reading is not None:
                reported = reported or reading.usage.prompt_tokens > 0
                assert reported == (reading.usage.prompt_tokens > 0)
        if texts:
            assert reading is not None
            assert reading.usage.output_tokens > 0


def test_responses_name_the_model_that_answered() -> None:
    """The model is read from wherever the provider puts it (Bedrock Converse names none)."""
    for record in exchanges(stream=False):
        reading = read_usage(record["response"])
        if reading is not None and record["api"] != "bedrock":
            assert reading.model, record["provider"]
