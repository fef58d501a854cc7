"""From a page's fields to its HTML."""

from __future__ import annotations

import gzip
from dataclasses import fields
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from holdfast.server.web.pages import Shown
from holdfast.server.web.plotly_js import PLOTLY_FILE, plotly_version

__all__ = [
    "STATIC_FILES",
    "StaticFile",
    "environment",
    "load_templates",
    "render",
    "static_file",
    "static_url",
]

_HERE: Final = Path(__file__).parent
STATIC_FILES: Final = {
    "console.css": "text/css",
    "app.js": "text/javascript",
    "charts.js": "text/javascript",
    "overview.js": "text/javascript",
    "run.js": "text/javascript",
    "run_live.js": "text/javascript",
    "runs.js": "text/javascript",
    "story.js": "text/javascript",
    "icons.svg": "image/svg+xml",
    "favicon.svg": "image/svg+xml",
}


class StaticFile:
    """A file of the console, plain and as gzip. The stylesheet is one to the reader, and here a file for each page."""

    def __init__(self, name: str) -> None:
        static = _HERE / "static"
        if name == "console.css":
            self.content = b"".join(part.read_bytes() for part in sorted((static / "styles").glob("*.css")))
        else:
            self.content = (static / name).read_bytes()
        self.packed = gzip.compress(self.content, 9, mtime=0)
        self.media_type = STATIC_FILES[name]


@cache
def static_file(name: str) -> StaticFile | None:
    return StaticFile(name) if name in STATIC_FILES else None


@cache
def _version() -> str:
    """Changes with any of the files. It stands in the path: modules import each other from beside them."""
    return sha256(b"".join(StaticFile(name).content for name in STATIC_FILES)).hexdigest()[:10]


def static_url(name: str) -> str:
    """The address of a file, which may be kept for ever. Raises `KeyError` for a file that is not there."""
    if name == PLOTLY_FILE:
        return f"/static/plotly-{plotly_version()}/{name}"
    if name not in STATIC_FILES:
        raise KeyError(name)
    return f"/static/{_version()}/{name}"


@cache
def environment() -> Environment:
    """The templates: everything is escaped, and a name that a page does not give is an error."""
    made = Environment(
        loader=FileSystemLoader(_HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    made.globals["static"] = static_url  # pyright: ignore[reportArgumentType] - inferred from its defaults
    return made


def load_templates() -> None:
    """Compile them all: a mistake in one is found at the start, and the first reader does not wait."""
    for name in environment().list_templates():
        environment().get_template(name)


def render(shown: Shown) -> str:
    values = {field.name: getattr(shown, field.name) for field in fields(shown)}
    return environment().get_template(shown.template).render(values)
