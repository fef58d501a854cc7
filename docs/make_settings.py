"""Writes docs/settings.md from the table of settings: `python docs/make_settings.py`."""

from __future__ import annotations

from pathlib import Path

from holdfast._settings import SETTINGS, Setting

HEAD = """\
# Settings

<!-- Made by docs/make_settings.py from the table in src/holdfast/_settings.py. -->

A value is looked for in this order: the argument of a call, the environment, the settings file, the default. The
settings file is TOML with the names of the first column: `config.toml` in the platform's configuration directory
(`~/.config/holdfast/` on Linux), or the file that `HOLDFAST_CONFIG` names. Sizes are bytes, or such as `64KiB`, `8MiB`,
`1GiB`. Flags are `true` or `false`. An empty environment variable counts as none.

| name | environment | kind | default | |
|---|---|---|---|---|
"""


def _default(setting: Setting) -> str:
    value = setting.default
    if value is None:
        return ""
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if setting.kind == "size" and isinstance(value, int):
        for unit, size in (("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)):
            if value and value % size == 0:
                return f"`{value // size}{unit}`"
    return f"`{value}`"


def render() -> str:
    """The whole page."""
    rows = [
        f"| `{one.name}` | `{one.env}` | {one.kind} | {_default(one)} | {one.help} |\n"
        for one in SETTINGS.values()
    ]
    return HEAD + "".join(rows)


if __name__ == "__main__":
    (Path(__file__).parent / "settings.md").write_text(render(), "utf-8")
