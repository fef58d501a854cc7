"""Throw-away environments with published packages. Without a registry a test skips visibly; where one answers,
CI must not skip it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest


def python_with(folder: Path, *packages: str) -> Path:
    """The interpreter of an environment that has these packages."""
    _run([sys.executable, "-m", "venv", str(folder)], 120)
    python = folder / "bin" / "python"
    pip = [str(python), "-m", "pip", "--disable-pip-version-check"]
    done = _run([*pip, "install", "--quiet", *packages], 900)
    if done.returncode:
        reachable = _run([*pip, "index", "versions", packages[0].partition("=")[0].partition("[")[0]], 60)
        _give_up(packages, done.stderr, reachable.returncode == 0)
    return python


def node_with(folder: Path, *packages: str) -> Path:
    """A folder for programs that import these packages of npm."""
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        pytest.skip("no Node.js on this machine")
    (folder / "package.json").write_text('{"name": "client", "private": true, "type": "module"}', "utf-8")
    done = _run([npm, "install", "--no-audit", "--no-fund", "--prefix", str(folder), *packages], 300)
    if done.returncode:
        reachable = _run([npm, "view", packages[0], "version"], 60)
        _give_up(packages, done.stderr, reachable.returncode == 0)
    return folder


def _run(command: list[str], seconds: float) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, timeout=seconds, check=False)


def _give_up(packages: tuple[str, ...], said: str, reachable: bool) -> None:
    reason = f"{', '.join(packages)} cannot be installed here: {said.strip().splitlines()[-1:]}"
    if os.environ.get("CI") == "true" and reachable:
        pytest.fail(f"{reason}, and CI must not skip it", pytrace=False)
    pytest.skip(reason)
