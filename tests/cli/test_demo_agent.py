"""The demo agent: real tools, a plan that follows what they say, a report worth reading."""

from __future__ import annotations

import time

import msgspec
import pytest

from holdfast.cli.demo_agent.file_tools import Verification
from holdfast.cli.demo_agent.import_tools import ImportTime
from holdfast.cli.demo_agent.metadata_tools import Inventory, Licence
from holdfast.cli.demo_agent.planning import Decision, Outcome, ToolCall, Turn, Usage
from holdfast.cli.demo_agent.report import write_report
from holdfast.cli.demo_agent.rules import RulePlanner
from holdfast.cli.demo_agent.toolbox import TOOLS, call_tool


def test_it_lists_what_is_installed():
    """The inventory has this test's own runner in it, with files and a size."""
    inventory = call_tool("list_packages", {})
    assert isinstance(inventory, Inventory)
    found = {package.name.lower(): package for package in inventory.packages}
    assert found["pytest"].files > 10
    assert found["pytest"].bytes > 10_000


def test_it_finds_a_licence_and_its_text():
    """A licence has a statement, and names the files that hold its text, never a module."""
    licence = call_tool("find_licence", {"package": "pytest"})
    assert isinstance(licence, Licence)
    assert "MIT" in licence.statement
    assert licence.texts
    assert not any(text.endswith((".py", ".pyc")) for text in licence.texts)


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A package installed by hand: `made up` with one module and an honest RECORD."""
    info = tmp_path / "madeup-1.0.dist-info"
    info.mkdir()
    (tmp_path / "madeup.py").write_text("WORD = 'as published'\n")
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: madeup\nVersion: 1.0\nLicense: MIT\n")
    digest = "sha256=llMHHsWA-hdayBUr5YUtfomaWkKih0RnXq11rgrNnVQ"
    (info / "RECORD").write_text(f"madeup.py,{digest},22\nmadeup-1.0.dist-info/RECORD,,\n")
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path


def test_a_missing_licence_text_is_a_failure(package):
    """A package that says MIT but ships no text of it cannot be shipped on."""
    with pytest.raises(LookupError, match=r"madeup 1\.0 says MIT but ships no licence text"):
        call_tool("find_licence", {"package": "madeup"})


def test_a_package_without_any_licence_is_a_failure(package):
    """A package that states no licence is told apart from one that only lacks the text."""
    (package / "madeup-1.0.dist-info" / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: madeup\nVersion: 1.0\n"
    )
    with pytest.raises(LookupError, match="states no licence"):
        call_tool("find_licence", {"package": "madeup"})


def test_a_changed_file_is_found(package):
    """A file whose hash is not the recorded one is named."""
    call_tool("verify_files", {"package": "madeup"})
    (package / "madeup.py").write_text("WORD = 'changed'\n")
    with pytest.raises(ValueError, match=r"1 files differ from the wheel: madeup\.py"):
        call_tool("verify_files", {"package": "madeup"})


def test_a_missing_file_is_found(package):
    """A recorded file that is gone is named."""
    (package / "madeup.py").unlink()
    with pytest.raises(FileNotFoundError, match=r"1 recorded files are gone: madeup\.py"):
        call_tool("verify_files", {"package": "madeup"})


def test_files_that_are_as_published_match():
    """Every hashed file of an untouched package matches."""
    found = call_tool("verify_files", {"package": "pluggy"})
    assert isinstance(found, Verification)
    assert found.matching == found.hashed > 5


def test_an_import_is_measured_in_another_process():
    """A module is imported and timed without being imported here."""
    found = call_tool("time_import", {"module": "pluggy", "limit_ms": 30_000})
    assert isinstance(found, ImportTime)
    assert found.ms > 0
    assert found.loaded > 1


def test_a_slow_import_times_out_for_real():
    """An import that takes longer than the limit is a TimeoutError, and is not waited for."""
    began = time.monotonic()
    with pytest.raises(TimeoutError, match="not imported within 50 ms"):
        call_tool("time_import", {"module": "litestar.testing", "limit_ms": 50})
    assert time.monotonic() - began < 30


def test_an_import_that_fails_says_why():
    """The interpreter's last line is the error."""
    with pytest.raises(ImportError, match=r"No module named 'pytest\.no_such_module'"):
        call_tool("time_import", {"module": "pytest.no_such_module", "limit_ms": 30_000})


@pytest.mark.parametrize("module", ["os; print(1)", "a-b", "", "a..b", "-c"])
def test_a_module_name_cannot_smuggle_code(module):
    """What is no dotted name never reaches an interpreter."""
    with pytest.raises(ValueError, match="time_import"):
        call_tool("time_import", {"module": module})


def test_unknown_tools_and_arguments_are_errors():
    """A planner that makes up a tool or an argument's type is told so."""
    with pytest.raises(LookupError, match="there is no tool 'rm'"):
        call_tool("rm", {})
    with pytest.raises(ValueError, match="verify_files"):
        call_tool("verify_files", {"package": 7})


def test_every_tool_has_a_schema_a_model_can_read():
    """The schemas are objects without references."""
    for tool in TOOLS.values():
        schema = tool.schema()
        assert schema["type"] == "object"
        assert b"$ref" not in msgspec.json.encode(schema)


def plan_to_the_end() -> list[Turn]:
    planner, history = RulePlanner(), list[Turn]()
    while len(history) < 60:
        decision = planner.decide("audit", history)
        outcomes = []
        for call in decision.calls:
            try:
                outcomes.append(Outcome(call=call, result=call_tool(call.name, call.arguments), seconds=0.0))
            except Exception as error:
                outcomes.append(Outcome(call=call, error=error, seconds=0.0))
        history.append(Turn(decision=decision, outcomes=outcomes))
        if not outcomes:
            return history
    raise AssertionError("the planner never came to an end")


@pytest.mark.slow
def test_the_rules_audit_this_environment():
    """The plan comes to an end after a few dozen calls, of which some really failed, and finds something."""
    history = plan_to_the_end()
    report = write_report(history)
    assert 24 <= report.tool_calls <= 80
    assert report.failed_calls >= 1
    assert report.packages_audited >= 5
    assert report.files_verified > 100
    assert report.findings
    assert report.markdown().startswith("# Audit")


def test_the_same_history_gives_the_same_step():
    """The planner is deterministic, and says what a model would have read and written as an estimate."""
    first, second = RulePlanner().decide("audit", []), RulePlanner().decide("audit", [])
    assert first == second
    assert first.usage.estimated
    assert first.usage.output_tokens > 0


def test_a_timeout_is_measured_again_without_hurry():
    """A failed call is followed up, not given up."""
    call = ToolCall(id="call_001", name="time_import", arguments={"module": "litestar", "limit_ms": 200})
    usage = Usage(input_tokens=1, output_tokens=1, estimated=True)
    slow = Turn(
        decision=Decision(thought="", calls=[call], usage=usage),
        outcomes=[Outcome(call=call, error=TimeoutError("slow"), seconds=0.2)],
    )
    step = RulePlanner().decide("audit", [slow])
    assert step.calls[0].arguments == {"module": "litestar", "limit_ms": 20_000}


def test_a_wrong_guess_of_a_module_is_looked_up():
    """When no package brings the guessed module, the planner asks under which name it is imported."""
    calls = [
        ToolCall(id="1", name="find_licence", arguments={"package": "PyYAML"}),
        ToolCall(id="2", name="time_import", arguments={"module": "pyyaml", "limit_ms": 200}),
    ]
    usage = Usage(input_tokens=1, output_tokens=1, estimated=True)
    guessed = Turn(
        decision=Decision(thought="", calls=calls, usage=usage),
        outcomes=[
            Outcome(call=calls[0], seconds=0.0),
            Outcome(call=calls[1], error=LookupError("no module"), seconds=0.0),
        ],
    )
    step = RulePlanner().decide("audit", [guessed])
    assert [(call.name, call.arguments) for call in step.calls] == [("list_modules", {"package": "PyYAML"})]
