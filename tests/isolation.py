"""Every test has its own settings, state and data directories: none sees the machine's own Holdfast."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from holdfast.tracing.context import replace

__all__ = ["isolated", "isolated_session"]

_DIRECTORIES = {"XDG_STATE_HOME": "state", "XDG_DATA_HOME": "data", "XDG_CONFIG_HOME": "config"}
_KEYS = ("OPENAI_API_KEY", "OPENAI_BASE_URL", "ANTHROPIC_API_KEY", "ANTHROPIC_BASE_URL")


def _isolate(patch: pytest.MonkeyPatch, root: Path) -> None:
    for name in list(os.environ):
        if name.startswith("HOLDFAST_") or name in _KEYS:
            patch.delenv(name)
    for variable, folder in _DIRECTORIES.items():
        patch.setenv(variable, str(root / folder))


@pytest.fixture(scope="session", autouse=True)
def isolated_session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Fixtures that outlive a test (a server for a whole module) are isolated too."""
    with pytest.MonkeyPatch.context() as patch:
        _isolate(patch, tmp_path_factory.mktemp("session"))
        yield


@pytest.fixture(autouse=True)
def isolated(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    _isolate(monkeypatch, tmp_path_factory.mktemp("home", numbered=True))
    # All tests of a process share one context: what one left open must not become the next one's parent.
    replace(None)
    yield
    replace(None)
