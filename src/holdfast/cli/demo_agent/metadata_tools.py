"""Tools that read what the installed packages say about themselves."""

from __future__ import annotations

import platform
import re
from importlib.metadata import Distribution, distribution, distributions
from typing import Final

from msgspec import Struct

__all__ = [
    "Inventory",
    "Licence",
    "ListPackages",
    "Metadata",
    "OfPackage",
    "Package",
    "find_licence",
    "list_packages",
    "read_metadata",
    "requirement_name",
]

_LICENCE_FILE: Final = re.compile(r"(^|/)(licen[cs]es?|copying|unlicense)([./_-]|$)", re.IGNORECASE)
_REQUIREMENT: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


class ListPackages(Struct, frozen=True, kw_only=True):
    pass


class OfPackage(Struct, frozen=True, kw_only=True):
    package: str


class Package(Struct, frozen=True, kw_only=True):
    name: str
    version: str
    files: int
    bytes: int


class Inventory(Struct, frozen=True, kw_only=True):
    python: str
    packages: list[Package]


class Metadata(Struct, frozen=True, kw_only=True):
    """`requires` are names only: of extras too, without versions and conditions."""

    name: str
    version: str
    summary: str
    requires_python: str | None
    requires: list[str]
    extras: list[str]


class Licence(Struct, frozen=True, kw_only=True):
    """`stated_in` is the metadata field that `statement` comes from."""

    statement: str
    stated_in: str
    texts: list[str]


def requirement_name(requirement: str) -> str:
    """The bare, normalised name: `SQLAlchemy>=2 ; extra == "sql"` is `sqlalchemy`."""
    match = _REQUIREMENT.match(requirement.strip())
    return re.sub(r"[-_.]+", "-", match.group()).lower() if match else ""


def list_packages(_: ListPackages) -> Inventory:
    packages = {
        found.name.lower(): Package(
            name=found.name,
            version=found.version,
            files=len(found.files or []),
            bytes=sum(file.size or 0 for file in found.files or []),
        )
        for found in distributions()
    }
    return Inventory(python=platform.python_version(), packages=[packages[key] for key in sorted(packages)])


def read_metadata(given: OfPackage) -> Metadata:
    found = distribution(given.package)
    return Metadata(
        name=found.name,
        version=found.version,
        summary=_field(found, "Summary") or "",
        requires_python=_field(found, "Requires-Python"),
        requires=sorted({requirement_name(each) for each in found.requires or []}),
        extras=sorted(found.metadata.get_all("Provides-Extra") or []),
    )


def find_licence(given: OfPackage) -> Licence:
    """Raises `LookupError` where the package states no licence or ships no text of it."""
    found = distribution(given.package)
    statement, stated_in = _statement(found)
    if not statement:
        raise LookupError(f"{found.name} {found.version} states no licence")
    texts = sorted(
        str(file)
        for file in found.files or []
        if _LICENCE_FILE.search(str(file)) and file.suffix not in {".py", ".pyc", ".html"}
    )
    if not texts:
        raise LookupError(f"{found.name} {found.version} says {statement} but ships no licence text")
    return Licence(statement=statement, stated_in=stated_in, texts=texts)


def _field(found: Distribution, name: str) -> str | None:
    values = found.metadata.get_all(name) or []
    return str(values[0]) if values else None


def _statement(found: Distribution) -> tuple[str, str]:
    for field in ("License-Expression", "License"):
        if text := _field(found, field):
            return text.strip().splitlines()[0][:80], field
    for classifier in found.metadata.get_all("Classifier") or []:
        if classifier.startswith("License ::"):
            return classifier.rpartition(" :: ")[2], "Classifier"
    return "", ""
