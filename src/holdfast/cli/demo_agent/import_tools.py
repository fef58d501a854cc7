"""Tools that import: always in a fresh interpreter, never in the agent's own."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Mapping
from functools import cache
from importlib.metadata import PackageNotFoundError, distribution, packages_distributions
from pathlib import Path, PurePosixPath
from typing import Annotated, Final

import msgspec
from msgspec import Meta, Struct

from holdfast.cli.demo_agent.metadata_tools import OfPackage, requirement_name

__all__ = [
    "ImportTime",
    "Modules",
    "OptionalModule",
    "OptionalModules",
    "TimeImport",
    "find_optional_modules",
    "list_modules",
    "time_import",
]

_MODULE: Final = r"^[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*$"
_MOST_FILES: Final = 300
_MEASURE: Final = """
import json, sys, time
before = len(sys.modules)
started = time.perf_counter()
__import__(sys.argv[1])
spent = time.perf_counter() - started
loaded = len(sys.modules) - before
print(json.dumps({"module": sys.argv[1], "ms": round(spent * 1000, 1), "loaded": loaded}))
"""


class TimeImport(Struct, frozen=True, kw_only=True):
    module: Annotated[str, Meta(pattern=_MODULE, max_length=200)]
    limit_ms: Annotated[int, Meta(ge=50, le=30_000)] = 5_000


class ImportTime(Struct, frozen=True, kw_only=True):
    """`ms` is the import alone; the limit also counted the interpreter's start."""

    module: str
    ms: float
    loaded: int


class Modules(Struct, frozen=True, kw_only=True):
    """Top-level names, public ones first."""

    modules: list[str]


class OptionalModule(Struct, frozen=True, kw_only=True):
    module: str
    needs: str


class OptionalModules(Struct, frozen=True, kw_only=True):
    files_read: int
    modules: list[OptionalModule]


def time_import(given: TimeImport) -> ImportTime:
    """Raises `TimeoutError` past the limit, `ImportError` with the interpreter's last line when it fails,
    `LookupError` for a module that no installed package brings."""
    top = given.module.partition(".")[0]
    if top not in _packages_by_module(tuple(sys.path)) and top not in sys.stdlib_module_names:
        raise LookupError(f"no installed package brings a module {top!r}")
    command = [sys.executable, "-I", "-c", _MEASURE, given.module]
    try:
        done = subprocess.run(  # noqa: S603 - our own interpreter, and a module name that fits the pattern
            command, capture_output=True, text=True, timeout=given.limit_ms / 1000, check=False
        )
    except subprocess.TimeoutExpired:
        raise TimeoutError(f"{given.module} was not imported within {given.limit_ms} ms") from None
    if done.returncode != 0:
        last = (done.stderr.strip() or f"exit code {done.returncode}").splitlines()[-1]
        raise ImportError(last[:300], name=given.module)
    # A module may print while it is imported; what was measured is the last line.
    return msgspec.json.decode(done.stdout.strip().splitlines()[-1], type=ImportTime)


def list_modules(given: OfPackage) -> Modules:
    found = distribution(given.package).name
    names = [module for module, packages in _packages_by_module(tuple(sys.path)).items() if found in packages]
    return Modules(modules=sorted(names, key=lambda name: (name.startswith("_"), name)))


def find_optional_modules(given: OfPackage) -> OptionalModules:
    """Modules whose source imports, at the top and unguarded, what only a missing extra would bring."""
    found = distribution(given.package)
    absent = _absent_extras(found.requires or [])
    modules: list[OptionalModule] = []
    read = 0
    for file in found.files or []:
        if not absent or read >= _MOST_FILES or not _is_importable(file):
            continue
        read += 1
        for name in _top_level_imports(Path(str(file.locate()))):
            if requirement_name(name) in absent:
                modules.append(OptionalModule(module=_module_name(file), needs=name))
                break
    return OptionalModules(files_read=read, modules=sorted(modules, key=lambda each: each.module))


@cache
def _packages_by_module(path: tuple[str, ...]) -> Mapping[str, list[str]]:
    """Reads the file lists of all packages, which takes a fifth of a second: once for a search path."""
    del path
    return packages_distributions()


def _absent_extras(requirements: list[str]) -> set[str]:
    absent: set[str] = set()
    for requirement in requirements:
        if re.search(r"\bextra\s*==", requirement):
            name = requirement_name(requirement)
            try:
                distribution(name)
            except PackageNotFoundError:
                absent.add(name)
    return absent


def _is_importable(file: PurePosixPath) -> bool:
    return file.suffix == ".py" and all(
        re.fullmatch(r"[A-Za-z_]\w*", part) for part in file.with_suffix("").parts
    )


def _module_name(file: PurePosixPath) -> str:
    parts = file.with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _top_level_imports(path: Path) -> list[str]:
    try:
        tree = ast.parse(path.read_bytes())
    except (OSError, SyntaxError, ValueError):
        return []
    names: list[str] = []
    for node in tree.body:
        if isinstance(node, ast.Import):
            names += [alias.name.partition(".")[0] for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            names.append(node.module.partition(".")[0])
    return names
