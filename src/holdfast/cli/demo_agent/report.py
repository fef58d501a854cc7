"""What the audit found, from the history alone, whoever planned it."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from holdfast.cli.demo_agent.file_tools import Verification
from holdfast.cli.demo_agent.import_tools import ImportTime, OptionalModules
from holdfast.cli.demo_agent.metadata_tools import Inventory, Licence
from holdfast.cli.demo_agent.planning import Outcome, Turn
from holdfast.errors import SupervisionError

__all__ = ["Report", "write_report"]


class Report(Struct, frozen=True, kw_only=True):
    """`findings` are the sentences that a reader should act on; times are milliseconds."""

    packages_installed: int
    bytes_installed: int
    packages_audited: int
    files_verified: int
    licences: dict[str, int]
    imports_ms: dict[str, float]
    findings: list[str]
    tool_calls: int
    failed_calls: int
    conclusion: str

    def markdown(self) -> str:
        lines = [
            "# Audit of this Python environment",
            "",
            f"{self.packages_installed} packages, {self.bytes_installed / 1e6:.0f} MB; "
            f"{self.packages_audited} looked at closely, {self.files_verified:,} files match their hashes.",
            "",
            f"## {len(self.findings)} findings",
            "",
            *(f"- {finding}" for finding in self.findings),
            "",
            "## Licences",
            "",
            *(f"- {licence}: {count}" for licence, count in self.licences.items()),
            "",
            "## Slowest imports",
            "",
            *(f"- {module}: {ms:.0f} ms" for module, ms in list(self.imports_ms.items())[:5]),
            "",
            f"{self.tool_calls} tool calls, {self.failed_calls} of them failed. {self.conclusion}",
        ]
        return "\n".join(lines)


def write_report(history: Sequence[Turn]) -> Report:
    outcomes = [outcome for turn in history for outcome in turn.outcomes]
    licences: dict[str, int] = {}
    imports: dict[str, float] = {}
    audited: set[object] = set()
    inventory: Inventory | None = None
    verified = 0
    for outcome in outcomes:
        if outcome.call.name == "find_licence":
            audited.add(outcome.call.arguments.get("package"))
        match outcome.result:
            case Licence(statement=statement):
                licences[statement] = licences.get(statement, 0) + 1
            case Verification(matching=matching):
                verified += matching
            case ImportTime(module=module, ms=ms):
                imports[module] = ms
            case Inventory() as found:
                inventory = found
            case _:
                pass
    packages = inventory.packages if inventory else []
    return Report(
        packages_installed=len(packages),
        bytes_installed=sum(package.bytes for package in packages),
        packages_audited=len(audited),
        files_verified=verified,
        licences=dict(sorted(licences.items(), key=lambda pair: (-pair[1], pair[0]))),
        imports_ms=dict(sorted(imports.items(), key=lambda pair: -pair[1])),
        findings=_findings(outcomes, imports),
        tool_calls=len(outcomes),
        failed_calls=sum(outcome.error is not None for outcome in outcomes),
        conclusion=history[-1].decision.thought if history else "",
    )


def _findings(outcomes: Sequence[Outcome], imports: dict[str, float]) -> list[str]:
    found: list[str] = []
    for outcome in outcomes:
        if isinstance(outcome.error, SupervisionError):
            continue  # says something about the agent, not about the packages
        module = outcome.call.arguments.get("module")
        if isinstance(outcome.result, OptionalModules) and outcome.result.modules:
            package = outcome.call.arguments.get("package")
            absent = ", ".join(sorted({each.needs for each in outcome.result.modules}))
            found.append(f"{package}: {len(outcome.result.modules)} modules need what is not there: {absent}")
        elif isinstance(outcome.error, TimeoutError) and module in imports:
            found.append(f"{outcome.error}; alone it takes {imports[str(module)]:.0f} ms")
        elif isinstance(outcome.error, ImportError):
            found.append(f"{module}: {outcome.error}")
        elif outcome.error is not None and outcome.call.name != "time_import":
            found.append(str(outcome.error))
    return found
