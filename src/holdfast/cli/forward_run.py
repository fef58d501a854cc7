"""The work of `holdfast forward`."""

from __future__ import annotations

import signal
import threading
from collections.abc import Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Final

import typer
from msgspec import Struct
from rich.progress import Progress, TextColumn, TimeElapsedColumn

from holdfast._clock import utc_now_ns
from holdfast._settings import read_setting
from holdfast.cli.output import amount, console, print_json, remarks
from holdfast.errors import CommandError, ForwardingError, ForwardingStopped, StoreError
from holdfast.server.app import open_store
from holdfast.server.config import ServerConfig
from holdfast.server.services.forward.forwarder import Forwarder, Forwarding
from holdfast.server.services.forward.receiver import Receiver, header_in, headers_in
from holdfast.server.services.forward.spans import ForwardOptions
from holdfast.server.stores.base import Store
from holdfast.server.stores.catalogue import find_agent
from holdfast.server.stores.forward_positions import ForwardPosition
from holdfast.server.stores.reads.forward import ForwardFilter
from holdfast.wire.genai import wants_content, wants_newest

__all__ = ["Asked", "run_forward"]

_INTERRUPTED: Final = 130


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """The options as they were given; `since` is in nanoseconds since 1970."""

    to: str | None
    headers: list[str]
    since: int | None
    agent: str | None
    account: str
    follow: bool
    again: bool
    content: bool | None
    data: Path | None
    database: str | None
    json: bool


class _Sent(Struct, frozen=True):
    """What this command has done; `refused` are spans that the receiver did not want."""

    to: str
    runs: int
    spans: int
    refused: int


def run_forward(asked: Asked) -> None:
    to = read_setting("forward_to", asked.to)
    if to is None:
        raise CommandError("no address to forward to", fix="--to http://127.0.0.1:4318", exit_code=2)
    headers = headers_in(read_setting("forward_headers") or "") | dict(map(header_in, asked.headers))
    receiver = Receiver(to, headers, timeout=read_setting("timeout"), ca_bundle=read_setting("ca_bundle"))
    store = open_store(ServerConfig.from_settings(data=asked.data, database=asked.database))
    try:
        _forward(store, receiver, asked)
    finally:
        receiver.close()
        store.close()


def _forward(store: Store, receiver: Receiver, asked: Asked) -> None:
    with _shown(hidden=asked.json) as progress:
        task = progress.add_task("")

        def moved(position: ForwardPosition) -> None:
            sent = _since(receiver, position, begun)
            progress.update(task, description=f"{amount(sent.runs, 'run')}, {amount(sent.spans, 'span')}")

        stop = threading.Event()
        forwarder = Forwarder(
            store,
            receiver,
            _forwarding(store, asked),
            clock=utc_now_ns,
            wait=stop.wait,
            patient=asked.follow,
            moved=moved,
        )
        if not forwarder.open(again=asked.again):
            raise CommandError(
                f"another process forwards to {receiver.name}",
                fix="stop it, or wait a minute where it was killed",
            )
        begun = forwarder.position
        try:
            with suppress(ForwardingStopped), _stopping(stop):
                if asked.follow:
                    forwarder.follow()
                else:
                    forwarder.catch_up()
        except ForwardingError as error:
            raise CommandError(
                str(error), fix="check --to and --header; what was sent is not sent again"
            ) from None
        finally:
            with suppress(StoreError):
                forwarder.close()
    _tell(_since(receiver, forwarder.position, begun), asked.json)
    if stop.is_set() and not asked.follow:
        raise typer.Exit(_INTERRUPTED)


@contextmanager
def _stopping(stop: threading.Event) -> Generator[None]:
    """Ctrl-C and SIGTERM let the request that is under way come to its end; a second one does not."""

    def ask(_number: int, _frame: FrameType | None) -> None:
        if stop.is_set():
            raise KeyboardInterrupt
        stop.set()

    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _forwarding(store: Store, asked: Asked) -> Forwarding:
    agent_id: str | None = None
    if asked.agent is not None:
        with store.reader.connect() as connection:
            agent_id = find_agent(connection, asked.account, asked.agent)
        if agent_id is None:
            raise CommandError(f"no agent {asked.agent!r} is known", exit_code=2)
    content = wants_content(read_setting("forward_content")) if asked.content is None else asked.content
    return Forwarding(
        wanted=ForwardFilter(account_id=asked.account, agent_id=agent_id, since=asked.since),
        options=ForwardOptions(content=content, newest=wants_newest(read_setting("forward_names") or "")),
    )


def _since(receiver: Receiver, now: ForwardPosition, begun: ForwardPosition) -> _Sent:
    return _Sent(receiver.name, now.runs - begun.runs, now.spans - begun.spans, now.refused - begun.refused)


def _shown(*, hidden: bool) -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        TimeElapsedColumn(),
        console=remarks,
        disable=hidden or not remarks.is_terminal,
    )


def _tell(sent: _Sent, json: bool) -> None:
    if json:
        print_json(sent)
        return
    console.print(
        f"{amount(sent.runs, 'run')} with {amount(sent.spans, 'span')} sent to {sent.to}", markup=False
    )
    if sent.refused:
        remarks.print(f"{amount(sent.refused, 'span')} refused by the receiver", markup=False)
