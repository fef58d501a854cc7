"""A warm process that forks recording children, so that 200 of them can be killed in a minute.

`Forge.spawn(work)` forks; the child opens its own pipeline and records, and notes in shared memory how many
appends have returned, which is what must have survived whatever happens to it next.
"""

from __future__ import annotations

import mmap
import os
import struct
import warnings
from collections.abc import Callable
from pathlib import Path

from holdfast.tracing.pipeline import Destination, Pipeline, PipelineOptions, TransportOptions, open_pipeline


def operation(key: str, size: int = 300) -> bytes:
    """The bytes of one operation, as an SDK would record it."""
    return b'{"_type":"agent_spans/create","idempotency_key":"%s","id":"%s","payload":"%s"}' % (
        key.encode(),
        key.encode(),
        b"x" * size,
    )


def pipeline_at(url: str, root: Path | None, **options: object) -> Pipeline:
    """A quick pipeline onto `url`."""
    transport = TransportOptions(timeout=5.0)
    options = {"export_interval": 0.02, **options}
    settings = PipelineOptions(root=root, transport=transport, **options)  # type: ignore[arg-type]  # keyword arguments of a test
    return open_pipeline(Destination(url=url, token="secret"), settings)


class Progress:
    """Counters that outlive the process which writes them: one for each child, in shared memory."""

    def __init__(self, children: int) -> None:
        self._map = mmap.mmap(-1, 8 * children)

    def note(self, child: int, returned: int) -> None:
        struct.pack_into("<Q", self._map, 8 * child, returned)

    def returned(self, child: int) -> int:
        return int(struct.unpack_from("<Q", self._map, 8 * child)[0])

    def reached(self, child: int, target: int) -> bool:
        return self.returned(child) >= target


def fork(work: Callable[[], None]) -> int:
    """Run `work` in a forked child that ends without any clean-up of Python's; its process id."""
    with warnings.catch_warnings():
        # From Python 3.12 on a fork beside threads warns: surviving just that is what is tested.
        warnings.simplefilter("ignore", DeprecationWarning)
        pid = os.fork()
    if pid == 0:
        code = 1
        try:
            work()
            code = 0
        finally:
            os._exit(code)
    return pid
