"""How the demo's steps look in a terminal while they are taken."""

from __future__ import annotations

import threading
from typing import Final

from rich.text import Text

from holdfast.cli.demo_agent.planning import Decision, Outcome
from holdfast.cli.demo_agent.report import Report
from holdfast.cli.output import console

__all__ = ["StepView", "show_report"]

_WIDTH: Final = 78
_FINDINGS: Final = 8


class StepView:
    """Prints each decision and each outcome in a line or two. Outcomes come from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.failed = self.done = 0

    def __call__(self, step: Decision | Outcome) -> None:
        with self._lock:
            if isinstance(step, Decision):
                console.print(Text(_cut(step.thought, _WIDTH), style="bold" if step.calls else "dim"))
            else:
                self.done += 1
                self.failed += step.error is not None
                console.print(_line(step))


def _line(outcome: Outcome) -> Text:
    failed = outcome.error is not None
    about = str(outcome.call.arguments.get("package") or outcome.call.arguments.get("module") or "")
    line = Text.assemble(
        ("  ✗ ", "red") if failed else ("  ✓ ", "green"),
        f"{outcome.call.name:<22}",
        f"{_cut(about, 30):<31}",
        (f"{outcome.seconds:6.2f} s", "dim"),
    )
    if failed:
        line.append(f"\n    {_cut(f'{type(outcome.error).__name__}: {outcome.error}', _WIDTH - 4)}", "red")
    return line


def show_report(report: Report) -> None:
    console.print()
    console.print(
        f"[bold]{report.packages_installed} packages, {report.bytes_installed / 1e6:.0f} MB[/]; "
        f"{report.packages_audited} audited, {report.files_verified:,} files as published."
    )
    console.print(
        f"{report.tool_calls} tool calls, {report.failed_calls} failed; {len(report.findings)} findings:"
    )
    for finding in report.findings[:_FINDINGS]:
        console.print(Text(_cut(f"  - {finding}", _WIDTH)))
    if len(report.findings) > _FINDINGS:
        console.print(f"  ... and {len(report.findings) - _FINDINGS} more in the record")


def _cut(text: str, width: int) -> str:
    flat = " ".join(text.split()) if "\n" in text else text
    return flat if len(flat) <= width else flat[: width - 1] + "…"
