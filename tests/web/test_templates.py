"""Templates and the dataclasses that declare what they may see."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields

import pytest
from jinja2 import meta

from holdfast.server.web import routes
from holdfast.server.web.pages import Shown
from holdfast.server.web.render import environment

_BITS = "bits.html"
"""Templates whose names end so hold macros, which see what they are given."""


def _macros() -> set[str]:
    return {
        macro
        for name in environment().list_templates()
        if name.endswith(_BITS)
        for macro in vars(environment().get_template(name).module)
    }


def _wanted(name: str, seen: set[str]) -> set[str]:
    """The variables that a template and those that it extends or includes take from outside."""
    if name in seen:
        return set()
    seen.add(name)
    source, _, _ = environment().loader.get_source(environment(), name)  # type: ignore[union-attr]
    tree = environment().parse(source)
    found = meta.find_undeclared_variables(tree) - environment().globals.keys() - _macros()
    for other in meta.find_referenced_templates(tree):
        assert other is not None, f"{name} names a template that only its data tells"
        if not other.endswith(_BITS):
            found |= _wanted(other, seen)
    return found


def _kinds(kind: type[Shown]) -> Iterator[type[Shown]]:
    for below in kind.__subclasses__():
        if "template" in vars(below):
            yield below
        yield from _kinds(below)


assert routes.__all__, "importing the routes imports every page"
_SHOWN = sorted(_kinds(Shown), key=lambda kind: kind.__name__)


@pytest.mark.parametrize("kind", _SHOWN, ids=lambda kind: kind.__name__)
def test_a_template_uses_what_its_page_declares_and_nothing_else(kind: type[Shown]) -> None:
    """A field that no template uses, or a variable that no page gives, is a mistake."""
    assert _wanted(kind.template, set()) == {field.name for field in fields(kind)}


def test_every_template_belongs_to_a_page() -> None:
    """None is left over."""
    reached = {name for name in environment().list_templates() if name.endswith(_BITS)}
    for kind in _SHOWN:
        _wanted(kind.template, reached)
    assert set(environment().list_templates()) == reached


def test_templates_hold_no_inline_script_or_style() -> None:
    """The content security policy would refuse them."""
    for name in environment().list_templates():
        source, _, _ = environment().loader.get_source(environment(), name)  # type: ignore[union-attr]
        assert " style=" not in source, name
        assert "<style" not in source, name
        assert " onclick" not in source, name
        assert "|safe" not in source.replace(" ", ""), name
