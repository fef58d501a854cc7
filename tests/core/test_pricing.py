"""Prices and costs."""

from __future__ import annotations

import logging
import math
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.core.pricing import (
    UNKNOWN_COST,
    Cost,
    CostSource,
    ModelPricing,
    NoPrices,
    PriceTier,
    PricingTable,
    cost_of,
)
from holdfast.core.usage import UsageSnapshot
from holdfast.errors import InvalidInputError
from holdfast.runtime import prices

counts = st.integers(0, 2_000_000)
usages = st.builds(UsageSnapshot, counts, counts, counts, counts)
rates = st.floats(0, 1000, allow_nan=False)
FLAT = ModelPricing(1.0, 2.0)


@given(usages, rates, rates, rates, rates)
def test_a_cost_is_the_sum_of_its_kinds(
    usage: UsageSnapshot, sent: float, output: float, write: float, read: float
) -> None:
    """Each kind of token is charged once, at its own price per million."""
    expected = math.fsum(
        (
            usage.input_tokens * sent / 1e6,
            usage.output_tokens * output / 1e6,
            usage.cache_write_tokens * write / 1e6,
            usage.cache_read_tokens * read / 1e6,
        )
    )
    assert math.isclose(ModelPricing(sent, output, write, read).cost(usage), expected, abs_tol=1e-12)


def test_a_tier_holds_for_the_whole_call() -> None:
    """Above its mark, counted over the whole prompt, a tier's prices replace all four."""
    tier = PriceTier(
        above=100,
        input_per_million=10,
        output_per_million=20,
        cache_write_per_million=0,
        cache_read_per_million=5,
    )
    pricing = ModelPricing(1.0, 2.0, per_request=0.5, tiers=(tier,))
    assert pricing.cost(UsageSnapshot(100, 10)) == pytest.approx(0.5 + 120e-6)
    assert pricing.cost(UsageSnapshot(51, 10, 0, 50)) == pytest.approx(0.5 + (510 + 200 + 250) / 1e6)


def test_names_match_exactly_then_by_longest_prefix_without_case() -> None:
    """The most specific entry wins, and a name that starts like none has no price."""
    long, exact = ModelPricing(3, 3), ModelPricing(5, 5)
    table = PricingTable({"GPT-4": FLAT, "gpt-4o": long, "gpt-4o-mini": exact})
    assert table.find("gpt-4-turbo") is FLAT
    assert table.find("GPT-4o-2024-08-06") is long
    assert table.find("Gpt-4o-Mini") is exact
    assert table.find("claude") is None
    table["gpt-4o"] = FLAT
    assert table.find("gpt-4o-2024-08-06") is FLAT
    del table["GPT-4O-MINI"]
    assert sorted(table) == ["gpt-4", "gpt-4o"]


def test_an_unknown_price_is_an_unknown_cost() -> None:
    """It has no number, and no amount can be called unknown."""
    assert cost_of(NoPrices(), "m", UsageSnapshot(10)) is UNKNOWN_COST
    assert UNKNOWN_COST.usd is None
    assert not UNKNOWN_COST.known
    with pytest.raises(InvalidInputError):
        Cost(0.0, CostSource.UNKNOWN)
    with pytest.raises(InvalidInputError):
        Cost(None, CostSource.COMPUTED)


def test_a_computed_cost_names_its_table() -> None:
    """Source and version come with the number."""
    found = cost_of(PricingTable({"m": FLAT}, version="2026-01"), "m", UsageSnapshot(1_000_000))
    assert found == Cost(1.0, CostSource.COMPUTED, "2026-01")


@pytest.mark.parametrize("price", [-0.1, math.nan, math.inf])
def test_impossible_prices_and_amounts_are_refused(price: float) -> None:
    """Negative, infinite and not-a-number prices name their field."""
    with pytest.raises(InvalidInputError, match="output_per_million"):
        ModelPricing(1.0, price)
    with pytest.raises(InvalidInputError, match="usd"):
        Cost(price, CostSource.REPORTED)


def test_an_empty_model_name_is_refused() -> None:
    """It would be a prefix of every name."""
    with pytest.raises(InvalidInputError, match="model"):
        PricingTable({" ": FLAT})


@pytest.fixture
def registered() -> object:
    yield
    prices.PRICING_TABLE.clear()


@pytest.mark.usefixtures("registered")
def test_registered_prices_win_over_the_maintained_table() -> None:
    """What is registered is asked first; the maintained table answers with its version."""
    usage = UsageSnapshot(1_000_000)
    maintained = prices.cost("gpt-4o", usage)
    assert maintained.source is CostSource.COMPUTED
    assert (maintained.version or "").startswith("genai-prices ")
    assert not prices.has_pricing("house-model-7b")
    prices.register_pricing("house-model", FLAT)
    prices.register_pricing("gpt-4o", FLAT)
    assert prices.has_pricing("house-model-7b")
    assert prices.cost("gpt-4o", usage) == Cost(1.0, CostSource.COMPUTED, "registered")


@pytest.mark.usefixtures("registered")
def test_prices_load_from_a_file_whole_or_not_at_all(tmp_path: Path) -> None:
    """A good file registers its models; a bad one names the place and registers nothing."""
    path = tmp_path / "prices.json"
    path.write_text('{"m1": {"input_per_million": 1, "output_per_million": 2}}')
    prices.load_pricing_from_file(path)
    assert prices.PRICING_TABLE["M1"] == ModelPricing(1, 2)
    path.write_text(
        '{"m2": {"input_per_million": 1, "output_per_million": 2}, "m3": {"input_per_million": "x"}}'
    )
    with pytest.raises(InvalidInputError, match="input_per_million"):
        prices.load_pricing_from_file(str(path))
    assert "m2" not in prices.PRICING_TABLE
    path.write_text("[]")
    with pytest.raises(InvalidInputError, match="prices"):
        prices.load_pricing_from_file(path)


@pytest.mark.parametrize(
    "spelling",
    [
        "claude-sonnet-4-5-20250929",
        "anthropic/claude-sonnet-4-5",
        "openrouter/anthropic/claude-sonnet-4.5",
        "us.anthropic.claude-sonnet-4-5-20250929-v1:0",
        "bedrock/us.anthropic.claude-sonnet-4-5-20250929-v1:0",
    ],
)
def test_routers_and_clouds_spell_the_same_model(spelling: str) -> None:
    """The usual spellings of one model all find a price."""
    assert prices.cost(spelling, UsageSnapshot(1000, 1000)).known


def test_prices_follow_the_hour_where_the_table_says_so() -> None:
    """A price that depends on the time of day is that of the clock."""
    now = datetime(2026, 1, 31, 0, 30, tzinfo=UTC)
    book = prices.CataloguePrices(lambda: now)
    found = set()
    for _ in range(24):
        found.add(cost_of(book, "deepseek-chat", UsageSnapshot(10**6)).usd)
        now += timedelta(hours=1)
    assert len(found) > 1


def test_a_model_without_a_price_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    """The log says it once per model and process, however often it is asked."""
    book = prices.PriceBook(PricingTable())
    with caplog.at_level(logging.WARNING, "holdfast.prices"):
        for _ in range(3):
            assert book.quote("nonesuch") is None
        assert book.find("silent") is None
    assert [record.args for record in caplog.records] == [("nonesuch",)]


@pytest.mark.parametrize("name", ["a/" * 50_000, "x" * 100_000, "/", "", "a/b/c/d/e/f.g"])
def test_names_from_anywhere_are_no_models(name: str) -> None:
    """A name that is long, or deep, or empty has no price, and is no work."""
    assert not prices.cost(name, UsageSnapshot(1)).known
