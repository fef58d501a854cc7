"""What the loop guard says over recorded real runs, against how each run ended; and what a call through it costs.

The defaults of `LoopLimits` were chosen on these runs. A loop is a run in which one call was made ten times or
more in a row with equal arguments and equal results. A run did well where its record says so (reward 1,
resolved, success). A stop in a run that did well is a false alarm; a steer in one is a sentence said too much.
"""

from __future__ import annotations

import gzip
import itertools
import json
import timeit
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.report import Line, print_table
from holdfast.core.canonical import same_key
from holdfast.core.loopguard import LoopGuard, LoopLimits
from holdfast.wire.runtime_vocabulary import LoopAction

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
LEFT_OUT = ("provider_http", "framework_cassettes")  # single exchanges and toy prompts: no behaviour to see
LOOP = 10
PEOPLE = ("user", "user_simulator")

Step = tuple[str, object, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """The tool calls of one agent in one run, in order, and whether the run did well (None: not recorded)."""

    source: str
    steps: Sequence[Step]
    did_well: bool | None

    @property
    def longest_repeat(self) -> int:
        keys = [(tool, same_key(arguments), same_key(result)) for tool, arguments, result in self.steps]
        return max((sum(1 for _ in group) for _, group in itertools.groupby(keys)), default=0)


@dataclass(slots=True)
class Tally:
    runs: int = 0
    steered: int = 0
    stopped: int = 0


def did_well(outcome: dict[str, Any]) -> bool | None:
    for name in ("success", "resolved"):
        if outcome.get(name) is not None:
            return bool(outcome[name])
    reward = outcome.get("reward")
    return None if reward is None else reward > 0.99


def recorded_runs() -> Iterator[Run]:
    for path in sorted(DATA.glob("*.jsonl.gz")):
        if path.name.startswith(LEFT_OUT):
            continue
        with gzip.open(path, "rt", encoding="utf-8") as lines:
            for line in lines:
                record = json.loads(line)
                steps: defaultdict[str, list[Step]] = defaultdict(list)
                for turn in record["turns"]:
                    if turn["kind"] == "tool" and turn["actor"] not in PEOPLE:
                        outcome = (turn.get("output"), turn.get("error"))
                        steps[turn["actor"]].append((turn["name"], turn.get("input"), outcome))
                ended = did_well(record.get("outcome") or {})
                for calls in steps.values():
                    yield Run(source=path.name.partition(".")[0], steps=calls, did_well=ended)


def judge(run: Run, limits: LoopLimits) -> tuple[bool, str | None, int]:
    """Whether the guard steered, the pattern it stopped for, and after how many calls."""
    guard = LoopGuard(limits)
    steered = False
    for place, (tool, arguments, result) in enumerate(run.steps, 1):
        number, verdict = guard.call(tool, arguments)
        answers = [verdict]
        if verdict is None or verdict.action is LoopAction.STEER:
            answers.append(guard.result(number, result))
        for answer in filter(None, answers):
            if answer.action is LoopAction.STOP:
                return True, answer.pattern.value, place
            steered = True
    return steered, None, len(run.steps)


def tally(runs: Sequence[Run], limits: LoopLimits) -> dict[str, Tally]:
    found: defaultdict[str, Tally] = defaultdict(Tally)
    for run in runs:
        steered, stopped, _ = judge(run, limits)
        ended = {True: "did well", False: "did badly", None: "end not recorded"}[run.did_well]
        for kind in (ended, "loops") if run.longest_repeat >= LOOP else (ended,):
            found[kind].runs += 1
            found[kind].steered += steered
            found[kind].stopped += stopped is not None
    return found


def cost_of_a_call() -> float:
    """Microseconds for a call and its result, arguments of 250 characters, a result of 300."""
    guard, lines = LoopGuard(), itertools.count()

    def once() -> None:
        number, _ = guard.call("edit", {"path": "a/b", "line": next(lines), "text": "x" * 200})
        guard.result(number, "ok " * 100)

    return min(timeit.repeat(once, number=5000, repeat=7)) / 5000 * 1e6


def main() -> None:
    if not DATA.exists():
        print("bench_loops: the recorded runs are not here (../shared/data): nothing to count")
        return
    runs = list(recorded_runs())
    limits = LoopLimits()
    found = tally(runs, limits)
    lines = [
        Line(
            what=f"{kind}: {tallied.runs} agents",
            ours=f"steered {tallied.steered}, stopped {tallied.stopped}",
            goal={"loops": "all stopped", "did well": "none stopped"}.get(kind, ""),
            held={"loops": tallied.stopped == tallied.runs, "did well": tallied.stopped == 0}.get(kind),
        )
        for kind, tallied in sorted(found.items())
    ]
    saved = [(len(run.steps), judge(run, limits)) for run in runs if run.longest_repeat >= LOOP]
    calls, until = sum(length for length, _ in saved), sum(place for _, (_, _, place) in saved)
    lines.append(Line(what="calls made by the loops, until stopped", ours=f"{until} of {calls}"))
    patterns = Counter(pattern for run in runs if (pattern := judge(run, limits)[1]))
    lines.append(Line(what="stopped for", ours=", ".join(f"{name} {n}" for name, n in patterns.items())))
    lines.append(Line(what="a call and its result", ours=f"{cost_of_a_call():.1f} µs"))
    print_table(f"Loop guard over {len(runs)} agents of recorded runs", lines)

    others = [
        (f"same call: stop at {stop}", LoopLimits(same_call_stop=stop)) for stop in (4, 6, 8, 10, 15, 20)
    ]
    others += [
        (f"same result: stop at {stop}", LoopLimits(same_result_steer=stop // 2, same_result_stop=stop))
        for stop in (6, 10, 14, 20, 30)
    ]
    others += [(f"cycle: stop at {stop}", LoopLimits(cycle_steer=2, cycle_stop=stop)) for stop in (2, 3, 6)]
    table = []
    for name, other in others:
        counted = tally(runs, other)
        table.append(
            Line(
                what=name,
                ours=f"loops {counted['loops'].stopped} of {counted['loops'].runs}",
                peer=f"did well {counted['did well'].stopped}, steered {counted['did well'].steered}",
            )
        )
    print_table("Other thresholds: loops stopped, and (as peer) runs that did well stopped or steered", table)


if __name__ == "__main__":
    main()
