"""The tools by name: what a model may read about them, and the one way to call them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec
from msgspec import Struct

from holdfast.cli.demo_agent import file_tools, import_tools, metadata_tools

__all__ = ["TOOLS", "Tool", "call_tool"]


class Tool(Struct, frozen=True, kw_only=True):
    """`arguments` is the struct that the JSON arguments are checked against."""

    name: str
    description: str
    arguments: type[Struct]
    run: Callable[[Any], Struct]

    def schema(self) -> dict[str, Any]:
        """The JSON Schema of the arguments, with no references in it."""
        _, components = msgspec.json.schema_components([self.arguments])
        schema: dict[str, Any] = components[self.arguments.__name__]
        return schema


_ALL: Final = (
    Tool(
        name="list_packages",
        description="List the installed Python packages with their versions, files and sizes.",
        arguments=metadata_tools.ListPackages,
        run=metadata_tools.list_packages,
    ),
    Tool(
        name="read_metadata",
        description="Read a package's summary, required Python, requirements and extras.",
        arguments=metadata_tools.OfPackage,
        run=metadata_tools.read_metadata,
    ),
    Tool(
        name="find_licence",
        description="Find a package's licence statement and text. Fails where either is missing.",
        arguments=metadata_tools.OfPackage,
        run=metadata_tools.find_licence,
    ),
    Tool(
        name="verify_files",
        description="Hash a package's installed files and compare them with the hashes its wheel recorded.",
        arguments=file_tools.VerifyFiles,
        run=file_tools.verify_files,
    ),
    Tool(
        name="measure_size",
        description="Measure what a package takes on disk, by kind of file, with its largest files.",
        arguments=metadata_tools.OfPackage,
        run=file_tools.measure_size,
    ),
    Tool(
        name="list_modules",
        description="List the modules that a package brings, by the names they are imported under.",
        arguments=metadata_tools.OfPackage,
        run=import_tools.list_modules,
    ),
    Tool(
        name="find_optional_modules",
        description="Find modules of a package that need something only a missing extra would install.",
        arguments=metadata_tools.OfPackage,
        run=import_tools.find_optional_modules,
    ),
    Tool(
        name="time_import",
        description="Import a module in a fresh interpreter. Fails when it cannot or takes over limit_ms.",
        arguments=import_tools.TimeImport,
        run=import_tools.time_import,
    ),
)

TOOLS: Final[Mapping[str, Tool]] = {tool.name: tool for tool in _ALL}


def call_tool(name: str, arguments: Mapping[str, object]) -> Struct:
    """The tool's result. Raises what the tool raises; `LookupError` for an unknown tool, `ValueError` for
    arguments that do not fit."""
    tool = TOOLS.get(name)
    if tool is None:
        raise LookupError(f"there is no tool {name!r}; there are {', '.join(TOOLS)}")
    try:
        given = msgspec.convert(arguments, tool.arguments)
    except msgspec.ValidationError as error:
        raise ValueError(f"{name}: {error}") from None
    return tool.run(given)
