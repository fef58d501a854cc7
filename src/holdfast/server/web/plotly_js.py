"""The JavaScript of the charts, out of the installed `plotly` package: 4.8 MB, 1.5 MB as it travels."""

from __future__ import annotations

import gzip
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from holdfast.errors import ApiError
from holdfast.wire.vocabulary import ErrorCode

__all__ = ["PLOTLY_FILE", "plotly_js", "plotly_version"]

PLOTLY_FILE: Final = "plotly.min.js"


@cache
def plotly_version() -> str:
    """Part of the file's address. `none` where the package is missing: the tables are then all there is."""
    try:
        return version("plotly")
    except PackageNotFoundError:
        return "none"


def plotly_js(accepted: str) -> tuple[bytes, str]:
    """The content and its encoding, one of those of an `Accept-Encoding` header ('' for none). Raises
    `ApiError` 404. Packing takes a quarter of a second, once: keep it off the event loop."""
    encodings = {part.partition(";")[0].strip().lower() for part in accepted.split(",")}
    return (_packed(), "gzip") if "gzip" in encodings else (_plain(), "")


def _plain() -> bytes:
    package = find_spec("plotly")  # found, not imported: only its file is wanted
    for folder in package.submodule_search_locations or () if package is not None else ():
        file = Path(folder) / "package_data" / PLOTLY_FILE
        if file.is_file():
            return file.read_bytes()
    raise ApiError(404, ErrorCode.NOT_FOUND, "The package plotly is not installed.")


@cache
def _packed() -> bytes:
    return gzip.compress(_plain(), 6, mtime=0)
