"""`make bench`: every benchmark, one after the other. `make bench ARGS="burst turn"` runs those named."""

from __future__ import annotations

import importlib
import pkgutil
import sys

import benchmarks

PREFIX = "bench_"


def main(wanted: list[str]) -> int:
    known = sorted(
        module.name.removeprefix(PREFIX)
        for module in pkgutil.iter_modules(benchmarks.__path__)
        if module.name.startswith(PREFIX)
    )
    unknown = sorted(set(wanted) - set(known))
    if unknown:
        print(f"no benchmark is called {', '.join(unknown)}; there are: {', '.join(known)}", file=sys.stderr)
        return 2
    del sys.argv[1:]  # the names are ours; a benchmark with options of its own takes them when it runs alone
    for name in wanted or known:
        importlib.import_module(f"benchmarks.{PREFIX}{name}").main()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
