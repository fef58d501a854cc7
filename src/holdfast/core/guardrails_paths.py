"""A guardrail on which files tools may touch: an allow-list of directories for every path in their arguments."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from pathlib import PurePath
from posixpath import isabs, join, normpath
from typing import Final
from urllib.parse import unquote

from holdfast.core.guardrails import ALLOWED, GuardrailOutcome
from holdfast.core.text_scan import texts_of
from holdfast.errors import InvalidInputError

__all__ = ["PathGuardrail"]

_FIELDS: Final = (
    "path",
    "paths",
    "file",
    "files",
    "filename",
    "file_path",
    "filepath",
    "dir",
    "directory",
    "folder",
    "cwd",
    "source",
    "destination",
    "target",
    "root",
    "working_directory",
)
_DEFAULT_FIELDS: Final = frozenset(_FIELDS)
_PATH: Final = re.compile(r"^(?:/(?:\S|$)|~|\.{1,2}(?:/|$)|file:)|(?:^|/)\.\.(?:/|$)", re.I)
_LAST_WORDS: Final = frozenset(
    ("path", "paths", "file", "files", "filename", "filepath", "dir", "directory", "folder")
)
_WORDS: Final = re.compile(r"[A-Z]?[a-z]+|[A-Z]+")
_WINDOWS: Final = re.compile(r"^[A-Za-z]:|^\\\\")


class PathGuardrail:
    """Every path in a tool's arguments must lie in one of `roots` (absolute, POSIX).

    Looked at is what stands in arguments that are named for a path (`fields`; by default also any whose last
    word is path, file, dir and the like, as in `output_file` or `newPath`), and any text that begins like one
    (`/`, `~`, `./`, `../`, `file:`) or has a `..` between slashes; with `fields=None` every text of every
    argument. A relative path starts at the first root. `.` and `..` are worked out before the comparison;
    refused outright are `~`, `$` names, control characters, blanks around it, backslashes, drives, and
    percent-encoded dots and slashes.

    Symbolic links are not followed: whoever may make one inside a root can leave it. Where that matters give
    `resolve`, such as `os.path.realpath`, which is applied to every path and root.
    """

    def __init__(
        self,
        roots: Iterable[str | PurePath],
        *,
        fields: Collection[str] | None = _FIELDS,
        resolve: Callable[[str], str] | None = None,
        name: str = "paths",
    ) -> None:
        if isinstance(roots, str):
            raise InvalidInputError("roots", "is one string", "give a list of directories")
        self.name = name
        if fields is _FIELDS:
            self._fields: frozenset[str] | None = _DEFAULT_FIELDS
        else:
            self._fields = None if fields is None else frozenset(field.lower() for field in fields)
        self._resolve = resolve
        self._roots = [self._normal(str(root)) for root in roots]
        for root in self._roots:
            if not isabs(root):
                raise InvalidInputError("roots", f"{root!r} is not absolute", "begin it with /")
        if not self._roots:
            raise InvalidInputError("roots", "is empty", "name at least one directory")

    def check_pre(self, *, role: str, tool: str) -> GuardrailOutcome:
        return ALLOWED

    def check_post(self, value: object, *, role: str, tool: str) -> GuardrailOutcome:
        return ALLOWED

    def check_call(self, arguments: Mapping[str, object], *, role: str, tool: str) -> GuardrailOutcome:
        for field, text in texts_of(arguments, "", 0):
            named = self._is_for_paths(field)
            if named or _looks_like_a_path(text.strip()):
                reason = self._refusal(text if named else text.strip())
                if reason is not None:
                    return GuardrailOutcome(False, f"{field or 'arguments'}: {reason}")
        return ALLOWED

    def _is_for_paths(self, field: str) -> bool:
        if self._fields is None or field.lower() in self._fields:
            return True
        words = _WORDS.findall(field) if self._fields is _DEFAULT_FIELDS else []
        return bool(words) and words[-1].lower() in _LAST_WORDS

    def _refusal(self, text: str) -> str | None:
        path = text[len("file://") :] if text.lower().startswith("file:///") else text
        if not path:
            return None
        odd = path != path.strip() or "\\" in path or any(not sign.isprintable() for sign in path)
        if odd or _WINDOWS.match(path):
            return "the path is spelled in a way that programs read differently"
        if path.startswith("~") or "$" in path or path.lower().startswith("file:"):
            return "the path depends on where it is read"
        decoded = unquote(path)
        if decoded != path and (".." in decoded or decoded.count("/") != path.count("/") or "\0" in decoded):
            return "the path hides dots or slashes"
        found = self._normal(join(self._roots[0], path))
        if any(found == root or found.startswith(root.rstrip("/") + "/") for root in self._roots):
            return None
        return f"{found} is outside the allowed directories"

    def _normal(self, path: str) -> str:
        resolved = path if self._resolve is None else self._resolve(path)
        normal = normpath(resolved)
        return normal[1:] if normal.startswith("//") else normal  # POSIX lets two slashes mean anything


def _looks_like_a_path(text: str) -> bool:
    return len(text) < 4096 and "\n" not in text and _PATH.search(text) is not None
