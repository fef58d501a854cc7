"""Where a browser may be led after what it came for: to pages of this server and to nowhere else."""

from __future__ import annotations

__all__ = ["is_own_path"]


def is_own_path(path: str) -> bool:
    """Whether this is a path here: not `//host`, nor `/\\host` or a tab between the slashes, which browsers
    read as the same."""
    return path.startswith("/") and path.isprintable() and not path.startswith(("//", "/\\"))
