"""What `doctor` looks at: each check is a function that gives rows, and never raises."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from email.utils import parsedate_to_datetime
from enum import StrEnum
from pathlib import Path
from typing import Final

from msgspec import Struct

from holdfast._settings import SETTINGS, config_file, data_dir, read_setting, setting_source
from holdfast._version import __version__
from holdfast.cli.api import Server
from holdfast.cli.output import amount, human_bytes
from holdfast.errors import CommandError, SettingError, StoreError
from holdfast.tracing.pipeline import spool_root
from holdfast.tracing.spool_status import ProcessSpool, spool_status

__all__ = ["Check", "CheckState", "check_all"]

_LEAST_FREE: Final = 512 << 20
_MOST_SKEW: Final = 5.0
_PATIENCE: Final = 10.0


class CheckState(StrEnum):
    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


class Check(Struct, frozen=True, kw_only=True):
    """`fix` says what to do about it, where something is to be done."""

    name: str
    state: CheckState
    found: str
    fix: str = ""


def check_all() -> Iterator[Check]:
    settings = _settings()
    yield settings
    if settings.state is CheckState.FAIL:
        return  # nothing else can be told from settings that cannot be read
    yield from _spool()
    data = read_setting("data")
    yield _directory("data", Path(data) if data else data_dir(), "HOLDFAST_DATA")
    if read_setting("spans") is not None:
        yield _span_store()
    yield from _server()


def _settings() -> Check:
    changed: list[str] = []
    try:
        for name in SETTINGS:
            read_setting(name)
            source = setting_source(name)
            if source != "default":
                changed.append(f"{name} ({'file' if source == str(config_file()) else source})")
    except SettingError as error:
        return Check(
            name="settings", state=CheckState.FAIL, found=f"{error.field}: {error.problem}", fix=error.fix
        )
    return Check(name="settings", state=CheckState.OK, found=", ".join(changed) or "all defaults")


def _spool() -> Iterator[Check]:
    root = spool_root(read_setting("spool"))
    yield _directory("spool", root, "HOLDFAST_SPOOL")
    found = spool_status(root)
    rejected = sum(each.rejected for each in found)
    lost = sum(sum(each.losses.values()) for each in found)
    yield _pending(found)
    yield Check(
        name="rejected",
        state=CheckState.WARN if rejected else CheckState.OK,
        found=amount(rejected, "operation"),
        fix="`holdfast spool status` names the files with the reasons" if rejected else "",
    )
    yield Check(
        name="lost",
        state=CheckState.WARN if lost else CheckState.OK,
        found=amount(lost, "operation"),
        fix="raise HOLDFAST_SPOOL_MAX, or make room on the disk" if lost else "",
    )


def _pending(found: list[ProcessSpool]) -> Check:
    waiting = sum(each.pending for each in found)
    orphaned = sum(each.pending for each in found if not each.alive)
    size = human_bytes(sum(each.pending_bytes for each in found))
    if not waiting:
        return Check(name="pending", state=CheckState.OK, found="nothing waits")
    said = f"{amount(waiting, 'operation')} ({size}) wait to be delivered"
    if not orphaned:
        return Check(name="pending", state=CheckState.OK, found=said)
    return Check(
        name="pending",
        state=CheckState.WARN,
        found=f"{said}, {orphaned:,} of them left by processes that ended",
        fix="a running `holdfast serve` delivers what is its own; else `holdfast spool flush`",
    )


def _directory(name: str, path: Path, variable: str) -> Check:
    """Whether a file can be made there, or in the nearest directory above that exists, and how much fits."""
    place = path
    while not place.exists() and place != place.parent:
        place = place.parent
    try:
        with tempfile.TemporaryFile(dir=place):
            free = shutil.disk_usage(place).free
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else str(error)
        return Check(
            name=name,
            state=CheckState.FAIL,
            found=f"{path} cannot be written ({reason.lower()})",
            fix=f"give this user the right to write there, or set {variable}",
        )
    scarce = free < _LEAST_FREE
    return Check(
        name=name,
        state=CheckState.WARN if scarce else CheckState.OK,
        found=f"{path}, {human_bytes(free)} free",
        fix="make room on the disk" if scarce else "",
    )


def _span_store() -> Check:
    from holdfast.cli.db import span_store_lines
    from holdfast.server.app import store_state  # the server takes a second to import
    from holdfast.server.config import ServerConfig

    fix = (
        "see that ClickHouse runs and HOLDFAST_SPANS is its address; what was moved there cannot be read now"
    )
    try:
        state = store_state(ServerConfig.from_settings()).spans
    except StoreError as error:
        return Check(name="spans", state=CheckState.FAIL, found=str(error), fix=fix)
    if state is None:
        return Check(
            name="spans",
            state=CheckState.WARN,
            found="the database is not of this version",
            fix="`holdfast db upgrade`",
        )
    missing = state.size is None
    return Check(
        name="spans",
        state=CheckState.FAIL if missing else CheckState.OK,
        found=f"{state.address}: {' '.join(span_store_lines(state))}",
        fix=fix if missing else "",
    )


def _server() -> Iterator[Check]:
    server = Server(patience=_PATIENCE)
    began = time.time()
    try:
        answer = server.ping()
    except CommandError as error:
        yield Check(name="server", state=CheckState.FAIL, found=str(error), fix=error.fix)
        return
    took = time.time() - began
    yield Check(name="server", state=CheckState.OK, found=f"{server.url} answers in {took * 1000:.0f} ms")
    source = (
        "HOLDFAST_TOKEN" if read_setting("token") else "the local server's own" if server.token else "none"
    )
    if answer.refusal is None:
        yield Check(name="token", state=CheckState.OK, found=f"{source}, accepted")
        yield _version(answer.version)
    else:
        found = f"{source}: {answer.refusal}"
        yield Check(name="token", state=CheckState.FAIL, found=found, fix=answer.refusal.fix)
    if answer.date:
        yield _clock(answer.date, began + took / 2)


def _version(version: str) -> Check:
    if version == __version__:
        return Check(name="version", state=CheckState.OK, found=f"both are {version}")
    return Check(
        name="version",
        state=CheckState.WARN,
        found=f"server {version or 'unknown'}, this installation {__version__}",
        fix="upgrade the older one: pip install --upgrade 'holdfast[server]'",
    )


def _clock(date: str, now: float) -> Check:
    skew = parsedate_to_datetime(date).timestamp() + 0.5 - now  # the header has whole seconds, cut off
    late = abs(skew) > _MOST_SKEW
    return Check(
        name="clock",
        state=CheckState.WARN if late else CheckState.OK,
        found=f"{abs(skew):.0f} s {'ahead of' if skew < 0 else 'behind'} the server's"
        if late
        else "as the server's",
        fix="set this machine's time (NTP): spans will show wrong times" if late else "",
    )
