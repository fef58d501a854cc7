"""Every Python example of the documentation runs: a page's blocks in order, in a process of its own."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
BLOCK = re.compile(r"^```python[ \t]*([^\n]*)\n(.*?)^```", re.MULTILINE | re.DOTALL)


def program(page: Path) -> str:
    """The examples of a page as one program, each at the line where it stands, so that a traceback names it."""
    text = page.read_text("utf-8")
    lines: list[str] = []
    for found in BLOCK.finditer(text):
        if "notest" in found[1].split():
            continue
        line = text.count("\n", 0, found.start(2))
        lines += [""] * (line - len(lines)) + found[2].splitlines()
    return "\n".join(lines)


@pytest.mark.parametrize("page", [page for page in PAGES if program(page)], ids=lambda page: page.name)
def test_the_examples_of_the_documentation_run(page: Path, tmp_path: Path) -> None:
    """With no server and an empty spool, each page's examples run from the first to the last."""
    script = tmp_path / f"{page.stem}.py"
    script.write_text(program(page), "utf-8")
    done = subprocess.run(
        [sys.executable, str(script)],
        env={**os.environ, "HOLDFAST_SPOOL": str(tmp_path / "spool"), "HOLDFAST_URL": "http://127.0.0.1:9"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stderr
