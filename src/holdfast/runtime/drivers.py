"""The drivers: they run a flow from sync or from async code, and decide nothing.

`perform` carries out one command and returns its reply. What it raises is thrown into the flow at its `yield`,
so that a cancellation or a Ctrl-C finds the flow's `finally` blocks. The streaming two hand each `Deliver` to
whoever reads; a reader that goes away closes the flow the same way.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from typing import TypeVar, cast

from holdfast.core.flow import Command, Deliver, Flow, Reply

__all__ = ["adrive", "adrive_stream", "drive", "drive_stream"]

R = TypeVar("R")


def drive(flow: Flow[R], perform: Callable[[Command], Reply]) -> R:
    """What the flow returns or raises."""
    try:
        command = next(flow)
        while True:
            try:
                reply = perform(command)
            except BaseException as error:  # noqa: BLE001 - the flow must hear of a cancellation too
                command = flow.throw(error)
            else:
                command = flow.send(reply)
    except StopIteration as end:
        return cast("R", end.value)


async def adrive(flow: Flow[R], perform: Callable[[Command], Awaitable[Reply]]) -> R:
    """What the flow returns or raises."""
    try:
        command = next(flow)
        while True:
            try:
                reply = await perform(command)
            except BaseException as error:  # noqa: BLE001 - the flow must hear of a cancellation too
                command = flow.throw(error)
            else:
                command = flow.send(reply)
    except StopIteration as end:
        return cast("R", end.value)


def drive_stream(flow: Flow[R], perform: Callable[[Command], Reply]) -> Generator[object, None, R]:
    """The parts that the flow delivers, and in the end what it returns."""
    try:
        command = next(flow)
        while True:
            try:
                if type(command) is Deliver:
                    yield command.chunk
                    reply: Reply = None
                else:
                    reply = perform(command)
            except BaseException as error:  # noqa: BLE001 - the flow must hear of a reader that goes away
                command = flow.throw(error)
            else:
                command = flow.send(reply)
    except StopIteration as end:
        return cast("R", end.value)


async def adrive_stream(
    flow: Flow[R], perform: Callable[[Command], Awaitable[Reply]], done: Callable[[R], None]
) -> AsyncGenerator[object, None]:
    """The parts that the flow delivers; what it returns goes to `done`, as an async generator has no result."""
    try:
        command = next(flow)
        while True:
            try:
                if type(command) is Deliver:
                    yield command.chunk
                    reply: Reply = None
                else:
                    reply = await perform(command)
            except BaseException as error:  # noqa: BLE001 - the flow must hear of a reader that goes away
                command = flow.throw(error)
            else:
                command = flow.send(reply)
    except StopIteration as end:
        done(cast("R", end.value))
