"""The planner that needs no model: it reads the history and decides the next step by rule."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

import msgspec

from holdfast.cli.demo_agent.import_tools import Modules, OptionalModules
from holdfast.cli.demo_agent.metadata_tools import Inventory, Metadata, Package, requirement_name
from holdfast.cli.demo_agent.planning import Decision, Outcome, ToolCall, Turn, Usage
from holdfast.wire.vocabulary import CostSource

__all__ = ["ROOT_PACKAGE", "RulePlanner"]

ROOT_PACKAGE: Final = "holdfast"
_PACKAGES: Final = 10
_WITH_EXTRAS: Final = 3
_PATIENCE_MS: Final = 200
"""What one dependency may add to the start of a command. A slower one is measured again without hurry."""
_HURRY_OVER_MS: Final = 20_000


class RulePlanner:
    """Audits the largest of the packages that Holdfast is built on. The same history gives the same step."""

    model = "holdfast-audit-rules"
    provider = "holdfast"

    def decide(self, task: str, history: Sequence[Turn]) -> Decision:
        thought, wanted = next((step for step in self._steps(history) if step is not None), _DONE)
        number = sum(len(turn.outcomes) for turn in history)
        calls = [
            ToolCall(id=f"call_{number + at:03d}", name=name, arguments=arguments)
            for at, (name, arguments) in enumerate(wanted, start=1)
        ]
        return Decision(thought=thought, calls=calls, usage=_estimate(task, history, thought, calls))

    def _steps(self, history: Sequence[Turn]) -> Iterator[_Step | None]:
        """What may be done next, most urgent first; None where there is nothing of that kind to do."""
        yield _look_around(history)
        yield _follow_up(history)
        packages = _chosen(history)
        for package in packages:
            yield _inspect(package, history)
        for package in packages:
            yield _probe_extras(package, history)
        if packages:
            yield _weigh(packages[0], history)


_Wanted = list[tuple[str, dict[str, object]]]
_Step = tuple[str, _Wanted]
_DONE: Final[_Step] = ("Nothing is left to look at.", [])


def _outcomes(history: Sequence[Turn], name: str) -> Iterator[Outcome]:
    return (outcome for turn in history for outcome in turn.outcomes if outcome.call.name == name)


def _asked(history: Sequence[Turn], name: str, package: str) -> bool:
    return any(outcome.call.arguments.get("package") == package for outcome in _outcomes(history, name))


def _look_around(history: Sequence[Turn]) -> _Step | None:
    if history:
        return None
    thought = "What is installed, and which of it is Holdfast itself built on?"
    return thought, [("list_packages", {}), ("read_metadata", {"package": ROOT_PACKAGE})]


def _chosen(history: Sequence[Turn]) -> list[Package]:
    installed = [
        package
        for outcome in _outcomes(history, "list_packages")
        if isinstance(outcome.result, Inventory)
        for package in outcome.result.packages
        if package.files
    ]
    required = {
        name
        for outcome in _outcomes(history, "read_metadata")
        if isinstance(outcome.result, Metadata) and outcome.result.name == ROOT_PACKAGE
        for name in outcome.result.requires
    }
    ours = [package for package in installed if requirement_name(package.name) in required]
    return sorted(ours or installed, key=lambda package: (-package.bytes, package.name))[:_PACKAGES]


def _inspect(package: Package, history: Sequence[Turn]) -> _Step | None:
    if _asked(history, "find_licence", package.name):
        return None
    thought = (
        f"{package.name} {package.version}, {package.bytes / 1e6:.1f} MB: "
        f"licence, files, import within {_PATIENCE_MS} ms?"
    )
    return thought, [
        ("find_licence", {"package": package.name}),
        ("verify_files", {"package": package.name, "limit": 4_000}),
        ("time_import", {"module": _guess(package.name), "limit_ms": _PATIENCE_MS}),
    ]


def _guess(package: str) -> str:
    """Most modules have the name of their package; `list_modules` helps where that turns out wrong."""
    return requirement_name(package).replace("-", "_")


def _follow_up(history: Sequence[Turn]) -> _Step | None:
    """The last turn's failures that are worth another look."""
    if not history:
        return None
    for outcome in history[-1].outcomes:
        if isinstance(outcome.error, LookupError) and outcome.call.name == "time_import":
            package = history[-1].outcomes[0].call.arguments["package"]
            thought = f"No module of that name. Under which name is {package} imported?"
            return thought, [("list_modules", {"package": package})]
        if isinstance(outcome.result, Modules) and outcome.result.modules:
            right = outcome.result.modules[0]
            return f"It is {right}.", [("time_import", {"module": right, "limit_ms": _PATIENCE_MS})]
        if isinstance(outcome.error, TimeoutError) and outcome.call.arguments.get("limit_ms") == _PATIENCE_MS:
            module = outcome.call.arguments["module"]
            thought = f"{module} did not make it in {_PATIENCE_MS} ms. How long does it really take?"
            return thought, [("time_import", {"module": module, "limit_ms": _HURRY_OVER_MS})]
        if isinstance(outcome.result, OptionalModules) and outcome.result.modules:
            first = outcome.result.modules[0]
            thought = f"{first.module} needs {first.needs}, which is absent. Does it really fail?"
            return thought, [("time_import", {"module": first.module, "limit_ms": _HURRY_OVER_MS})]
    return None


def _probe_extras(package: Package, history: Sequence[Turn]) -> _Step | None:
    probed = sum(1 for _ in _outcomes(history, "find_optional_modules"))
    if probed >= _WITH_EXTRAS or _asked(history, "find_optional_modules", package.name):
        return None
    thought = f"Does {package.name} ship modules that need an extra which is absent?"
    return thought, [
        ("read_metadata", {"package": package.name}),
        ("find_optional_modules", {"package": package.name}),
    ]


def _weigh(package: Package, history: Sequence[Turn]) -> _Step | None:
    if _asked(history, "measure_size", package.name):
        return None
    return f"{package.name} is the largest. What is in it?", [("measure_size", {"package": package.name})]


def _estimate(task: str, history: Sequence[Turn], thought: str, calls: list[ToolCall]) -> Usage:
    """What a model would have read and written. It cost nothing, and that is known."""
    read = len(task) + sum(
        len(turn.decision.thought)
        + sum(
            len(msgspec.json.encode(outcome.result)) + len(str(outcome.error or ""))
            for outcome in turn.outcomes
        )
        for turn in history
    )
    written = len(thought) + len(msgspec.json.encode(calls))
    return Usage(
        input_tokens=read // 4,
        output_tokens=written // 4,
        estimated=True,
        cost_usd=0.0,
        cost_source=CostSource.REPORTED,
    )
