"""The house rules that no ready tool checks: public names, what an import costs, settings in their documentation."""

from __future__ import annotations

import ast
import importlib
import importlib.util
import json
import pkgutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

import holdfast
from holdfast._settings import SETTINGS

ROOT = Path(__file__).resolve().parents[1]
SOURCE = ROOT / "src" / "holdfast"

HEAVY = {
    *(
        "alembic",
        "asyncio",
        "genai_prices",
        "httpx",
        "jinja2",
        "litestar",
        "multiprocessing",
        "plotly",
        "pydantic",
    ),
    *("rich", "sqlalchemy", "sqlite3", "typer", "urllib3", "uvicorn"),
}


def _module(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_root_exports_at_most_forty_names() -> None:
    """The root's names are few, sorted, documented by `dir`, and all there."""
    names = holdfast.__all__
    assert len(names) <= 40
    assert names == sorted(names)
    assert set(names) <= set(dir(holdfast))
    for name in names:
        assert getattr(holdfast, name) is not None


def test_an_unknown_name_of_the_root_is_an_attribute_error() -> None:
    """A misspelt name fails as it does in any module."""
    with pytest.raises(AttributeError, match="no attribute 'sapn'"):
        getattr(holdfast, "sapn")  # noqa: B009 - the type checker would know


def test_the_lazy_root_and_its_type_hints_agree() -> None:
    """What type checkers see in the root is what the import at run time gives."""
    tree = ast.parse((SOURCE / "__init__.py").read_text("utf-8"))
    for_checkers = [node for node in tree.body if isinstance(node, ast.If)]
    for node in [inner for block in for_checkers for inner in block.body]:
        assert isinstance(node, ast.ImportFrom)
        assert node.module is not None
        module = importlib.import_module(node.module)
        for alias in node.names:
            assert getattr(holdfast, alias.name) is getattr(module, alias.name)


def _imported(statement: str) -> tuple[set[str], float]:
    code = f"import sys, time\nt = time.perf_counter()\n{statement}\nt = time.perf_counter() - t\n"
    code += "import json; print(json.dumps([sorted(sys.modules), t]))"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    modules, seconds = json.loads(shown)
    return set(modules), seconds


@pytest.mark.parametrize(
    "statement", ["import holdfast", "from holdfast import init, observe, Client, SchemaRegistry, run, span"]
)
def test_importing_loads_nothing_of_the_server_nor_what_can_come_later(statement: str) -> None:
    """Neither the import nor the first use of the recording names loads a server, a CLI or an HTTP client."""
    modules, _ = _imported(statement)
    assert modules.isdisjoint(HEAVY)
    assert not [name for name in modules if name.startswith(("holdfast.server", "holdfast.cli"))]


def test_importing_takes_under_100_ms() -> None:
    """`import holdfast` is cheap; the best of seven fresh processes counts, since others use the machine too."""
    assert min(_imported("import holdfast")[1] for _ in range(7)) < 0.1


def test_importing_reads_no_environment_and_starts_no_thread() -> None:
    """A nonsense environment does not trouble the import, and no thread runs after it."""
    code = (
        "import os, threading; os.environ['HOLDFAST_TIMEOUT'] = 'soon'\n"
        "from holdfast import init, run, observe\n"
        "assert threading.active_count() == 1"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def _public_modules() -> list[str]:
    found = [info.name for info in pkgutil.walk_packages([str(SOURCE)], "holdfast.")]
    return [name for name in found if not any(part.startswith("_") for part in name.split(".")[1:])]


def _assigned(tree: ast.Module) -> set[str]:
    names: set[str] = set()
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names.add(node.name)
    return {name for name in names if not name.startswith("_")}


@pytest.mark.parametrize(
    "package", ["holdfast.tracing", "holdfast.core", "holdfast.runtime", "holdfast.testing"]
)
def test_modules_that_define_public_names_say_which(package: str) -> None:
    """A module with public functions or classes has an `__all__`, and what that names exists."""
    for name in _public_modules():
        if not (name == package or name.startswith(f"{package}.")):
            continue
        spec = importlib.util.find_spec(name)
        assert spec is not None
        assert spec.origin is not None
        source = Path(spec.origin).read_text("utf-8")
        if not _assigned(ast.parse(source)):
            continue
        module = importlib.import_module(name)
        assert hasattr(module, "__all__"), f"{name} has no __all__"
        missing = [one for one in module.__all__ if not hasattr(module, one)]
        assert [one for one in missing if f"    {one}: TypeAlias = " not in source] == [], name


def test_internals_never_import_the_root() -> None:
    """A module inside that imports `holdfast` itself would import everything."""
    guilty: list[str] = []
    for path in SOURCE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Import):
                root = any(alias.name == "holdfast" for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module == "holdfast" and not node.level:
                inner = [SOURCE / alias.name for alias in node.names]
                root = not all(one.is_dir() or one.with_suffix(".py").exists() for one in inner)
            else:
                continue
            if root:
                guilty.append(str(path.relative_to(SOURCE)))
    assert guilty == []


def test_the_settings_page_is_current() -> None:
    """docs/settings.md is what the table of settings renders to, each setting with its environment variable."""
    page = (ROOT / "docs" / "settings.md").read_text("utf-8")
    assert page == _module(ROOT / "docs" / "make_settings.py").render()
    assert all(setting.env in page for setting in SETTINGS.values())
