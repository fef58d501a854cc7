"""The shapes in which providers report usage, and where their responses and stream events keep it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, cast

from holdfast.core.usage import UsageSnapshot

__all__ = ["Counts", "characters", "find_counts", "is_opening", "model_of"]

_PLACES: Final[tuple[tuple[str, ...], ...]] = (
    ("usage",),
    ("usageMetadata",),
    ("usage_metadata",),
    ("response", "usage"),
    ("message", "usage"),
    ("metadata", "usage"),
    ("delta", "usage"),
    ("x_groq", "usage"),
    ("context_wrapper", "usage"),
    ("data", "usage"),
    ("meta",),
    ("response", "meta"),
    ("amazon-bedrock-invocationMetrics",),
    (),
)
"""Where a response or an event of a stream keeps its usage; the last place is the object itself."""

_MOST_TOKENS: Final = 10**12
_MOST_USD: Final = 10**6
"""What one call can take; a provider that says more says something else. Not-a-numbers fail the comparison too."""


class Counts:
    """The numbers of one usage object, by what they mean: `input` with the cached ones in it where
    `includes_cache`, `output` without the `hidden` ones. In a stream later ones replace earlier ones, but
    for those of which `adds_up` says that they are parts of a sum."""

    __slots__ = ("adds_up", "includes_cache", "values")

    def __init__(self, values: dict[str, float], *, includes_cache: bool) -> None:
        self.values = values
        self.includes_cache = includes_cache
        self.adds_up = False

    def usage(self) -> UsageSnapshot:
        value = self.values
        read, write = int(value.get("cache_read", 0)), int(value.get("cache_write", 0))
        sent, output = int(value.get("input", 0)), int(value.get("output", 0))
        reasoning = int(value.get("reasoning", 0))
        if self.includes_cache:
            cached = read + write
            # Behind OpenRouter the same tokens can be written to a cache and read from it in one call.
            sent = max(0, sent - (cached if cached <= sent else max(read, write)))
        sent += int(value.get("extra_input", 0))
        if "hidden" in value:  # Google counts thoughts beside the answer
            reasoning = int(value["hidden"])
            output += reasoning
        elif reasoning and value.get("total") == value.get("input", 0) + output + reasoning:
            output += reasoning  # xAI and others behind OpenAI's shape do too, which only the total shows
        return UsageSnapshot(sent, output, write, read, min(reasoning, output))


def find_counts(response: object) -> Counts | None:
    """The usage in a response, an event or a bare usage object."""
    if isinstance(
        response, (str, bytes, int, float)
    ):  # what most plain functions return, and no place for any
        return None
    for place in _PLACES:
        found = response
        for key in place:
            found = _get(found, key)
        if found is not None:
            for reader in _READERS:
                counts = reader(found)
                if counts is not None:
                    # LangChain's chunks carry parts; Google keeps totals under the same name.
                    counts.adds_up = place == ("usage_metadata",) and reader is _tokens_in_and_out
                    return counts
    return None


def _openai_chat(usage: object) -> Counts | None:
    if _number(usage, "prompt_tokens") is None and _number(usage, "completion_tokens") is None:
        return None
    prompt, completion = _get(usage, "prompt_tokens_details"), _get(usage, "completion_tokens_details")
    values = _present(
        input=_number(usage, "prompt_tokens"),
        output=_number(usage, "completion_tokens"),
        cache_read=_first(
            _number(prompt, "cached_tokens"),
            _number(usage, "prompt_cache_hit_tokens"),  # DeepSeek
            _number(usage, "cache_read_input_tokens"),  # Anthropic behind LiteLLM
            _number(usage, "num_cached_tokens"),  # Mistral
            _number(usage, "cached_tokens"),  # Moonshot
        ),
        cache_write=_first(
            _number(prompt, "cache_write_tokens"), _number(usage, "cache_creation_input_tokens")
        ),
        reasoning=_first(_number(completion, "reasoning_tokens"), _number(usage, "reasoning_tokens")),
        total=_number(usage, "total_tokens"),
        usd=_stated_cost(usage),
    )
    return Counts(values, includes_cache=True)


def _tokens_in_and_out(usage: object) -> Counts | None:
    """Three dialects with one pair of names: OpenAI responses and LangChain count cached tokens in,
    Anthropic counts them beside."""
    if _number(usage, "input_tokens") is None and _number(usage, "output_tokens") is None:
        return None
    openai_in, openai_out = _get(usage, "input_tokens_details"), _get(usage, "output_tokens_details")
    chain_in, chain_out = _get(usage, "input_token_details"), _get(usage, "output_token_details")
    values = _present(
        input=_number(usage, "input_tokens"),
        output=_number(usage, "output_tokens"),
        cache_read=_first(
            _number(usage, "cache_read_input_tokens"),
            _number(openai_in, "cached_tokens"),
            _number(chain_in, "cache_read"),
        ),
        cache_write=_first(
            _number(usage, "cache_creation_input_tokens"),
            _number(openai_in, "cache_write_tokens"),
            _number(chain_in, "cache_creation"),
        ),
        reasoning=_first(
            _number(openai_out, "reasoning_tokens"),
            _number(openai_out, "thinking_tokens"),
            _number(chain_out, "reasoning"),
        ),
        total=_number(usage, "total_tokens"),
        usd=_stated_cost(usage),
    )
    beside = (
        _number(usage, "cache_read_input_tokens") is not None
        or _number(usage, "cache_creation_input_tokens") is not None
    )
    return Counts(values, includes_cache=not beside)


def _google(usage: object) -> Counts | None:
    def count(camel: str, snake: str) -> int | None:
        return _first(_number(usage, camel), _number(usage, snake))

    prompt = count("promptTokenCount", "prompt_token_count")
    answer = count("candidatesTokenCount", "candidates_token_count")
    if prompt is None and answer is None:
        return None
    values = _present(
        input=prompt,
        output=_first(answer, count("responseTokenCount", "response_token_count")),
        cache_read=count("cachedContentTokenCount", "cached_content_token_count"),
        hidden=count("thoughtsTokenCount", "thoughts_token_count"),
        extra_input=count("toolUsePromptTokenCount", "tool_use_prompt_token_count"),
    )
    return Counts(values, includes_cache=True)


def _bedrock(usage: object) -> Counts | None:
    sent = _first(_number(usage, "inputTokens"), _number(usage, "inputTokenCount"))
    output = _first(_number(usage, "outputTokens"), _number(usage, "outputTokenCount"))
    if sent is None and output is None:
        return None
    values = _present(
        input=sent,
        output=output,
        cache_read=_first(_number(usage, "cacheReadInputTokens"), _number(usage, "cacheReadInputTokenCount")),
        cache_write=_first(
            _number(usage, "cacheWriteInputTokens"), _number(usage, "cacheWriteInputTokenCount")
        ),
    )
    return Counts(values, includes_cache=False)


def _cohere(usage: object) -> Counts | None:
    """What is billed, where it is said: the other count has the provider's own prompt in it."""
    for name in ("billed_units", "tokens"):
        units = _get(usage, name)
        sent, output = _number(units, "input_tokens"), _number(units, "output_tokens")
        if sent is not None or output is not None:
            return Counts(_present(input=sent, output=output), includes_cache=False)
    return None


def _ollama(response: object) -> Counts | None:
    sent, output = _number(response, "prompt_eval_count"), _number(response, "eval_count")
    if sent is None and output is None:
        return None
    return Counts(_present(input=sent, output=output), includes_cache=False)


_READERS: Final = (_openai_chat, _tokens_in_and_out, _google, _bedrock, _cohere, _ollama)


def _stated_cost(usage: object) -> float | None:
    """US dollars, as OpenRouter and Perplexity state them. With a key of one's own behind OpenRouter the
    stated cost is its fee, and what the provider takes stands beside it."""
    cost = _get(usage, "cost")
    stated = _amount(cost if _amount(cost) is not None else _get(cost, "total_cost"))
    if stated is not None and _get(usage, "is_byok") is True:
        upstream = _amount(_get(_get(usage, "cost_details"), "upstream_inference_cost"))
        return None if upstream is None else stated + upstream
    return stated


def characters(chunk: object) -> int:
    """How much text, reasoning or tool arguments a chunk of a stream brings."""
    found = _lengths(chunk, "content")
    for choice in _items(chunk, "choices"):
        delta = _get(choice, "delta")
        found += _lengths(delta, "content", "reasoning_content", "reasoning")
        found += sum(_lengths(_get(call, "function"), "arguments") for call in _items(delta, "tool_calls"))
    for candidate in _items(chunk, "candidates"):
        found += sum(_lengths(part, "text") for part in _items(_get(candidate, "content"), "parts"))
    delta = _get(chunk, "delta")
    if isinstance(delta, str):
        return found + len(delta)
    found += _lengths(delta, "text", "thinking", "partial_json")
    found += _lengths(_get(_get(delta, "message"), "content"), "text", "thinking")
    block = _get(_get(chunk, "contentBlockDelta"), "delta")
    found += _lengths(block, "text") + _lengths(_get(block, "reasoningContent"), "text")
    found += _lengths(_get(block, "toolUse"), "input")
    return found + _lengths(_get(chunk, "message"), "content")


def is_opening(chunk: object) -> bool:
    """Anthropic's first event reports an output of a token or two; the rest comes with its last."""
    return _get(chunk, "type") == "message_start"


def model_of(response: object) -> str | None:
    """The name of the model that answered."""
    for around in (None, "response", "message", "data"):
        place = response if around is None else _get(response, around)
        for name in ("model", "modelVersion", "model_version"):
            model = _get(place, name)
            if isinstance(model, str) and model:
                return model
    return None


def _get(thing: object, name: str) -> object:
    # The border to other libraries' objects: anything may be missing, or raise when looked at.
    if thing is None:
        return None
    if type(thing) is dict:  # the common case, a third of the time that asking for any mapping takes
        return cast("dict[str, object]", thing).get(name)
    try:
        if isinstance(thing, Mapping):
            return cast("Mapping[str, object]", thing).get(name)
        return getattr(thing, name, None)
    except Exception:  # noqa: BLE001 - a foreign property may raise what it likes
        return None


def _items(thing: object, name: str) -> list[object]:
    found = _get(thing, name)
    return list(cast("list[object] | tuple[object, ...]", found)) if isinstance(found, (list, tuple)) else []


def _number(thing: object, name: str) -> int | None:
    value = _get(thing, name)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= _MOST_TOKENS:
        return None
    return int(value)


def _amount(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= _MOST_USD:
        return None
    return float(value)


def _lengths(thing: object, *names: str) -> int:
    return sum(len(value) for name in names if isinstance(value := _get(thing, name), str))


def _first(*values: int | None) -> int | None:
    return next((value for value in values if value is not None), None)


def _present(**values: float | None) -> dict[str, float]:
    return {name: value for name, value in values.items() if value is not None}
