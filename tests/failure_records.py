"""The recorded error texts as exceptions, as their libraries would have raised them."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any, Literal

from holdfast.core.failures import Failure, classify
from needs import need_data


def error_records() -> list[dict[str, Any]]:
    """The records of errors.jsonl, or a visible skip."""
    with need_data("errors.jsonl").open(encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def rebuild(record: dict[str, Any]) -> BaseException:
    """An exception whose class and bases carry the recorded names, whose `str()` is the text, and which has
    the recorded status, body and headers. A record with no type comes as a plain `Exception`."""
    name = record["exception_type"]
    if name is None:
        error: BaseException = Exception(record["text"])
    else:
        error = _class_named(name, record.get("mro") or ["Exception"])(record["text"])
    if (status := record["status"]) is not None:
        error.status_code = status  # type: ignore[attr-defined]  # as the libraries do
    if (body := record.get("body")) is not None:
        error.body = body  # type: ignore[attr-defined]  # as the libraries do
    if status is not None or record.get("headers"):
        response = SimpleNamespace(status_code=status, headers=record.get("headers") or {})
        error.response = response  # type: ignore[attr-defined]  # as the libraries do
    return error


def _class_named(qualified: str, bases: list[str]) -> type[BaseException]:
    """A class of that name, on bases of those names (nearest first, down to the builtin ones)."""
    builtin = {"Exception": Exception, "BaseException": BaseException}
    base: type[BaseException] = Exception if "Exception" in bases else BaseException
    for name in reversed([one for one in bases if one not in builtin]):
        base = type(name, (base,), {})
    module, _, name = qualified.rpartition(".")

    def shown(self: BaseException) -> str:
        return str(self.args[0]) if self.args else ""

    return type(name, (base,), {"__module__": module or "builtins", "__str__": shown})


def judged_during(record: dict[str, Any]) -> Literal["model", "tool"]:
    """Where the recorded error struck."""
    return "tool" if record["category"] == "tool_error" else "model"


def judge(record: dict[str, Any]) -> Failure:
    return classify(rebuild(record), judged_during(record))


def is_right(record: dict[str, Any], failure: Failure) -> bool:
    return failure.category in {record["category"], *record.get("acceptable", [])}
