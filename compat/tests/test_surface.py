"""Every name that programs know is where they look for it, and takes what they give it."""

from __future__ import annotations

import dataclasses
import importlib
import inspect
from enum import Enum, IntEnum
from typing import Any

import msgspec
import pydantic
import pytest
from surface import Callable_, Name, read_surface

SURFACE = read_surface()
_NAMES = [pytest.param(name, id=name.path) for name in SURFACE]
_CALLABLES = [
    pytest.param(name, one, id=f"{name.path}.{one.name}")
    for name in SURFACE
    for one in name.callables
    if one.name != "init"
]
_CONSTRUCTORS = [
    pytest.param(name, one, id=name.path) for name in SURFACE for one in name.callables if one.name == "init"
]


def _get(name: Name) -> Any:
    return getattr(importlib.import_module(name.module), name.name)


def test_the_table_is_whole() -> None:
    """The table has what was counted when it was written: a reader that skips lines proves nothing."""
    assert len({name.module for name in SURFACE}) == 38
    assert len(SURFACE) == 144
    assert sum(len(name.callables) for name in SURFACE) == 297


@pytest.mark.parametrize("name", _NAMES)
def test_a_name_is_at_its_path_and_of_its_kind(name: Name) -> None:
    """Importable; an enum has the known members with their values, a dataclass is one to `dataclasses`."""
    found = _get(name)
    module = importlib.import_module(name.module)
    assert name.name in getattr(module, "__all__", [name.name])
    if name.kind == "enum":
        assert issubclass(found, Enum)
        assert issubclass(found, str) == ("str,Enum" in name.flags)
        assert issubclass(found, IntEnum) == ("IntEnum" in name.flags)
        assert {member.name: str(member.value) for member in found} | name.members == {
            member.name: str(member.value) for member in found
        }
    for one in name.properties:
        assert isinstance(inspect.getattr_static(found, one), property)


@pytest.mark.parametrize(("name", "known"), _CONSTRUCTORS)
def test_a_constructor_takes_what_it_took(name: Name, known: Callable_) -> None:
    """By position and by keyword, with the same defaults."""
    found = _get(name)
    if issubclass(found, BaseException):
        positional = [one for one, _ in known.parameters if "*" not in one]
        if positional == ["message"]:
            assert str(found("told")) == "told"
            return
    if issubclass(found, pydantic.BaseModel):
        _check_model(found, known)
        return
    _check(inspect.signature(found), known)


@pytest.mark.parametrize(("name", "known"), _CALLABLES)
def test_a_function_or_method_takes_what_it_took(name: Name, known: Callable_) -> None:
    """By position and by keyword, with the same defaults; what was awaited is awaited."""
    found = _get(name)
    if name.kind != "function":
        found = getattr(found, known.name)
        if known.mode == "classmethod":
            assert inspect.ismethod(found)
    assert inspect.iscoroutinefunction(found) == (known.mode == "async")
    signature = inspect.signature(found)
    if name.kind != "function" and known.mode != "classmethod":
        signature = signature.replace(parameters=list(signature.parameters.values())[1:])
    _check(signature, known)


def _check(signature: inspect.Signature, known: Callable_) -> None:
    ours = signature.parameters
    keyword_only, place = False, 0
    for parameter, default in known.parameters:
        if parameter == "*":
            keyword_only = True
            continue
        if parameter.startswith("*"):
            assert parameter.lstrip("*") in ours
            keyword_only = True
            continue
        assert parameter in ours, f"{parameter} is not among {list(ours)}"
        held = ours[parameter]
        assert held.kind not in (held.VAR_POSITIONAL, held.VAR_KEYWORD)
        if not keyword_only:
            assert held.kind is held.POSITIONAL_OR_KEYWORD, parameter
            assert list(ours)[place] == parameter
            place += 1
        if default is not None:
            assert held.default is not held.empty
            _check_default(held.default, default)
    new = [one for one in ours.values() if one.name not in dict(known.parameters)]
    variable = (inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL)
    assert [one.name for one in new if one.default is one.empty and one.kind not in variable] == []


def _check_default(ours: Any, known: str) -> None:
    if known.startswith("<") or ours is msgspec.UNSET:
        return  # made anew for each object: behaviour tests look at those
    if isinstance(ours, Enum):
        ours = ours.value
    if ours is not None or known == "None":
        assert str(ours) == known.strip("'")
    else:
        pytest.fail(f"the default is None and was {known}")


def _check_model(model: type[pydantic.BaseModel], known: Callable_) -> None:
    by_name = {field.alias or name: field for name, field in model.model_fields.items()}
    for parameter, default in known.parameters:
        if parameter == "*":
            continue
        if parameter.startswith("**"):
            assert model.model_config.get("extra") == "allow"
            continue
        field = by_name[parameter]
        if default is None:
            assert field.is_required() or (parameter in _OPTIONAL_SINCE and field.default is None)
        else:
            assert not field.is_required()
            if not default.startswith("<"):
                assert str(field.default) == default


_OPTIONAL_SINCE = {"agent_id", "agent_schema_version"}
"""What later releases of the original allowed to leave out."""


@pytest.mark.parametrize("name", [one for one in _NAMES if one.values[0].kind == "dataclass"])  # type: ignore[union-attr]  # ours
def test_a_dataclass_shows_its_fields(name: Name) -> None:
    """`dataclasses.fields` names what it named, in order, wherever a program may make or copy such a record."""
    found = _get(name)
    if name.name in _OBJECTS:
        assert not dataclasses.is_dataclass(found)
        return
    known = [one for one, _ in name.callables[0].parameters]
    assert [one.name for one in dataclasses.fields(found) if one.init] == known


_OBJECTS = {
    *("CircuitBreaker", "AsyncCircuitBreaker", "OrchestrationSession", "AsyncOrchestrationSession"),
    *("OpenTelemetrySink", "OpenTelemetryUsageSink", "NoopEventSink", "NoopUsageSink"),
    *("RingBufferEventSink", "RingBufferUsageSink", "UsageTracker"),
}
"""What has behaviour and an identity, and is no dataclass here: to copy one makes no sense."""
