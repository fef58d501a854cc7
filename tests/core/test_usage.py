"""Usage snapshots, running totals, and usage read from responses (real ones: tests/data)."""

from __future__ import annotations

import math
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.core.pricing import Cost, CostSource, ModelPricing, PricingTable
from holdfast.core.usage import NO_USAGE, UsageSnapshot
from holdfast.core.usage_readers import StreamUsage, read_usage
from holdfast.core.usage_totals import UsageTotals
from holdfast.errors import InvalidInputError
from holdfast.runtime.usage import UsageTracker

counts = st.integers(0, 10**7)


@st.composite
def snapshots(draw: st.DrawFn) -> UsageSnapshot:
    output = draw(counts)
    return UsageSnapshot(draw(counts), output, draw(counts), draw(counts), draw(st.integers(0, output)))


@given(snapshots())
def test_a_snapshot_survives_dict_and_json(usage: UsageSnapshot) -> None:
    """What was written is read back equal."""
    assert UsageSnapshot.from_dict(usage.to_dict()) == usage
    assert UsageSnapshot.from_json(usage.to_json()) == usage


@pytest.mark.parametrize(
    "bad", [{"input_tokens": -1}, {"reasoning_tokens": 1}, {"output_tokens": 1, "reasoning_tokens": 2}]
)
def test_impossible_counts_are_refused(bad: dict[str, int]) -> None:
    """Negative counts, and more reasoning than output, are refused at construction."""
    with pytest.raises(InvalidInputError):
        UsageSnapshot(**bad)


@pytest.mark.parametrize(
    "text", ["", "[]", '{"input_tokens": "7"}', '{"input_tokens": true}', '{"output_tokens": 1.5}']
)
def test_what_is_no_snapshot_is_refused(text: str) -> None:
    """Text of another shape is a typed error; keys that are missing count 0."""
    with pytest.raises(InvalidInputError):
        UsageSnapshot.from_json(text)
    assert UsageSnapshot.from_dict({"model": "m"}) == NO_USAGE


PRICES = PricingTable({"a": ModelPricing(1.0, 2.0, 3.0, 0.5), "b": ModelPricing(10.0, 20.0)}, version="v1")


@given(st.lists(st.tuples(st.sampled_from(["a", "b", "unpriced"]), snapshots()), max_size=20))
def test_running_totals_are_the_sums(turns: list[tuple[str, UsageSnapshot]]) -> None:
    """However they were added, the totals are those of adding everything up again."""
    totals = UsageTotals(turns[:3], prices=PRICES)
    for model, usage in turns[3:]:
        totals.record_turn(model, usage)
    assert totals.turns == turns
    assert totals.usage == sum((usage for _, usage in turns), NO_USAGE)
    assert totals.total_input_tokens == sum(usage.input_tokens for _, usage in turns)
    assert totals.total_output_tokens == sum(usage.output_tokens for _, usage in turns)
    known = math.fsum(PRICES[model].cost(usage) for model, usage in turns if model != "unpriced")
    assert math.isclose(totals.total_cost(), known, rel_tol=1e-9, abs_tol=1e-12)
    has_unknown = any(model == "unpriced" for model, _ in turns)
    assert totals.unpriced_models == (("unpriced",) if has_unknown else ())
    assert (totals.cost().usd is None) == has_unknown
    assert set(totals.per_model_summary()) == {model for model, _ in turns}


def test_unknown_is_never_shown_as_nothing() -> None:
    """A model without a price: no number anywhere, and the parts that are known say what they leave out."""
    totals = UsageTotals(prices=PRICES)
    totals.record_turn("mystery", UsageSnapshot(10, 10))
    assert totals.format_cost() == "unknown"
    assert math.isnan(totals.cost_for_turn("mystery", UsageSnapshot(1)))
    assert totals.per_model_summary() == {"mystery": None}
    totals.record_turn("a", UsageSnapshot(2_000_000))
    assert totals.format_cost() == "$2.00 + 1 of 2 turns unknown"
    summary = totals.summary()
    assert (summary["total_cost_usd"], summary["known_cost_usd"]) == (None, 2.0)
    assert summary["unpriced_models"] == ["mystery"]
    assert totals.per_model()["mystery"].unpriced_turns == 1


def test_costs_show_four_decimals_under_a_cent() -> None:
    """And two from a cent on."""
    totals = UsageTotals(prices=PRICES)
    assert totals.format_cost() == "$0.0000"
    totals.record_turn("a", UsageSnapshot(1_234))
    assert totals.format_cost() == "$0.0012"
    totals.record_turn("a", UsageSnapshot(1_000_000))
    assert totals.format_cost() == "$1.00"
    assert totals.is_over_budget(1.0)
    assert not totals.is_over_budget(1.001234)
    assert totals.budget_remaining(2.0) == pytest.approx(0.998766)


def test_a_stated_cost_is_taken_as_stated() -> None:
    """What the provider reports wins over the prices, and the sum says the weakest source."""
    totals = UsageTotals(prices=PRICES)
    totals.record_turn("mystery", UsageSnapshot(10), Cost(0.25, CostSource.REPORTED))
    assert totals.cost() == Cost(0.25, CostSource.REPORTED)
    totals.record_turn("a", UsageSnapshot(1_000_000))
    assert totals.cost() == Cost(1.25, CostSource.COMPUTED)
    totals.record_turn("a", NO_USAGE, Cost(0.5, CostSource.ESTIMATED))
    assert totals.cost().source is CostSource.ESTIMATED


def test_a_version_stays_where_all_turns_share_it() -> None:
    """The total names the price table unless there were two."""
    totals = UsageTotals([("a", UsageSnapshot(1)), ("b", UsageSnapshot(1))], prices=PRICES)
    assert totals.cost().version == "v1"
    totals.record_turn("a", NO_USAGE, Cost(0.5, CostSource.COMPUTED, "v2"))
    assert totals.cost().version is None


def test_the_tracker_finds_prices_by_itself() -> None:
    """`UsageTracker()` uses the prices of the process."""
    tracker = UsageTracker()
    assert tracker.record_turn("gpt-4o", UsageSnapshot(1000, 1000)).known
    assert tracker.total_cost() > 0


def as_object(value: Any) -> Any:
    if isinstance(value, dict):
        return SimpleNamespace(**{key: as_object(inner) for key, inner in value.items()})
    return [as_object(inner) for inner in value] if isinstance(value, list) else value


SHAPES: list[tuple[str, dict[str, Any], UsageSnapshot]] = [
    (
        "OpenAI chat",
        {
            "usage": {
                "prompt_tokens": 100,
                "completion_tokens": 50,
                "total_tokens": 150,
                "prompt_tokens_details": {"cached_tokens": 40},
                "completion_tokens_details": {"reasoning_tokens": 30},
            }
        },
        UsageSnapshot(60, 50, 0, 40, 30),
    ),
    (
        "xAI, whose completion leaves reasoning out",
        {
            "usage": {
                "prompt_tokens": 100,
                "completion_tokens": 20,
                "total_tokens": 150,
                "completion_tokens_details": {"reasoning_tokens": 30},
            }
        },
        UsageSnapshot(100, 50, 0, 0, 30),
    ),
    (
        "OpenAI responses",
        {
            "usage": {
                "input_tokens": 100,
                "input_tokens_details": {"cached_tokens": 40},
                "output_tokens": 50,
                "output_tokens_details": {"reasoning_tokens": 30},
                "total_tokens": 150,
            }
        },
        UsageSnapshot(60, 50, 0, 40, 30),
    ),
    (
        "Anthropic",
        {
            "usage": {
                "input_tokens": 60,
                "cache_creation_input_tokens": 20,
                "cache_read_input_tokens": 40,
                "output_tokens": 50,
            }
        },
        UsageSnapshot(60, 50, 20, 40),
    ),
    (
        "Google SDK",
        {
            "usage_metadata": {
                "prompt_token_count": 100,
                "cached_content_token_count": 40,
                "candidates_token_count": 20,
                "thoughts_token_count": 30,
                "tool_use_prompt_token_count": 5,
            }
        },
        UsageSnapshot(65, 50, 0, 40, 30),
    ),
    (
        "Bedrock Converse",
        {
            "usage": {
                "inputTokens": 60,
                "outputTokens": 50,
                "cacheReadInputTokens": 40,
                "cacheWriteInputTokens": 20,
            }
        },
        UsageSnapshot(60, 50, 20, 40),
    ),
    (
        "DeepSeek",
        {"usage": {"prompt_tokens": 100, "prompt_cache_hit_tokens": 40, "completion_tokens": 5}},
        UsageSnapshot(60, 5, 0, 40),
    ),
    (
        "Mistral",
        {"usage": {"prompt_tokens": 100, "completion_tokens": 5, "total_tokens": 105}},
        UsageSnapshot(100, 5),
    ),
    (
        "Cohere v2",
        {
            "usage": {
                "billed_units": {"input_tokens": 5, "output_tokens": 7},
                "tokens": {"input_tokens": 71, "output_tokens": 7},
            }
        },
        UsageSnapshot(5, 7),
    ),
    ("Cohere v1", {"meta": {"billed_units": {"input_tokens": 5, "output_tokens": 7}}}, UsageSnapshot(5, 7)),
    (
        "Ollama",
        {"message": {"content": "hi"}, "prompt_eval_count": 26, "eval_count": 29},
        UsageSnapshot(26, 29),
    ),
    (
        "LangChain",
        {
            "usage_metadata": {
                "input_tokens": 100,
                "output_tokens": 50,
                "total_tokens": 150,
                "input_token_details": {"cache_read": 40},
                "output_token_details": {"reasoning": 30},
            }
        },
        UsageSnapshot(60, 50, 0, 40, 30),
    ),
    ("a bare usage object", {"prompt_tokens": 3, "completion_tokens": 4}, UsageSnapshot(3, 4)),
]


@pytest.mark.parametrize("form", [dict, as_object], ids=["dict", "object"])
@pytest.mark.parametrize(
    ("response", "expected"), [shape[1:] for shape in SHAPES], ids=[shape[0] for shape in SHAPES]
)
def test_each_shape_is_read_from_dicts_and_from_objects(
    form: Callable[[Any], Any], response: dict[str, Any], expected: UsageSnapshot
) -> None:
    """Cached tokens are split from the prompt, reasoning is a part of the output, whatever the dialect."""
    reading = read_usage(form(response))
    assert reading is not None
    assert reading.usage == expected


def test_openrouter_states_its_cost() -> None:
    """A stated cost is read as such; with the customer's own key the provider's part is added."""
    usage: dict[str, Any] = {"prompt_tokens": 1, "completion_tokens": 1, "cost": 0.25}
    reading = read_usage({"usage": usage, "model": "x/y"})
    assert reading is not None
    assert (reading.cost, reading.model) == (Cost(0.25, CostSource.REPORTED), "x/y")
    own_key = read_usage(
        {"usage": {**usage, "is_byok": True, "cost_details": {"upstream_inference_cost": 0.5}}}
    )
    assert own_key is not None
    assert own_key.reported_usd == 0.75


class Hostile:
    @property
    def usage(self) -> object:
        raise RuntimeError("do not look")


@pytest.mark.parametrize(
    "thing",
    [
        None,
        "text",
        7,
        [],
        {},
        object(),
        Hostile(),
        {"usage": None},
        {"usage": {"prompt_tokens": "many"}},
        {"usage": {"prompt_tokens": -5}},
        {"usage": {"prompt_tokens": math.nan}},
    ],
)
def test_what_has_no_usage_gives_none(thing: object) -> None:
    """Whatever it is handed, the reader answers None and never raises."""
    assert read_usage(thing) is None
    stream = StreamUsage()
    stream.add(thing)
    assert stream.reading() is None


def test_anthropic_streams_are_put_together() -> None:
    """Input comes with the first event, output with the last."""
    stream = StreamUsage()
    stream.add(
        {
            "type": "message_start",
            "message": {
                "model": "claude",
                "usage": {
                    "input_tokens": 60,
                    "cache_read_input_tokens": 40,
                    "cache_creation_input_tokens": 0,
                    "output_tokens": 1,
                },
            },
        }
    )
    stream.add({"type": "content_block_delta", "delta": {"type": "text_delta", "text": "x" * 400}})
    broken = stream.reading()
    assert broken is not None
    assert broken.estimated
    assert broken.usage == UsageSnapshot(60, 101, 0, 40)
    stream.add(
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 90}}
    )
    whole = stream.reading()
    assert whole is not None
    assert not whole.estimated
    assert (whole.usage, whole.model) == (UsageSnapshot(60, 90, 0, 40), "claude")


def test_a_broken_openai_stream_estimates_the_text_that_came() -> None:
    """Without the last chunk no usage was reported: the text counts four characters to a token."""
    stream = StreamUsage()
    for _ in range(10):
        stream.add({"choices": [{"delta": {"content": "12345678"}}], "usage": None})
    reading = stream.reading()
    assert reading is not None
    assert reading.estimated
    assert reading.usage == UsageSnapshot(0, 20)


def test_langchain_chunks_are_parts_of_a_sum() -> None:
    """Each chunk's usage is added, where others' chunks replace each other."""
    stream = StreamUsage()
    stream.add(
        {"content": "", "usage_metadata": {"input_tokens": 10, "output_tokens": 0, "total_tokens": 10}}
    )
    stream.add(
        {"content": "hi", "usage_metadata": {"input_tokens": 0, "output_tokens": 3, "total_tokens": 3}}
    )
    reading = stream.reading()
    assert reading is not None
    assert reading.usage == UsageSnapshot(10, 3)


def test_real_openai_and_anthropic_objects_are_read() -> None:
    """The objects that the vendors' own libraries build."""
    openai_types = pytest.importorskip("openai.types.chat")
    anthropic_types = pytest.importorskip("anthropic.types")
    completion = openai_types.ChatCompletion.model_validate(
        {
            "id": "1",
            "object": "chat.completion",
            "created": 1,
            "model": "gpt-4o",
            "choices": [],
            "usage": {
                "prompt_tokens": 10,
                "completion_tokens": 5,
                "total_tokens": 15,
                "prompt_tokens_details": {"cached_tokens": 4},
            },
        }
    )
    reading = read_usage(completion)
    assert reading is not None
    assert (reading.usage, reading.model) == (UsageSnapshot(6, 5, 0, 4), "gpt-4o")
    usage = anthropic_types.Usage(input_tokens=6, output_tokens=5, cache_read_input_tokens=4)
    reading = read_usage(SimpleNamespace(usage=usage, model="claude"))
    assert reading is not None
    assert reading.usage == UsageSnapshot(6, 5, 0, 4)
