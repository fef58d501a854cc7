"""What lists and totals need out of a span's attributes: model, tokens, cost."""

from __future__ import annotations

from typing import Final

import msgspec
from msgspec import Struct

from holdfast.server.services.reading import text
from holdfast.server.stores.rows import BodyRow, SpanRow
from holdfast.server.stores.schema.record import SPAN_AGGREGATE
from holdfast.wire import attributes as names
from holdfast.wire.vocabulary import CostSource, SpanType

__all__ = ["read_told_usage", "read_usage", "tells_in_body"]

_LARGEST: Final = 1 << 50
"""A token count or a cost beyond this is a mistake of the sender; it is left out, not summed up."""

_SOURCES: Final = {source.value for source in CostSource}


class _Usage(
    Struct,
    frozen=True,
    rename={
        "operation": names.OPERATION,
        "provider": names.PROVIDER,
        "requested": names.REQUEST_MODEL,
        "model": names.RESPONSE_MODEL,
        "input": names.INPUT_TOKENS,
        "output": names.OUTPUT_TOKENS,
        "cache_read": names.CACHE_READ_TOKENS,
        "cache_write": names.CACHE_WRITE_TOKENS,
        "reasoning": names.REASONING_TOKENS,
        "cost": names.COST_USD,
        "source": names.COST_SOURCE,
        "tool": names.TOOL_NAME,
        "error_type": names.ERROR_TYPE,
        "repeated": names.USAGE_REPEATED,
    }.get,
):
    operation: str | None = None
    provider: str | None = None
    requested: str | None = None
    model: str | None = None
    input: float | None = None
    output: float | None = None
    cache_read: float | None = None
    cache_write: float | None = None
    reasoning: float | None = None
    cost: float | None = None
    source: str | None = None
    tool: str | None = None
    error_type: str | None = None
    repeated: bool | None = None


_decode: Final = msgspec.json.Decoder(_Usage).decode
_decode_any: Final = msgspec.json.Decoder(dict[str, object]).decode


def read_usage(row: SpanRow, attributes: bytes, *, over: bool) -> None:
    """Put what the attributes say into the row's columns; with `over`, also where they are filled already.

    An attribute of the wrong type counts as missing; so do numbers that are negative or absurd.
    """
    # One of these is in every name read here: most spans have none and need no decoding.
    if (
        b"gen_ai." not in attributes
        and b"holdfast.cost." not in attributes
        and b"error.type" not in attributes
    ):
        return
    try:
        usage = _decode(attributes)
    except msgspec.ValidationError:
        usage = _tolerantly(attributes)
    if usage.repeated or usage.operation == "invoke_agent":
        row.flags |= SPAN_AGGREGATE
    model = usage.model or usage.requested
    if model and (over or row.model is None):
        row.model = text(model, 200)
    if usage.provider and (over or row.provider is None):
        row.provider = text(usage.provider, 200)
    if usage.tool and (over or row.tool is None):
        row.tool = text(usage.tool, 200)
    if usage.error_type and (over or row.error_type is None):
        row.error_type = text(usage.error_type, 200)
    if usage.input is not None and (over or row.input_tokens is None):
        row.input_tokens = _count(usage.input)
    if usage.output is not None and (over or row.output_tokens is None):
        row.output_tokens = _count(usage.output)
    if usage.cache_read is not None and (over or row.cache_read_tokens is None):
        row.cache_read_tokens = _count(usage.cache_read)
    if usage.cache_write is not None and (over or row.cache_write_tokens is None):
        row.cache_write_tokens = _count(usage.cache_write)
    if usage.reasoning is not None and (over or row.reasoning_tokens is None):
        row.reasoning_tokens = _count(usage.reasoning)
    _read_cost(row, usage, over=over)


class _Tokens(Struct, frozen=True):
    prompt_tokens: float | None = None
    completion_tokens: float | None = None


class _Told(Struct, frozen=True):
    token_usage: _Tokens | None = None
    model_name: str | None = None
    provider: str | None = None


_decode_told: Final = msgspec.json.Decoder(_Told).decode


def tells_in_body(row: SpanRow) -> bool:
    """Whether it is a model call of a client that has no attributes. Types of its agents do not end in `:llm`:
    those tell the same tokens again."""
    kind = row.schema_name
    return kind is not None and kind.endswith(":llm") and kind != SpanType.LLM


def read_told_usage(row: SpanRow, body: BodyRow) -> None:
    """Fill in what the result or the payload of such a call tells. To be called when it has ended and its start is
    known, with the whole body, after the attributes have been read."""
    for data in (body.result_payload, body.payload):
        if data is None or (b'"token_usage"' not in data and b'"model_name"' not in data):
            continue
        try:
            told = _decode_told(data)
        except (msgspec.DecodeError, RecursionError):
            continue
        if told.token_usage is not None:
            if row.input_tokens is None:
                row.input_tokens = _count(told.token_usage.prompt_tokens)
            if row.output_tokens is None:
                row.output_tokens = _count(told.token_usage.completion_tokens)
        row.model = row.model or (told.model_name[:200] if told.model_name else None)
        row.provider = row.provider or (told.provider[:200] if told.provider else None)


def _count(number: float | None) -> int | None:
    return int(number) if number is not None and 0 <= number <= _LARGEST else None


def _read_cost(row: SpanRow, usage: _Usage, *, over: bool) -> None:
    if row.cost_source is not None and not over:
        return
    source = usage.source if usage.source in _SOURCES else None
    if usage.cost is not None and 0 <= usage.cost * 1e9 <= _LARGEST and source != CostSource.UNKNOWN:
        row.cost_nano = round(usage.cost * 1e9)
        row.cost_source = source or CostSource.REPORTED.value
    elif source is not None:
        row.cost_nano = None
        row.cost_source = CostSource.UNKNOWN.value


def _tolerantly(attributes: bytes) -> _Usage:
    try:
        known = _decode_any(attributes)
    except (msgspec.ValidationError, RecursionError):
        return _Usage()
    usable = {}
    for name in _Usage.__struct_encode_fields__:
        try:
            usable[name] = msgspec.convert(known.get(name), _FIELD_TYPES[name])
        except msgspec.ValidationError:
            continue
    return msgspec.convert(usable, _Usage)


_FIELD_TYPES: Final = {field.encode_name: field.type for field in msgspec.structs.fields(_Usage)}
