"""What a server is told when it starts."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from holdfast._settings import data_dir, read_setting
from holdfast.wire.genai import wants_content, wants_newest

__all__ = ["ServerConfig"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerConfig:
    """Fields that come from the settings of the same names are documented there.

    `port` 0 takes any free port. `abandon_after` is in seconds: a run of which nothing was heard for so
    long is ended as failed by the server; the agent's own end still replaces that, should it come.
    `patience` is in seconds: a client that says nothing for so long in the middle of a request is given up.
    `otlp_grpc_port` 0 takes any free port, None opens none. `forward_content` and `forward_newest` say what goes
    along to `forward_to`, and under which names.
    """

    data: Path
    database: str | None = None
    spans: str | None = None
    spans_after: float = 600.0
    host: str = "127.0.0.1"
    port: int = 4653
    max_body: int = 64 << 20
    abandon_after: float = 6 * 3600.0
    sweep_every: float = 60.0
    patience: float = 30.0
    otlp_grpc_port: int | None = None
    forward_to: str | None = None
    forward_headers: str | None = None
    forward_content: bool = False
    forward_newest: bool = False

    @classmethod
    def from_settings(
        cls,
        *,
        data: Path | str | None = None,
        database: str | None = None,
        spans: str | None = None,
        host: str | None = None,
        port: int | None = None,
    ) -> ServerConfig:
        """Arguments that are not None win over the environment and the settings file."""
        directory = read_setting("data", None if data is None else str(data))
        return cls(
            data=Path(directory) if directory else data_dir(),
            database=read_setting("database", database),
            spans=read_setting("spans", spans),
            spans_after=read_setting("spans_after"),
            host=read_setting("host", host),
            port=read_setting("port", port),
            max_body=read_setting("max_body"),
            abandon_after=read_setting("abandon_after"),
            otlp_grpc_port=read_setting("otlp_grpc_port") or None,
            forward_to=read_setting("forward_to"),
            forward_headers=read_setting("forward_headers"),
            forward_content=wants_content(read_setting("forward_content")),
            forward_newest=wants_newest(read_setting("forward_names") or ""),
        )
