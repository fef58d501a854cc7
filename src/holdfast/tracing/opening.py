"""From the settings to the sink that a client's operations go to."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

from holdfast.errors import SettingError
from holdfast.tracing.sink import NoSink, Sink

if TYPE_CHECKING:
    from holdfast.tracing.client import ClientConfig

__all__ = ["open_sink"]

_LOG: Final = logging.getLogger("holdfast")


def open_sink(
    config: ClientConfig, *, token: str | None, spool: str | None, any_server: bool = False
) -> Sink:
    """The spool and exporter for this destination; for a disabled client, nothing at all."""
    if config.disabled:
        return NoSink()
    from holdfast.tracing.pipeline import Destination, PipelineOptions, open_pipeline

    try:
        options = PipelineOptions.from_settings(spool)
    except SettingError as error:
        _LOG.warning("%s; going on with the defaults of spool and delivery", error)
        options = PipelineOptions()
    return open_pipeline(Destination(url=config.url, token=token, any_server=any_server), options)
