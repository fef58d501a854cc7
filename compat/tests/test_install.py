"""The distribution in an environment of its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
_PROGRAM = """
import sys
import prefactor_core, prefactor_http, techrevati.runtime, techrevati.runtime.retry_policy, holdfast
from importlib.metadata import distributions
names = {one.name.lower().replace("-", "_") for one in distributions()}
assert {"holdfast", "holdfast_compat", "pydantic", "aiohttp"} <= names, names
server = {"litestar", "uvicorn", "sqlalchemy", "alembic", "jinja2", "plotly", "typer", "opentelemetry_api"}
assert not server & names, server & names
assert not [name for name in sys.modules if name.startswith("holdfast.server")]
"""


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_compat_installs_beside_holdfast_and_does_not_drag_in_the_server(tmp_path: Path) -> None:
    """Both in a fresh environment: everything imports, and nothing of the server's is there."""
    subprocess.run([sys.executable, "-m", "venv", str(tmp_path / "venv")], check=True)
    python = tmp_path / "venv" / "bin" / "python"
    install = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    done = subprocess.run(
        [*install, str(ROOT), str(ROOT / "compat")], capture_output=True, text=True, check=False
    )
    if done.returncode and "Connection" in done.stderr:
        pytest.skip("no package index can be reached")
    assert done.returncode == 0, done.stderr
    subprocess.run([str(python), "-c", _PROGRAM], cwd=tmp_path, check=True)
    listing = [str(python), "-c", "import techrevati; print(list(techrevati.__path__), techrevati.__file__)"]
    shown = subprocess.run(listing, cwd=tmp_path, capture_output=True, text=True, check=True).stdout
    assert shown.strip().endswith("None"), "techrevati must stay a namespace that others can share"
