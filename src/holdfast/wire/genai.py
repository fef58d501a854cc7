"""What OpenTelemetry's own environment variables say about telling of generative AI."""

from __future__ import annotations

from typing import Final

__all__ = ["wants_content", "wants_newest"]

_OPT_IN: Final = "gen_ai_latest_experimental"
_CONTENT_ON: Final = frozenset({"true", "1", "span_only", "span_and_event"})


def wants_newest(opt_in: str) -> bool:
    """Whether `OTEL_SEMCONV_STABILITY_OPT_IN` asks for what came after GenAI 1.41."""
    return _OPT_IN in {word.strip() for word in opt_in.split(",")}


def wants_content(capture: str) -> bool:
    """Whether `OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT` asks for content on spans."""
    return capture.strip().lower() in _CONTENT_ON
