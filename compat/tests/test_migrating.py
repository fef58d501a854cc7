"""The page about moving is complete and current."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

PAGE = Path(__file__).resolve().parents[2] / "docs" / "migrating.md"


def _maker() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_migrating", PAGE.with_name("make_migrating.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def test_the_table_is_current() -> None:
    """docs/migrating.md ends in what docs/make_migrating.py makes of the code and the tests."""
    assert PAGE.read_text("utf-8") == _maker().render()


def test_every_name_is_used_by_a_test() -> None:
    """No name is only said to work."""
    assert _maker().untested() == []
