"""Tools that read the installed files themselves."""

from __future__ import annotations

import base64
import hashlib
from collections import Counter
from importlib.metadata import FileHash, distribution
from pathlib import Path
from typing import Annotated

from msgspec import Meta, Struct

from holdfast.cli.demo_agent.metadata_tools import OfPackage

__all__ = ["Size", "Verification", "VerifyFiles", "measure_size", "verify_files"]

_CHUNK = 1 << 20
_SHOWN = 10


class VerifyFiles(Struct, frozen=True, kw_only=True):
    package: str
    limit: Annotated[int, Meta(ge=1, le=20_000, description="Most files to hash.")] = 2_000


class Verification(Struct, frozen=True, kw_only=True):
    """`unhashed` files are those for which the wheel recorded no hash (compiled caches, RECORD itself)."""

    files: int
    hashed: int
    matching: int
    unhashed: int
    changed: list[str]
    missing: list[str]


class Size(Struct, frozen=True, kw_only=True):
    bytes: int
    by_suffix: dict[str, int]
    largest: dict[str, int]


def verify_files(given: VerifyFiles) -> Verification:
    """Raises `FileNotFoundError` where recorded files are gone, `ValueError` where their content changed."""
    found = distribution(given.package)
    changed: list[str] = []
    missing: list[str] = []
    hashed = unhashed = 0
    files = found.files or []
    for file in files:
        if file.hash is None:
            unhashed += 1
        elif hashed < given.limit:
            hashed += 1
            path = Path(str(file.locate()))
            if not path.exists():
                missing.append(str(file))
            elif _digest(path, file.hash) != file.hash.value:
                changed.append(str(file))
    if missing:
        raise FileNotFoundError(
            f"{found.name}: {len(missing)} recorded files are gone: {', '.join(missing[:_SHOWN])}"
        )
    if changed:
        raise ValueError(
            f"{found.name}: {len(changed)} files differ from the wheel: {', '.join(changed[:_SHOWN])}"
        )
    return Verification(
        files=len(files), hashed=hashed, matching=hashed, unhashed=unhashed, changed=changed, missing=missing
    )


def _digest(path: Path, recorded: FileHash) -> str:
    """In the form of a wheel's RECORD: URL-safe base64 without padding (PEP 376)."""
    running = hashlib.new(recorded.mode)
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            running.update(chunk)
    return base64.urlsafe_b64encode(running.digest()).rstrip(b"=").decode("ascii")


def measure_size(given: OfPackage) -> Size:
    found = distribution(given.package)
    by_suffix: Counter[str] = Counter()
    by_file: Counter[str] = Counter()
    for file in found.files or []:
        path = Path(str(file.locate()))
        if path.is_file():
            size = path.stat().st_size
            by_suffix[path.suffix or "(none)"] += size
            by_file[str(file)] = size
    return Size(
        bytes=sum(by_suffix.values()),
        by_suffix=dict(by_suffix.most_common(_SHOWN)),
        largest=dict(by_file.most_common(5)),
    )
