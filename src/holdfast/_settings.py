"""The settings: one row each. Argument > environment > settings file > default. Importing reads nothing."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

import platformdirs

from holdfast.errors import SettingError

__all__ = ["SETTINGS", "Setting", "config_file", "data_dir", "read_setting", "setting_source", "state_dir"]

_UNITS: Final = {
    "": 1,
    "k": 1 << 10,
    "m": 1 << 20,
    "g": 1 << 30,
    "kib": 1 << 10,
    "mib": 1 << 20,
    "gib": 1 << 30,
}


def _size(text: str) -> int:
    digits = text.strip().rstrip("kKmMgGiIbB")
    unit = text.strip()[len(digits) :].lower()
    return int(float(digits) * _UNITS[unit.removesuffix("b") if unit not in _UNITS else unit])


def _flag(text: str) -> bool:
    word = text.strip().lower()
    if word in {"1", "true", "yes", "on"}:
        return True
    if word in {"0", "false", "no", "off", ""}:
        return False
    raise ValueError(text)


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One setting. `kind` says what a value may be: text, int, float, flag, size (bytes or `64MiB`)."""

    name: str
    env: str
    kind: str
    default: str | int | float | bool | None
    help: str


_PARSE: Final[Mapping[str, Callable[[str], Any]]] = {
    "text": str,
    "int": int,
    "float": float,
    "flag": _flag,
    "size": _size,
}

_ROWS: Final = (
    # --- what to record, and where to
    ("url", "HOLDFAST_URL", "text", "http://127.0.0.1:4653", "Address of the server."),
    (
        "token",
        "HOLDFAST_TOKEN",
        "text",
        None,
        "Token to write with. On the server's own machine none is needed.",
    ),
    ("agent", "HOLDFAST_AGENT", "text", None, "Name or id of the agent, where `init` is not told."),
    ("version", "HOLDFAST_AGENT_VERSION", "text", None, "Version of the agent, where `init` is not told."),
    ("environment", "HOLDFAST_ENVIRONMENT", "text", None, "Environment that runs belong to."),
    ("purpose", "HOLDFAST_PURPOSE", "text", "live", "What runs are for: live, smoke_test or eval."),
    ("disabled", "HOLDFAST_DISABLED", "flag", False, "Record nothing: every call still works."),
    (
        "raise_errors",
        "HOLDFAST_RAISE",
        "flag",
        False,
        "Raise inside recording calls instead of logging. For tests.",
    ),
    # --- payloads
    (
        "max_payload",
        "HOLDFAST_MAX_PAYLOAD",
        "size",
        1 << 20,
        "Largest payload kept; a larger one is truncated and marked.",
    ),
    (
        "capture_arguments",
        "HOLDFAST_CAPTURE_ARGUMENTS",
        "flag",
        True,
        "`observe` records what a function is called with.",
    ),
    ("capture_result", "HOLDFAST_CAPTURE_RESULT", "flag", True, "`observe` records what a function returns."),
    (
        "redact",
        "HOLDFAST_REDACT",
        "flag",
        True,
        "Take secrets out of payloads before they leave the process.",
    ),
    # --- spool and delivery
    (
        "spool",
        "HOLDFAST_SPOOL",
        "text",
        None,
        "Directory of the spool. Default: the platform's state directory.",
    ),
    (
        "spool_max",
        "HOLDFAST_SPOOL_MAX",
        "size",
        1 << 30,
        "Most that a spool may hold on disk; past it the oldest go, counted.",
    ),
    (
        "spool_memory",
        "HOLDFAST_SPOOL_MEMORY",
        "size",
        32 << 20,
        "Most kept in memory where no disk can be written.",
    ),
    (
        "fsync_interval",
        "HOLDFAST_FSYNC_INTERVAL",
        "float",
        0.0,
        "Seconds between fsyncs, against power loss. 0: never.",
    ),
    (
        "export_interval",
        "HOLDFAST_EXPORT_INTERVAL",
        "float",
        0.2,
        "Longest wait in seconds before what was recorded is sent.",
    ),
    ("timeout", "HOLDFAST_TIMEOUT", "float", 10.0, "Seconds for one request to the server."),
    (
        "flush_timeout",
        "HOLDFAST_FLUSH_TIMEOUT",
        "float",
        2.0,
        "Seconds that a process end may wait for delivery.",
    ),
    (
        "ca_bundle",
        "HOLDFAST_CA_BUNDLE",
        "text",
        None,
        "File of certificates to trust instead of the system's.",
    ),
    (
        "compress",
        "HOLDFAST_COMPRESS",
        "text",
        "auto",
        "Compress what is sent: auto (not on loopback), always, never.",
    ),
    # --- server
    (
        "data",
        "HOLDFAST_DATA",
        "text",
        None,
        "Directory of the embedded database. Default: the platform's data directory.",
    ),
    (
        "database",
        "HOLDFAST_DATABASE",
        "text",
        None,
        "Address of a PostgreSQL database: `postgresql://user:password@host/name`. Default: the embedded one.",
    ),
    (
        "spans",
        "HOLDFAST_SPANS",
        "text",
        None,
        "Address of a ClickHouse database that settled spans and events are moved to: "
        "`clickhouse://user:password@host:8123/name`. Default: they stay in the database.",
    ),
    (
        "spans_after",
        "HOLDFAST_SPANS_AFTER",
        "float",
        600.0,
        "Seconds that an ended run must be quiet before its spans are moved to ClickHouse.",
    ),
    ("host", "HOLDFAST_HOST", "text", "127.0.0.1", "Address that `serve` listens on."),
    ("port", "HOLDFAST_PORT", "int", 4653, "Port that `serve` listens on."),
    ("max_body", "HOLDFAST_MAX_BODY", "size", 64 << 20, "Largest request body, after decompression."),
    (
        "abandon_after",
        "HOLDFAST_ABANDON_AFTER",
        "float",
        21_600.0,
        "Seconds of silence after which the server ends a run as failed.",
    ),
    # --- OpenTelemetry, beside the server's own port
    (
        "otlp_grpc_port",
        "HOLDFAST_OTLP_GRPC_PORT",
        "int",
        0,
        "Port on which `serve` takes OTLP over gRPC. 0: none.",
    ),
    (
        "forward_to",
        "HOLDFAST_FORWARD_TO",
        "text",
        None,
        "OTLP/HTTP endpoint that the server sends runs on to, such as `http://127.0.0.1:4318`.",
    ),
    (
        "forward_headers",
        "HOLDFAST_FORWARD_HEADERS",
        "text",
        None,
        "Headers for it: `name=value,name=value`, percent-encoded.",
    ),
    (
        "forward_content",
        "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT",
        "text",
        "NO_CONTENT",
        "`SPAN_ONLY` sends on what was said too: messages, arguments, results.",
    ),
    (
        "forward_names",
        "OTEL_SEMCONV_STABILITY_OPT_IN",
        "text",
        None,
        "`gen_ai_latest_experimental` sends on under the names that came after GenAI 1.41.",
    ),
)

SETTINGS: Final[Mapping[str, Setting]] = {
    name: Setting(name=name, env=env, kind=kind, default=default, help=text)
    for name, env, kind, default, text in _ROWS
}


def config_file() -> Path:
    """The settings file: `HOLDFAST_CONFIG`, else `config.toml` in the platform's configuration directory."""
    named = os.environ.get("HOLDFAST_CONFIG")
    return Path(named) if named else Path(platformdirs.user_config_dir("holdfast")) / "config.toml"


def state_dir() -> Path:
    """Where the SDK keeps the spool and finds the local server's address, unless told otherwise."""
    return Path(platformdirs.user_state_dir("holdfast"))


def data_dir() -> Path:
    """Where the embedded database lives, unless told otherwise."""
    return Path(platformdirs.user_data_dir("holdfast"))


@cache
def _file_values(path: Path, changed_ns: int) -> Mapping[str, Any]:
    del changed_ns  # only there to read the file again once it has changed
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingError(str(path), f"cannot be read: {error}", "mend or remove the file") from None


def _from_file(name: str) -> Any:
    path = config_file()
    try:
        changed = path.stat().st_mtime_ns
    except OSError:
        return None
    return _file_values(path, changed).get(name)


def setting_source(name: str) -> str:
    """Where a setting that no argument gives has its value from: its variable, the file, or `default`."""
    variable = SETTINGS[name].env
    if os.environ.get(variable):
        return variable
    return "default" if _from_file(name) is None else str(config_file())


def read_setting(name: str, given: Any = None) -> Any:
    """The value of a setting: `given` unless it is None, else environment, file, default.

    Raises `SettingError`, which names where the value came from, for one that does not fit.
    """
    row = SETTINGS[name]
    if given is not None:
        return _fit(row, given, name)
    text = os.environ.get(row.env)
    if text is not None and text != "":
        return _fit(row, text, row.env)
    filed = _from_file(name)
    return row.default if filed is None else _fit(row, filed, f"{name} in {config_file()}")


def _fit(row: Setting, value: Any, source: str) -> Any:
    misfit = SettingError(source, f"{value!r} is not a {row.kind} that can be used", row.help)
    try:
        fitted = _PARSE[row.kind](value) if isinstance(value, str) else value
    except (ValueError, KeyError):
        raise misfit from None
    if isinstance(fitted, bool) != (row.kind == "flag") or isinstance(fitted, str) != (row.kind == "text"):
        raise misfit
    if isinstance(fitted, str | bool):
        return fitted
    if not isinstance(fitted, int | float) or not fitted >= 0:  # `not >=` refuses NaN too
        raise misfit
    return float(fitted) if row.kind == "float" else int(fitted)
