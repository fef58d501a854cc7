"""What every command owes its caller: a result, or one line that says what to do, and an exit code."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from holdfast._settings import SETTINGS
from holdfast._version import __version__

COMMANDS = [
    "serve",
    "demo",
    "import",
    "export",
    "token",
    "login-link",
    "spool",
    "doctor",
    "settings",
    "version",
]


def test_the_help_names_every_command(holdfast):
    """`holdfast --help` lists all commands."""
    ran = holdfast("--help")
    assert ran.code == 0
    assert all(command in ran.out for command in COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(holdfast, command):
    """Each command has a help text of its own."""
    ran = holdfast(command, "--help")
    assert ran.code == 0
    assert "Usage:" in ran.out


def test_the_version_is_printed(holdfast):
    """`version` and `--version` agree; `--json` gives it to a program."""
    assert holdfast("version").out.strip() == __version__
    assert holdfast("--version").out.strip() == __version__
    assert holdfast("version", "--json").json == {"version": __version__}


def test_a_wrong_option_is_wrong_usage(holdfast):
    """An unknown option ends with exit code 2 and no traceback."""
    ran = holdfast("doctor", "--no-such-option")
    assert ran.code == 2
    assert "Traceback" not in ran.err


def test_a_bad_setting_is_one_line(holdfast, monkeypatch):
    """A setting that cannot be read names its variable and ends with exit code 1."""
    monkeypatch.setenv("HOLDFAST_PORT", "many")
    ran = holdfast("settings")
    assert ran.code == 1
    assert "HOLDFAST_PORT" in ran.err
    assert "Traceback" not in ran.err


def test_settings_say_where_they_come_from(holdfast, monkeypatch):
    """A variable that is set is named as the source; a token's value is never shown."""
    monkeypatch.setenv("HOLDFAST_AGENT", "porter")
    monkeypatch.setenv("HOLDFAST_TOKEN", "hf_very_secret")
    ran = holdfast("settings", "--json")
    rows = {row["name"]: row for row in ran.json}
    assert rows.keys() == SETTINGS.keys()
    assert (rows["agent"]["value"], rows["agent"]["source"]) == ("porter", "HOLDFAST_AGENT")
    assert rows["port"]["source"] == "default"
    assert "very_secret" not in ran.out + holdfast("settings").out


@pytest.mark.parametrize("command", [("export",), ("import", __file__), ("login-link",)])
def test_without_a_server_the_fix_is_named(holdfast, monkeypatch, command):
    """A command that needs a server says so in one line, with the command that starts one."""
    monkeypatch.setenv("HOLDFAST_URL", "http://127.0.0.1:9")
    ran = holdfast(*command)
    assert ran.code == 1
    assert "fix: start one with `holdfast serve`" in ran.err
    assert "Traceback" not in ran.err


def test_no_color_is_honoured():
    """With NO_COLOR set there is no escape sequence in the help, even where colour is forced."""
    done = subprocess.run(
        [sys.executable, "-m", "holdfast.cli", "--help"],
        env={**os.environ, "NO_COLOR": "1", "COLUMNS": "80"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "\x1b[3" not in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 80


def test_without_typer_the_install_line_is_printed():
    """Where the extra is not installed the command says how to install it."""
    code = "import sys; sys.modules['typer'] = None; from holdfast.cli import main; main()"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "pip install 'holdfast[server]'" in done.stderr
    assert "Traceback" not in done.stderr


def test_small_commands_do_not_load_the_server():
    """`version`, `doctor` and their like start without importing what only the server needs."""
    code = "import sys, holdfast.cli.app; print({'litestar', 'sqlalchemy', 'uvicorn', 'jinja2'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_without_the_server_extra_the_install_line_is_printed(tmp_path):
    """Where only the client is installed, `serve` says how to install the rest."""
    code = (
        "import sys; sys.modules['litestar'] = None; "
        f"sys.argv = ['holdfast', 'serve', '--port', '0', '--data', {str(tmp_path)!r}]; "
        "from holdfast.cli import main; main()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "needs litestar" in done.stderr
    assert "pip install 'holdfast[server]'" in done.stderr
    assert "Traceback" not in done.stderr
