"""`observe`: a function whose every call is a span."""

from __future__ import annotations

import inspect
from collections.abc import AsyncGenerator, Callable, Generator
from functools import wraps
from typing import Any, ParamSpec, TypeVar, cast, overload

from holdfast.tracing.api import default_client
from holdfast.tracing.capture import Arguments, Items
from holdfast.tracing.client import Client
from holdfast.tracing.context import current_scope, peek, replace
from holdfast.tracing.implicit import span_with_own_run
from holdfast.tracing.json_form import type_of
from holdfast.tracing.redaction import RedactHook
from holdfast.tracing.span import Span
from holdfast.wire.vocabulary import SpanType

__all__ = ["observe"]

_P = ParamSpec("_P")
_T = TypeVar("_T")


@overload
def observe(function: Callable[_P, _T], /) -> Callable[_P, _T]: ...
@overload
def observe(
    *,
    name: str | None = None,
    type: str = SpanType.FUNCTION,
    capture_arguments: bool | None = None,
    capture_result: bool | None = None,
    redact: RedactHook | None = None,
    root: bool = False,
) -> Callable[[Callable[_P, _T]], Callable[_P, _T]]: ...
def observe(
    function: Callable[_P, _T] | None = None,
    /,
    *,
    name: str | None = None,
    type: str = SpanType.FUNCTION,  # noqa: A002 - the reader's word for it
    capture_arguments: bool | None = None,
    capture_result: bool | None = None,
    redact: RedactHook | None = None,
    root: bool = False,
) -> Callable[_P, _T] | Callable[[Callable[_P, _T]], Callable[_P, _T]]:
    """Record every call of a function as a span: its arguments as payload, what it returns as result.

    For functions, coroutine functions, generators and asynchronous generators, methods of all kinds. What a
    generator yields is its result: a list, or one text where all of it was text. Closed early, it is
    `complete` with what it had yielded. Where no run is open, or with `root`, the call is a run of its own.

    `name` is the function's qualified name unless given. `redact` is asked about each argument and the
    result, as `(path, value)`, and returns what to record instead."""

    def decorate(target: Callable[_P, _T]) -> Callable[_P, _T]:
        plan = _Observed(
            target,
            name=name,
            span_type=type,
            arguments=capture_arguments,
            result=capture_result,
            redact=redact,
            root=root,
        )
        return cast("Callable[_P, _T]", plan.wrapped(target))

    return decorate if function is None else decorate(function)


class _Observed:
    """How the calls of one function are recorded."""

    __slots__ = ("_arguments", "_capture_arguments", "_capture_result", "_name", "_redact", "_root", "_type")

    def __init__(
        self,
        function: Any,
        *,
        name: str | None,
        span_type: str,
        arguments: bool | None,
        result: bool | None,
        redact: RedactHook | None,
        root: bool,
    ) -> None:
        inner: Any = getattr(function, "__func__", function)  # of a classmethod or staticmethod
        self._name: str = name or getattr(inner, "__qualname__", None) or repr(inner)[:120]
        self._type = span_type
        self._arguments = Arguments(inner)
        self._capture_arguments = arguments
        self._capture_result = result
        self._redact = redact
        self._root = root

    def wrapped(self, function: Any) -> Any:
        kind = type_of(function)
        if kind is classmethod or kind is staticmethod:
            return cast("Any", kind)(self.wrapped(function.__func__))
        if inspect.isasyncgenfunction(function):
            return self._async_generator(function)
        if inspect.isgeneratorfunction(function):
            return self._generator(function)
        if inspect.iscoroutinefunction(function):
            return self._coroutine(function)
        return self._function(function)

    def _function(self, function: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(function)
        def observed(*args: Any, **kwargs: Any) -> Any:
            client = default_client()
            if client.config.disabled:
                return function(*args, **kwargs)
            with self._span(client, args, kwargs) as span:
                result = function(*args, **kwargs)
                self._keep(client, span, result)
            return result

        return observed

    def _coroutine(self, function: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(function)
        async def observed(*args: Any, **kwargs: Any) -> Any:
            client = default_client()
            if client.config.disabled:
                return await function(*args, **kwargs)
            with self._span(client, args, kwargs) as span:
                result = await function(*args, **kwargs)
                self._keep(client, span, result)
            return result

        return observed

    def _generator(self, function: Callable[..., Generator[Any, Any, Any]]) -> Callable[..., Any]:
        @wraps(function)
        def observed(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
            client = default_client()
            if client.config.disabled:
                return (yield from function(*args, **kwargs))
            inner = function(*args, **kwargs)
            items = Items(client.config.max_payload)
            steps = _Steps(self._span(client, args, kwargs))
            send: Callable[[], Any] = lambda: next(inner)  # noqa: E731 - replaced below by its like
            try:
                while True:
                    with steps:
                        item = send()
                    items.add(item)
                    try:
                        given = yield item
                    except GeneratorExit:
                        with steps:
                            inner.close()
                        raise
                    except BaseException as thrown:  # noqa: BLE001 - thrown in by the caller
                        send = _throwing(inner, thrown)
                    else:
                        send = _sending(inner, given)
            except StopIteration as stop:
                self._keep_items(client, steps.span, items, stop.value)
                steps.span.finish()
                return stop.value
            except BaseException as error:
                self._keep_items(client, steps.span, items, None)
                steps.span.end_by(error)
                raise

        return observed

    def _async_generator(self, function: Callable[..., AsyncGenerator[Any, Any]]) -> Callable[..., Any]:
        @wraps(function)
        async def observed(*args: Any, **kwargs: Any) -> AsyncGenerator[Any, Any]:
            client = default_client()
            if client.config.disabled:
                async for item in function(*args, **kwargs):
                    yield item
                return
            inner = function(*args, **kwargs)
            items = Items(client.config.max_payload)
            steps = _Steps(self._span(client, args, kwargs))
            step = inner.asend(None)
            try:
                while True:
                    with steps:
                        item = await step
                    items.add(item)
                    try:
                        given = yield item
                    except GeneratorExit:
                        with steps:
                            await inner.aclose()
                        raise
                    except BaseException as thrown:  # noqa: BLE001 - thrown in by the caller
                        step = inner.athrow(thrown)
                    else:
                        step = inner.asend(given)
            except StopAsyncIteration:
                self._keep_items(client, steps.span, items, None)
                steps.span.finish()
            except BaseException as error:
                self._keep_items(client, steps.span, items, None)
                steps.span.end_by(error)
                raise

        return observed

    def _span(self, client: Client, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Span:
        capture = self._capture_arguments
        payload: Any = None
        if client.config.capture_arguments if capture is None else capture:
            payload = self._arguments.of(args, kwargs) or None
            if self._redact is not None and payload is not None:
                payload = {key: self._redacted((key,), value) for key, value in payload.items()}
        scope = None if self._root else current_scope()
        if scope is None:
            return span_with_own_run(client, self._name, type=self._type, payload=payload)
        return scope.run.span(self._name, type=self._type, payload=payload)

    def _keep(self, client: Client, span: Span, result: Any) -> None:
        capture = self._capture_result
        if result is None or not (client.config.capture_result if capture is None else capture):
            return
        if self._redact is not None:
            result = self._redacted(("result",), result)
        span.set_result(result)

    def _keep_items(self, client: Client, span: Span, items: Items, returned: Any) -> None:
        shown = items.result()
        if returned is not None:
            shown["returned"] = returned
        self._keep(client, span, shown)

    def _redacted(self, path: tuple[str | int, ...], value: Any) -> Any:
        assert self._redact is not None
        try:
            return self._redact(path, value)
        except Exception:  # noqa: BLE001 - the user's rule failed: what it should have judged stays out
            return {"$redacted": "hook_failed"}


class _Steps:
    """Makes a generator's span current while the generator runs, and the caller's own between its steps.

    Spans that the generator's body leaves open across a `yield` are current again in its next step.
    """

    __slots__ = ("_inside", "_outside", "span")

    def __init__(self, span: Span) -> None:
        self.span = span.start()
        self.span.outer = current_scope()
        self._inside: Any = span
        self._outside: Any = None

    def __enter__(self) -> None:
        self._outside = peek()
        replace(self._inside)

    def __exit__(self, *_: object) -> None:
        self._inside = peek()
        replace(self._outside)


def _sending(inner: Generator[Any, Any, Any], given: Any) -> Callable[[], Any]:
    return lambda: inner.send(given)


def _throwing(inner: Generator[Any, Any, Any], thrown: BaseException) -> Callable[[], Any]:
    return lambda: inner.throw(thrown)
