"""The work of `holdfast demo`: find or start a server, run the agent, say where its record is."""

from __future__ import annotations

import shutil
import sys
import threading
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote, urlsplit

from msgspec import Struct

from holdfast.cli.demo_agent.agent import AGENT, AGENT_VERSION, RUN_NAME, TASK, Audit, schemas
from holdfast.cli.demo_agent.chat import planner_from
from holdfast.cli.demo_agent.rules import RulePlanner
from holdfast.cli.demo_agent.supervision import RehearsingPlanner
from holdfast.cli.demo_view import StepView, show_report
from holdfast.cli.hosting import Presence, near_address, start_errors, stoppable
from holdfast.cli.local import local_access, running_server
from holdfast.cli.output import console, remarks
from holdfast.errors import CommandError
from holdfast.server.config import ServerConfig
from holdfast.server.running import background_server
from holdfast.tracing.api import init
from holdfast.tracing.destination import same_server

__all__ = ["run_demo"]

_DELIVERY_SECONDS = 20.0


class _Host(Struct, frozen=True, kw_only=True):
    """A server for the demo. `ours`: it ends when the demo ends."""

    url: str
    token: str
    data: Path
    ours: bool


def run_demo(config: ServerConfig, *, once: bool) -> None:
    """Raises `CommandError` where the server cannot start or the record cannot be delivered, and `PlannerError`."""
    with _host(config) as host:
        console.print(f"[dim]Server at {host.url}, data in {host.data}[/]\n")
        run_id = _run_agent(host)
        stays = not (host.ours and once)
        _point_to(host, run_id, stays=stays)
        if host.ours and stays:
            remarks.print("[dim]The server keeps running. Ctrl-C stops it.[/]")
            with stoppable():
                threading.Event().wait()


@contextmanager
def _host(config: ServerConfig) -> Generator[_Host]:
    """The local server where one answers at this address, else one of our own."""
    there = running_server()
    if there is not None and same_server(there.url, f"http://{config.host}:{config.port}"):
        yield _Host(url=there.url, token=there.token, data=Path(there.data), ours=False)
        return
    presence = Presence(config.data)
    with start_errors(config), background_server(config) as listening:
        presence.announce(listening)
        try:
            yield _Host(url=near_address(listening.url), token=listening.token, data=config.data, ours=True)
        finally:
            presence.leave()


def _run_agent(host: _Host) -> str:
    planner = planner_from()
    if isinstance(planner, RulePlanner):  # a model brings troubles of its own
        planner = RehearsingPlanner(planner)
    console.print(f"[dim]Planned by {planner.model}.[/]")
    with init(
        AGENT,
        version=AGENT_VERSION,
        url=host.url,
        token=host.token,
        registry=schemas(),
        disabled=False,
    ) as client:
        with client.run(RUN_NAME, input={"task": TASK}) as run:
            report = Audit(run, planner, StepView()).carry_out()
            run.set_output(report.markdown())
        if not client.flush(_DELIVERY_SECONDS):
            raise CommandError("the record could not be delivered", fix="see `holdfast doctor`")
    show_report(report)
    return run.id


def _point_to(host: _Host, run_id: str, *, stays: bool) -> None:
    with local_access(host.data) as access:
        code = access.auth.login_code(access.account_id)
    page = f"/runs/{quote(run_id, safe='')}"
    console.print()
    if stays:
        console.print("[bold]The run's page[/], with a login that works once:")
    else:
        port = urlsplit(host.url).port
        console.print("[bold]The run is kept.[/] To see it, start the server again and open its page:")
        console.print(f"  {_own_command()} serve --port {port} --data {host.data}", markup=False)
    console.print(f"  {host.url}/login?code={code}&next={page}", markup=False)


def _own_command() -> str:
    """How this program was called, where that is not simply by its name."""
    return "holdfast" if shutil.which("holdfast") else sys.argv[0]
