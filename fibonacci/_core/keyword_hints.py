"""The error for arguments that are passed by position and must be passed by name: it shows how."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any


def misplaced(method: Callable[..., Any], arguments: Sequence[object], named: Mapping[str, object]) -> TypeError:
    """Return the error, which names the arguments in the order in which they were probably meant.

    Args:
        method: The method.
        arguments: The arguments that were passed by position, with `self`.
        named: Those that were passed by name.
    """
    code = method.__code__
    positional = code.co_varnames[1 : code.co_argcount]
    keywords = code.co_varnames[code.co_argcount : code.co_argcount + code.co_kwonlyargcount]
    free = [name for name in keywords if name not in named]
    meant: list[str] = []
    for value in arguments[code.co_argcount :]:
        fitting = [name for name in free if _fits(value, method.__annotations__.get(name))] or free
        if fitting:
            free.remove(fitting[0])
            meant.append(f"{fitting[0]}={_form(value)}")
    shown = ", ".join([*positional, *meant])
    return TypeError(
        f"{method.__name__}() takes {' and '.join(positional) or 'nothing'} by position and the rest by name:"
        f" {method.__name__}({shown})"
    )


def _fits(value: object, annotation: object) -> bool:
    return not isinstance(value, Mapping) or "Mapping" in str(annotation)


def _form(value: object) -> str:
    return "{...}" if isinstance(value, Mapping) else "[...]" if isinstance(value, list) else "..."
