"""The names that programs know, read from `surface.txt`: a module per paragraph, then what is in it, with its
parameters, members and defaults. `<…>` stands for a default that is made anew, `<factory>` or not."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

__all__ = ["Callable_", "Name", "read_surface"]

_TABLE: Final = Path(__file__).with_name("surface.txt")
_CALLABLE: Final = re.compile(r"(async |classmethod )?(?:def )?(\w+)\((.*)\)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Callable_:
    """A function, a method or a constructor (named `init`). Parameters are name, kind and default as text."""

    name: str
    mode: str
    parameters: list[tuple[str, str | None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Name:
    """One public name of a module."""

    module: str
    kind: str
    name: str
    flags: tuple[str, ...] = ()
    members: dict[str, str] = field(default_factory=dict)
    properties: list[str] = field(default_factory=list)
    callables: list[Callable_] = field(default_factory=list)

    @property
    def path(self) -> str:
        return f"{self.module}.{self.name}"


def read_surface() -> list[Name]:
    return list(_read())


def _read() -> Iterator[Name]:
    module, current = "", None
    for line in _TABLE.read_text("utf-8").splitlines():
        text = line.strip()
        if not text:
            continue
        if not line.startswith(" "):
            module = text
        elif not line.startswith("    "):
            if current is not None:
                yield current
            current = _head(module, text)
        else:
            assert current is not None
            _inner(current, text)
    if current is not None:
        yield current


def _head(module: str, text: str) -> Name:
    kind, _, rest = text.partition(" ")
    if "(" in text:
        made = _callable(text)
        return Name(module=module, kind="function", name=made.name, callables=[made])
    name, *flags = rest.split(" ")
    return Name(module=module, kind=kind, name=name, flags=tuple(flags))


def _inner(name: Name, text: str) -> None:
    kind, _, rest = text.partition(" ")
    if kind == "members":
        for member in rest.split(", "):
            key, _, value = member.partition("=")
            name.members[key] = value
    elif kind == "property":
        name.properties.append(rest)
    else:
        name.callables.append(_callable(text))


def _callable(text: str) -> Callable_:
    found = _CALLABLE.fullmatch(text)
    assert found is not None, text
    mode, name, inner = found.groups()
    # The one default with commas in it is a tuple of numbers.
    parts = [part for part in re.split(r", (?![^(]*\))", inner) if part]
    parameters = [(part.split("=", 1)[0], part.split("=", 1)[1] if "=" in part else None) for part in parts]
    return Callable_(name=name, mode=(mode or "").strip(), parameters=parameters)
