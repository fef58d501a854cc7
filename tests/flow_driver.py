"""A driver of flows with a clock that only moves when the flow sleeps or a call takes its time."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

from holdfast.core.flow import Call, Command, Flow, Prepare, Raised, Reply, Returned, Sleep, Target

R = TypeVar("R")


class FakeDriver:
    """`script` says what each call gives: a value, or an exception to raise. A call takes one second."""

    def __init__(
        self,
        script: Iterable[object],
        *,
        hook: Callable[[Prepare], bool] = lambda command: True,
        unix_now: float = 1_800_000_000.0,
    ) -> None:
        self._script = list(script)
        self._hook = hook
        self._unix_now = unix_now
        self.now = 0.0
        self.commands: list[Command] = []

    @property
    def called(self) -> list[str]:
        return [one.target.name for one in self.commands if isinstance(one, Call)]

    @property
    def slept(self) -> list[float]:
        return [one.seconds for one in self.commands if isinstance(one, Sleep)]

    def drive(self, flow: Flow[R]) -> R:
        reply: Reply = None
        while True:
            try:
                command = flow.send(reply)
            except StopIteration as stop:
                result: R = stop.value
                return result
            self.commands.append(command)
            reply = self._carry_out(command)

    def _carry_out(self, command: Command) -> Reply:
        if isinstance(command, Call):
            started, self.now = self.now, self.now + 1.0
            given = self._script.pop(0)
            if isinstance(given, BaseException):
                unix_now = self._unix_now + self.now
                return Raised(error=given, started=started, ended=self.now, unix_now=unix_now)
            return Returned(value=given, started=started, ended=self.now)
        if isinstance(command, Sleep):
            self.now += command.seconds
        if isinstance(command, Prepare):
            return self._hook(command)
        return None


def targets(*names: str) -> tuple[Target, ...]:
    return tuple(Target(name=name) for name in names)
