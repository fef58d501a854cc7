"""Writes the table of docs/migrating.md: `python docs/make_migrating.py`.

The names come from compat/tests/surface.txt, where each one lives from the installed packages, what tests it from
the tests themselves: the test that uses the name, and for a method the one that also uses its class.
"""

from __future__ import annotations

import ast
import importlib
import importlib.util
import inspect
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).resolve().parents[1]
PAGE: Final = ROOT / "docs" / "migrating.md"
TESTS: Final = ROOT / "compat" / "tests"
MARK: Final = "<!-- The rest of this page is made by docs/make_migrating.py. -->\n"


@dataclass(frozen=True, slots=True)
class Test:
    """One test function: the words it uses, and those that its file imports."""

    path: str
    words: frozenset[str]
    imported: frozenset[str]


def render() -> str:
    """The whole page: what people wrote, then the table."""
    written, _, _ = PAGE.read_text("utf-8").partition(MARK)
    return written + MARK + "".join(_table(_surface(), _tests()))


def untested() -> list[str]:
    """The names that no test uses."""
    tests = _tests()
    return [name for name, owner, _ in _rows(_surface()) if _tested_by(name, owner, tests) is None]


def _surface() -> list[Any]:
    spec = importlib.util.spec_from_file_location("compat_surface", TESTS / "surface.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    surface: list[Any] = module.read_surface()
    return surface


def _rows(surface: list[Any]) -> Iterator[tuple[str, str | None, Any]]:
    """Name within its module, the class that it belongs to, and the object."""
    for name in surface:
        found = getattr(importlib.import_module(name.module), name.name)
        yield name.name, None, found
        if name.kind == "function":
            continue
        for inner in [one.name for one in name.callables if one.name != "init"] + name.properties:
            yield f"{name.name}.{inner}", name.name, inspect.getattr_static(found, inner)


def _table(surface: list[Any], tests: list[Test]) -> Iterator[str]:
    module = ""
    rows = _rows(surface)
    for name in surface:
        if name.module != module:
            module = name.module
            yield f"\n### `{module}`\n\n| name | where | tested by |\n|---|---|---|\n"
        extra = 0 if name.kind == "function" else sum(one.name != "init" for one in name.callables)
        for _ in range(1 + extra + len(name.properties)):
            shown, owner, found = next(rows)
            test = _tested_by(shown, owner, tests)
            yield f"| `{shown}` | {_where(name, found)} | {f'`{test}`' if test else '—'} |\n"


def _where(name: Any, found: Any) -> str:
    if isinstance(found, classmethod):
        found = found.__func__
    if isinstance(found, property):
        found = found.fget
    if not (inspect.isclass(found) or inspect.isfunction(found)):
        return _home_of_value(name.name, found)
    home = f"`{found.__module__}.{found.__qualname__}`"
    if inspect.isclass(found) and not found.__module__.startswith("holdfast"):
        below = [one for one in found.__mro__[1:] if one.__module__.startswith("holdfast")]
        if below:
            return f"{home}, over `{below[0].__module__}.{below[0].__qualname__}`"
    return home


def _home_of_value(name: str, value: object) -> str:
    for path, module in sorted(sys.modules.items()):
        public = getattr(module, "__all__", ()) if path.startswith("holdfast.") else ()
        if name in public and getattr(module, name) is value:
            return f"`{path}.{name}`"
    return "its own value"


def _tests() -> list[Test]:
    return [test for path in sorted(TESTS.glob("test_*.py")) for test in _tests_of(path)]


def _tests_of(path: Path) -> Iterator[Test]:
    if path.name == "test_surface.py":
        return
    tree = ast.parse(path.read_text("utf-8"))
    imported = frozenset(
        alias.asname or alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    )
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
            yield Test(f"{path.name}::{node.name}", frozenset(_words(node)), imported)


def _words(node: ast.AST) -> Iterator[str]:
    for inner in ast.walk(node):
        if isinstance(inner, ast.Name):
            yield inner.id
        elif isinstance(inner, ast.Attribute):
            yield inner.attr


def _tested_by(name: str, owner: str | None, tests: list[Test]) -> str | None:
    word = name.rpartition(".")[2]
    best, most = None, 0
    for test in tests:
        if word not in test.words:
            continue
        if owner is None:
            return test.path
        score = 1 + (owner in test.imported) + 2 * (owner in test.words)
        if score > most:
            best, most = test.path, score
    return best


if __name__ == "__main__":
    PAGE.write_text(render(), "utf-8")
