"""`track`: measure every call of a function; sync, async and generator functions alike."""

from __future__ import annotations

import inspect
from functools import wraps
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar, overload

from carbon_advisor.measurement.tracker import Tracker

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Generator, Sequence

    from carbon_advisor.measurement.outputs.output import Output

Parameters = ParamSpec("Parameters")
Value = TypeVar("Value")


@overload
def track(function: Callable[Parameters, Value], /) -> Callable[Parameters, Value]: ...


@overload
def track(
    *,
    project: str | None = None,
    run_name: str | None = None,
    interval_s: float | None = None,
    here: str | None = None,
    attribution: str | None = None,
    meter: str | None = None,
    outputs: str | Sequence[str | Output] | None = None,
) -> Callable[[Callable[Parameters, Value]], Callable[Parameters, Value]]: ...


def track(function: Any = None, /, **settings: Any) -> Any:
    """Measure each call of a function as a run of its own, from its start to its real end.

    An async function is measured until it returns and not until it first waits; a generator until
    it is exhausted, closed or fails. `@track` and `@track(project="bert")` both work; the settings
    are those of `Tracker`. The run is named after the function where nothing else says.
    """
    if function is None:
        return lambda decorated: track(decorated, **settings)
    settings = {"run_name": function.__qualname__, **settings}
    if inspect.isasyncgenfunction(function):
        return _tracked_async_generator(function, settings)
    if inspect.iscoroutinefunction(function):
        return _tracked_coroutine(function, settings)
    if inspect.isgeneratorfunction(function):
        return _tracked_generator(function, settings)

    @wraps(function)
    def tracked(*arguments: Any, **options: Any) -> Any:
        with Tracker(**settings):
            return function(*arguments, **options)

    return tracked


def _tracked_coroutine(function: Any, settings: dict[str, Any]) -> Any:
    @wraps(function)
    async def tracked(*arguments: Any, **options: Any) -> Any:
        with Tracker(**settings):
            return await function(*arguments, **options)

    return tracked


def _tracked_generator(function: Any, settings: dict[str, Any]) -> Any:
    @wraps(function)
    def tracked(*arguments: Any, **options: Any) -> Generator[Any, Any, Any]:
        with Tracker(**settings):
            return (yield from function(*arguments, **options))

    return tracked


def _tracked_async_generator(function: Any, settings: dict[str, Any]) -> Any:
    @wraps(function)
    async def tracked(*arguments: Any, **options: Any) -> AsyncIterator[Any]:
        with Tracker(**settings):
            async for item in function(*arguments, **options):
                yield item

    return tracked
