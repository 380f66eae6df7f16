"""Single options: the marker for one that was left out, and checks.

A check returns the value as it is used, or raises an error that names the remedy.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from fibonacci.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any, Final, NoReturn, Self

RESERVED_HEADERS = frozenset(
    {
        *("accept-encoding", "authorization", "connection", "content-length", "content-type", "expect", "host"),
        *("keep-alive", "proxy-authorization", "te", "trailer", "transfer-encoding", "upgrade"),
    }
)
"""They delimit, encode, authenticate or identify a message: the client alone sets them."""

# `inspect.CO_COROUTINE`, `CO_ITERABLE_COROUTINE` and `CO_ASYNC_GENERATOR`, for inspect is slow to import.
_ASYNC = 0x80 | 0x100 | 0x200
_SYNC_REMEDY = "which a sync client cannot await. Pass a plain function, or use AsyncFibonacci"
_CA_BUNDLE = "the path of a PEM file, or of a folder of certificates named by their hashes"
_CLIENT_CERT = "the path of a PEM file, (certificate, key) or (certificate, key, password)"
# Seconds that any longer time limit is cut to, some 30 years: Python's own waits refuse 300 years.
_LONGEST = 1e9
_TOKEN_PUNCTUATION = frozenset("!#$%&'*+-.^_`|~")


class Unset:
    """The type of `UNSET`, the marker for an argument that was left out.

    An argument that is `UNSET` isn't sent at all, while None is sent as null. `UNSET` is the only object of this type,
    and it is false.

    Example:
        ```python
        from fibonacci import UNSET


        def rename(workflow_id: str, name: str, description: str | None = None) -> None:
            client.workflows.update(workflow_id, name=name, description=description or UNSET)


        rename(workflow.id, "Welcome")
        ```
    """

    __slots__ = ()

    def __bool__(self) -> bool:
        return False

    def __repr__(self) -> str:
        return "UNSET"

    def __reduce__(self) -> str:
        return "UNSET"


UNSET: Final = Unset()
"""Marks an argument that was left out, so that it isn't sent and changes nothing, while None is sent as null."""


def check_key(key: object, *, source: str) -> str:
    """Return an API key that can be sent in a header.

    Raises:
        ConfigurationError: If it isn't a string, is blank, or has a character that a header can't hold.
    """
    if not isinstance(key, str):
        raise ConfigurationError(f"{source} must be a str, not {kind_of(key)}", is_about_key=True)
    if not key.strip():
        raise ConfigurationError(f"{source} is blank. Pass your API key, or set FIBONACCI_API_KEY", is_about_key=True)
    for position, character in enumerate(key):
        if not "!" <= character <= "~":
            # The character is named, never the key.
            raise ConfigurationError(
                f"{source} has the character {character!r} at position {position}, which is not allowed in a header."
                " Copy the key again, without spaces or line breaks",
                is_about_key=True,
            )
    return key


def check_timeout(seconds: object) -> float | None:
    """Return a time limit in seconds, or None for no limit.

    Raises:
        TypeError: If it isn't a number.
        ConfigurationError: If it isn't above 0 and finite.
    """
    hint = " (None means no limit)"
    return None if seconds is None else check_seconds("timeout", seconds, may_be_zero=False, hint=hint)


def check_positive_seconds(name: str, seconds: object) -> float:
    """Return a number of seconds above 0, as `check_seconds` does."""
    return check_seconds(name, seconds, may_be_zero=False)


def check_seconds(name: str, seconds: object, *, may_be_zero: bool = True, hint: str = "") -> float:
    """Return a number of seconds.

    Raises:
        TypeError: If it isn't a number.
        ConfigurationError: If it is negative or not finite, or 0 where that isn't allowed.
    """
    if isinstance(seconds, bool) or not isinstance(seconds, int | float):
        raise TypeError(f"{name} must be a number of seconds, not {kind_of(seconds)}{hint}")
    if not 0 <= seconds < float("inf") or not (may_be_zero or seconds):
        least = "0 or more" if may_be_zero else "above 0"
        raise ConfigurationError(f"{name} must be {least} seconds, not {seconds}{hint}")
    return float(min(seconds, _LONGEST))


def check_headers(headers: Mapping[str, str] | None) -> dict[str, str]:
    """Return headers to send with each request, names in lower case.

    Raises:
        TypeError: If a name or a value isn't a string.
        ConfigurationError: If one can't be sent, or is the client's own to set.
    """
    if headers is not None and not hasattr(headers, "items"):
        raise TypeError(f"headers must be a mapping of names to values, not {kind_of(headers)}")
    checked: dict[str, str] = {}
    for name, value in (headers or {}).items():
        _check_header(name, value)
        if name.lower() == "idempotency-key":
            check_idempotency_key(value, name=f"headers: {name!r}")
        checked[name.lower()] = value
    return checked


def change_headers(headers: Mapping[str, str], changes: Mapping[str, str | None] | None) -> dict[str, str]:
    """Return headers with others added, and without those whose new value is None, with names in lower case.

    Raises:
        TypeError: If a name isn't a string, or a value neither a string nor None.
        ConfigurationError: If one can't be sent, or is the client's own to set.
    """
    if changes is not None and not hasattr(changes, "items"):
        raise TypeError(f"headers must be a mapping of names to values, not {kind_of(changes)}")
    changed = dict(headers)
    for name, value in (changes or {}).items():
        if value is None:
            _check_header(name, "")
            changed.pop(name.lower(), None)
        else:
            changed.update(check_headers({name: value}))
    return changed


def check_ca_bundle(name: str, path: Any) -> str | None:
    """Return the path of a PEM file or of a folder, or None. What it holds is known at the first connection.

    Raises:
        TypeError: If it isn't a path.
        ConfigurationError: If the file or folder doesn't exist.
    """
    return None if path is None else _existing_path(name, path, _CA_BUNDLE)


def check_client_cert(name: str, files: Any) -> str | tuple[str, ...] | None:
    """Return the path of a certificate, or a tuple of it with the path of its key and the key's password, or None.

    Raises:
        TypeError: If it is neither a path nor a tuple of two paths, or of two paths and a str.
        ConfigurationError: If the file doesn't exist.
    """
    if files is None:
        return None
    if not isinstance(files, tuple):
        return _existing_path(name, files, _CLIENT_CERT, may_be_folder=False)
    parts: tuple[Any, ...] = files  # pyright: ignore[reportUnknownVariableType]
    if not 2 <= len(parts) <= 3:
        raise TypeError(f"{name} must be {_CLIENT_CERT}, not a tuple of {len(parts)}")
    if not all(isinstance(password, str) for password in parts[2:]):
        raise TypeError(f"{name} must be {_CLIENT_CERT}, but the password is {kind_of(parts[2])}")
    paths = [_existing_path(name, path, _CLIENT_CERT, may_be_folder=False) for path in parts[:2]]
    return (*paths, *map(Password, parts[2:]))


def _existing_path(name: str, path: str | os.PathLike[str], wanted: str, *, may_be_folder: bool = True) -> str:
    try:
        path = os.fsdecode(path)
    except TypeError:
        raise TypeError(f"{name} must be {wanted}, not {kind_of(path)}") from None
    # pathlib is slow to import
    if not (os.path.exists(path) if may_be_folder else os.path.isfile(path)):  # noqa: PTH110, PTH113
        raise ConfigurationError(f"{name}: there is no file {path!r}. Pass {wanted}")
    return path


class Password(str):
    """The password of a client certificate's key: its repr doesn't show it, and it isn't pickled."""

    def __repr__(self) -> str:
        return "'***'"

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self

    def __reduce__(self) -> NoReturn:
        raise TypeError(
            "the password in client_cert cannot be pickled: create the client where it is used, or pass a key without"
            " a password"
        )


def check_http_client(client: Any, *, name: str, close: str) -> Any:
    """Return a client that has httpx's interface, or None.

    Args:
        client: The client.
        name: The argument that it was passed as.
        close: The name of the method that closes a client of this mode, `close` or `aclose`.

    Raises:
        ConfigurationError: If it has another interface.
    """
    if client is not None and not all(hasattr(client, method) for method in ("build_request", "send", close)):
        kind = "a Client" if close == "close" else "an AsyncClient"
        raise ConfigurationError(f"{name} must be {kind} of httpx or httpx2, not {type(client).__qualname__}")
    return client


def check_positive_int(name: str, number: object) -> int:
    """Return a whole number above 0.

    Raises:
        TypeError: If it isn't an int.
        ConfigurationError: If it isn't above 0.
    """
    checked = check_int(name, number)
    if checked <= 0:
        raise ConfigurationError(f"{name} must be above 0, not {checked}")
    return checked


def check_count(name: str, number: object, hint: str = "") -> int:
    """Return a whole number, 0 or more.

    Raises:
        TypeError: If it isn't an int.
        ConfigurationError: If it is negative.
    """
    checked = check_int(name, number)
    if checked < 0:
        raise ConfigurationError(f"{name} must be 0 or more, not {checked}{hint}")
    return checked


def check_int(name: str, number: object) -> int:
    """Return a whole number.

    Raises:
        TypeError: If it isn't an int.
    """
    if isinstance(number, bool) or not isinstance(number, int):
        raise TypeError(f"{name} must be an int, not {kind_of(number)}")
    return number


def check_flag(name: str, value: object) -> bool:
    """Return True or False.

    Raises:
        TypeError: If it is neither.
    """
    if not isinstance(value, bool):
        raise TypeError(f"{name} must be True or False, not {kind_of(value)}")
    return value


def check_choice(name: str, value: object, choices: tuple[str, ...]) -> str:
    """Return one of several words.

    Raises:
        ValueError: If it is none of them.
    """
    if not isinstance(value, str) or value not in choices:
        raise ValueError(f"{name} must be one of {', '.join(map(repr, choices))}, not {value!r}")
    return value


def check_callback(name: str, function: Any, *, close: str = "aclose") -> Any:
    """Return a function of one argument that the client calls when something has happened, or None.

    Args:
        name: What the function was passed as.
        function: The function.
        close: The name of the method that closes a client of this mode, `close` or `aclose`.

    Raises:
        TypeError: If it can't be called, or is an async function and the client is sync.
    """
    if function is not None and not callable(function):
        raise TypeError(f"{name} must be a function of one argument, not {kind_of(function)}")
    check_sync(name, function, close=close)
    return function


def check_methods(name: str, value: Any, methods: tuple[str, ...]) -> Any:
    """Return an object that has these methods, or None."""
    if value is not None and not all(callable(getattr(value, method, None)) for method in methods):
        raise TypeError(f"{name} must be an object with the methods {', '.join(methods)}, not {kind_of(value)}")
    return value


def check_idempotency(name: str, mode: Any) -> str | None:
    """Return the mode of idempotency, or None.

    Raises:
        ConfigurationError: If there is no such mode.
    """
    if mode not in (None, "server"):
        raise ConfigurationError(f'{name} must be "server" or None, not {mode!r}')
    return None if mode is None else "server"


def check_idempotency_key(key: object, *, name: str | None = None) -> str | None:
    """Return an `Idempotency-Key`, or None.

    Raises:
        TypeError: If it isn't a string.
        ConfigurationError: If it isn't 1 to 255 visible ASCII characters.
    """
    if key is None:
        return None
    if not isinstance(key, str):
        raise TypeError(f"{name or 'idempotency_key'} must be a str or None, not {kind_of(key)}")
    if not 1 <= len(key) <= 255 or not all("!" <= character <= "~" for character in key):
        from fibonacci._remedies import argument

        text = f" must be 1 to 255 visible ASCII characters without spaces, not {key[:300]!r}"
        raise ConfigurationError(f"{argument('idempotency_key') if name is None else name}{text}")
    return key


def _check_header(name: object, value: object) -> None:
    if not isinstance(name, str) or not isinstance(value, str):
        raise TypeError(f"headers must map str to str, not {kind_of(name)} to {kind_of(value)}")
    if name.lower() in RESERVED_HEADERS:
        remedy = "pass api_key instead" if name.lower() == "authorization" else "leave it out"
        raise ConfigurationError(f"headers: the client sets {name!r} itself: {remedy}")
    if not name or not all(c.isascii() and (c.isalnum() or c in _TOKEN_PUNCTUATION) for c in name):
        raise ConfigurationError(f"headers: {name!r} is not a header name. Use letters, digits and hyphens")
    if not all(" " <= c <= "~" or c == "\t" for c in value) or value != value.strip():
        raise ConfigurationError(
            f"headers: the value of {name!r} has characters that are not allowed in a header. Use printable ASCII,"
            " without line breaks or spaces at the ends"
        )


def check_sync(name: str, function: Any, *, close: str) -> None:
    """Check that a function of the user suits the mode: a sync client can't await.

    Args:
        name: What the function was passed as.
        function: The function. Anything else is ignored.
        close: The name of the method that closes a client of this mode, `close` or `aclose`.

    Raises:
        TypeError: If it is an async function and the client is sync.
    """
    if close == "close" and _is_async(function):
        raise TypeError(f"{name} is an async function, {_SYNC_REMEDY}")


def coroutine_error(name: str) -> TypeError:
    """Return the error for a function of the user that has returned a coroutine to a sync client.

    Args:
        name: What the function was passed as.
    """
    return TypeError(f"{name} returned a coroutine, {_SYNC_REMEDY}")


def check_not_async(name: str, function: Any) -> None:
    """Check that something, if it is a function, can be called without awaiting.

    Raises:
        TypeError: If it is an async function.
    """
    if _is_async(function):
        raise TypeError(f"{name} must be a plain function, not an async one: it is called without await")


def _is_async(function: Any) -> bool:
    """Whether its calls have to be awaited: an async function, a partial of one, or an object with an async call."""
    partial: Any = getattr(sys.modules.get("functools"), "partial", ())  # not imported, for the reason in lazy.py
    if isinstance(function, partial):
        return _is_async(function.func)
    return any(_flags(target) & _ASYNC for target in (function, getattr(function.__class__, "__call__", None)))  # noqa: B004


def _flags(function: Any) -> int:
    flags: int = getattr(getattr(function, "__code__", None), "co_flags", 0)
    return flags


def kind_of(value: object) -> str:
    """Return the name of the type of a value, as messages state it."""
    return "None" if value is None else type(value).__name__
