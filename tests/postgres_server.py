"""A PostgreSQL of the tests' own: on loopback, in a directory of its own, ended by its own process id."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import psycopg

from needs import need_postgres

_SETTINGS = {
    "fsync": "off",  # what a test writes need not survive the machine
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "max_connections": "200",
    "deadlock_timeout": "100ms",
    "lc_messages": "C",
}


@contextmanager
def postgres_server(**settings: str) -> Generator[str]:
    """The address of a server without databases of its own, `postgresql://postgres@127.0.0.1:port`."""
    programs = need_postgres()
    # not below the test's directory: only its owner may pass there, and the server refuses to be root
    directory = Path(mkdtemp(prefix="holdfast-pg-"))
    account = _account()
    if account:
        os.chown(directory, account["user"], account["group"])
    data, port = directory / "data", _free_port()
    command = [str(programs / "postgres"), "-D", str(data), "-p", str(port)]
    command += ["-h", "127.0.0.1", "-k", str(directory)]
    for name, value in (_SETTINGS | settings).items():
        command += ["-c", f"{name}={value}"]
    # ICU's order of letters is not that of the bytes: nothing may depend on it
    initdb = [str(programs / "initdb"), "-D", str(data), "-A", "trust", "-U", "postgres", "-E", "UTF8"]
    subprocess.run(
        [*initdb, "--no-sync", "--locale=C.UTF-8", "--locale-provider=icu", "--icu-locale=en-US"],
        check=True,
        stdout=subprocess.DEVNULL,
        cwd=directory,
        **account,
    )
    with open(directory / "log", "wb") as log:
        server: subprocess.Popen[bytes] = subprocess.Popen(
            command, stdout=log, stderr=log, cwd=directory, **account
        )
    try:
        address = f"postgresql://postgres@127.0.0.1:{port}"
        _wait(f"{address}/postgres", server)
        yield address
    finally:
        server.terminate()
        try:
            server.wait(5)
        except subprocess.TimeoutExpired:  # it waits for its clients
            server.send_signal(2)
            server.wait(30)
        shutil.rmtree(directory, ignore_errors=True)


@contextmanager
def postgres_database(server: str, name: str) -> Generator[str]:
    """The address of an empty database, dropped in the end."""
    with psycopg.connect(f"{server}/postgres", autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"'.encode())
        try:
            yield f"{server}/{name}"
        finally:
            connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)'.encode())


def _account() -> Mapping[str, Any]:
    if os.geteuid() != 0:
        return {}
    entry = pwd.getpwnam("postgres")
    return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait(address: str, server: subprocess.Popen[bytes]) -> None:
    deadline, pause = time.monotonic() + 60, threading.Event()
    while True:
        try:
            psycopg.connect(address).close()
        except psycopg.OperationalError:
            assert server.poll() is None, "PostgreSQL did not start"
            assert time.monotonic() < deadline, "PostgreSQL did not answer"
            pause.wait(0.05)
        else:
            return
