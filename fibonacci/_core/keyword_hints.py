"""Arguments that are passed by position and must be passed by name: the error shows how."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from typing import Any

_COROUTINE = 0x80  # `inspect.CO_COROUTINE`, for inspect is slow to import


def takes_keywords(method: object) -> bool:
    """Whether a method has arguments that must be passed by name."""
    code = getattr(method, "__code__", None)
    return code is not None and code.co_kwonlyargcount > 0


def explain_keywords(method: Callable[..., Any]) -> Callable[..., Any]:
    """Return a method that does the same, and explains arguments beyond those that may be passed by position."""
    code = method.__code__
    most = code.co_argcount

    @wraps(method)
    def call(*arguments: Any, **named: Any) -> Any:
        if len(arguments) > most:
            raise _misplaced(method, arguments, named)
        return method(*arguments, **named)

    @wraps(method)
    async def call_async(*arguments: Any, **named: Any) -> Any:
        if len(arguments) > most:
            raise _misplaced(method, arguments, named)
        return await method(*arguments, **named)

    return call_async if code.co_flags & _COROUTINE else call


def _misplaced(method: Callable[..., Any], arguments: Sequence[object], named: Mapping[str, object]) -> TypeError:
    """Return the error, which names the arguments in the order in which they were probably meant."""
    code = method.__code__
    positional = code.co_varnames[1 : code.co_argcount]  # without `self`
    keywords = code.co_varnames[code.co_argcount : code.co_argcount + code.co_kwonlyargcount]
    free = [name for name in keywords if name not in named]
    meant = [f"{name}={_form(value)}" for name, value in zip(free, arguments[code.co_argcount :], strict=False)]
    shown = ", ".join([*positional, *meant])
    return TypeError(
        f"{method.__name__}() takes {' and '.join(positional) or 'nothing'} by position and the rest by name:"
        f" {method.__name__}({shown})"
    )


def _form(value: object) -> str:
    return "{...}" if isinstance(value, Mapping) else "[...]" if isinstance(value, list) else "..."
