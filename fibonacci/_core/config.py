"""The configuration of a client: arguments first, then the environment, then the defaults.

It is read once, when the client is made, and every mistake in it is a `ConfigurationError` that names the remedy. This
module does not import dataclasses: importing the package and making a client would take eight times as long (see the
ablations in docs/performance.md).
"""

from __future__ import annotations

import os

from fibonacci._core.unset import UNSET, Unset
from fibonacci.errors import ConfigurationError

TYPE_CHECKING = False  # not imported from typing, for the reason in _lazy.py
if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping
    from typing import Any

    from fibonacci._core.retry_event import RetryEvent
    from fibonacci._core.tracing import Tracing

    ApiKey = str | Callable[[], str]
    AsyncApiKey = ApiKey | Callable[[], Awaitable[str]]

DEFAULT_BASE_URL = "https://api.fibonacci.dev/v1"
DEFAULT_TIMEOUT = 60.0
DEFAULT_MAX_RETRIES = 2
DEFAULT_MAX_RESPONSE_BYTES = 64 * 1024 * 1024
TRANSPORT_NAMES = ("socket", "httpx")

# These delimit a message or authenticate it: the client alone sets them.
_RESERVED_HEADERS = frozenset({"authorization", "connection", "content-length", "host", "transfer-encoding"})
_TOKEN_PUNCTUATION = frozenset("!#$%&'*+-.^_`|~")


class Config:
    """The checked options of a client. It is never changed; `replace` makes another.

    An option is written down in two places: with its type and meaning in the signature of the client, and here with its
    check.

    Args:
        options: The arguments of the client by name; one that is missing has its default.
        close: The name of the method that closes a transport of this mode, `close` or `aclose`.

    Raises:
        ConfigurationError: If an option or the environment is wrong; it names the remedy.
        TypeError: If an option has the wrong type.
    """

    def __init__(self, options: Mapping[str, Any], *, close: str = "close") -> None:
        get = options.get
        self.close: str = close
        self.key_from_environment: bool = get("api_key") is None
        self.api_key: AsyncApiKey = _api_key(get("api_key"))
        self.allow_insecure: bool = get("allow_insecure", False)
        self.base_url: str = _base_url(get("base_url"), allow_insecure=self.allow_insecure)
        self.timeout: float | Unset | None = _timeout(get("timeout", UNSET))
        self.max_retries: int = _max_retries(get("max_retries", UNSET))
        self.headers: dict[str, str] = check_headers(get("headers"))
        self.http_client: Any = _http_client(get("http_client"), close=close)
        self.transport: Any = _transport(get("transport"), http_client=self.http_client, close=close)
        self.ca_bundle: str | None = _ca_bundle(get("ca_bundle"))
        self.idempotency: str | None = _idempotency(get("idempotency"))
        self.max_response_bytes: int = _positive_int(
            "max_response_bytes", get("max_response_bytes", DEFAULT_MAX_RESPONSE_BYTES)
        )
        self.on_retry: Callable[[RetryEvent], object] | None = _callable("on_retry", get("on_retry"))
        self.tracing: Tracing | None = get("tracing")
        self.clock: Any = get("clock")

    @property
    def call_timeout(self) -> float | None:
        """Seconds for a call that has no default of its own; None for no limit."""
        return DEFAULT_TIMEOUT if isinstance(self.timeout, Unset) else self.timeout

    def options(self) -> dict[str, Any]:
        """Return the arguments that make the same configuration."""
        return {name: value for name, value in vars(self).items() if name not in ("close", "key_from_environment")}

    def replace(self, **changes: Any) -> Config:
        """Return a copy with other values; `headers` are added to those that are set, and `UNSET` changes nothing."""
        changes = {name: value for name, value in changes.items() if not isinstance(value, Unset)}
        changes["headers"] = {**self.headers, **check_headers(changes.get("headers"))}
        new = Config({**self.options(), **changes}, close=self.close)
        new.key_from_environment = self.key_from_environment
        return new


def check_key(key: object, *, source: str) -> str:
    """Return an API key that can stand in a header.

    Raises:
        ConfigurationError: If it is not a string, is blank, or has a character that a header cannot hold.
    """
    if not isinstance(key, str):
        raise ConfigurationError(f"{source} must be a str, not {_kind(key)}")
    if not key.strip():
        raise ConfigurationError(f"{source} is blank; pass your API key, or set FIBONACCI_API_KEY")
    for position, character in enumerate(key):
        if not "!" <= character <= "~":
            # The character is named, never the key.
            raise ConfigurationError(
                f"{source} has the character {character!r} at position {position}, which cannot stand in a header;"
                " copy the key again, without white space or line breaks"
            )
    return key


def check_timeout(seconds: object, *, name: str = "timeout") -> float | None:
    """Return a time limit in seconds, or None for no limit.

    Raises:
        TypeError: If it is not a number.
        ConfigurationError: If it is not above 0 and finite.
    """
    if seconds is None:
        return None
    if isinstance(seconds, bool) or not isinstance(seconds, int | float):
        raise TypeError(f"{name} must be a number of seconds or None, not {_kind(seconds)}")
    if not 0 < seconds < float("inf"):
        raise ConfigurationError(f"{name} must be above 0 seconds, not {seconds}; None means no limit")
    return float(seconds)


def check_headers(headers: Mapping[str, str] | None) -> dict[str, str]:
    """Return headers to send with each request, names in lower case.

    Raises:
        TypeError: If a name or a value is not a string.
        ConfigurationError: If one cannot be sent, or is the client's own to set.
    """
    checked: dict[str, str] = {}
    for name, value in (headers or {}).items():
        _check_header(name, value)
        checked[name.lower()] = value
    return checked


def _check_header(name: object, value: object) -> None:
    if not isinstance(name, str) or not isinstance(value, str):
        raise TypeError(f"headers must map str to str, not {_kind(name)} to {_kind(value)}")
    if name.lower() in _RESERVED_HEADERS:
        remedy = "pass api_key instead" if name.lower() == "authorization" else "leave it out"
        raise ConfigurationError(f"headers: {name!r} is set by the client itself; {remedy}")
    if not name or not all(c.isascii() and (c.isalnum() or c in _TOKEN_PUNCTUATION) for c in name):
        raise ConfigurationError(f"headers: {name!r} is not a header name; use letters, digits and hyphens")
    if not all(" " <= c <= "~" or c == "\t" for c in value) or value != value.strip():
        raise ConfigurationError(
            f"headers: the value of {name!r} has characters that cannot stand in a header;"
            " use printable ASCII without line breaks or outer spaces"
        )


def _api_key(key: AsyncApiKey | None) -> AsyncApiKey:
    if key is None:
        key = os.environ.get("FIBONACCI_API_KEY")
        if key is None:
            raise ConfigurationError("no API key: pass api_key=..., or set the environment variable FIBONACCI_API_KEY")
        return check_key(key, source="the environment variable FIBONACCI_API_KEY")
    return key if callable(key) else check_key(key, source="api_key")


def _base_url(url: str | None, *, allow_insecure: bool) -> str:
    source = "base_url"
    if url is None:
        url = os.environ.get("FIBONACCI_BASE_URL")
        source = "the environment variable FIBONACCI_BASE_URL"
    if url in (None, DEFAULT_BASE_URL):
        return DEFAULT_BASE_URL
    from fibonacci._core.urls import check_base_url

    return check_base_url(url, source=source, allow_insecure=allow_insecure)


def _timeout(seconds: object) -> float | Unset | None:
    if not isinstance(seconds, Unset):
        return check_timeout(seconds)
    text = os.environ.get("FIBONACCI_TIMEOUT")
    if text is None:
        return UNSET
    name = "the environment variable FIBONACCI_TIMEOUT"
    if text.strip().lower() == "none":
        return None
    try:
        return check_timeout(float(text), name=name)
    except ValueError:
        raise ConfigurationError(f"{name} must be a number of seconds above 0, or none, not {text!r}") from None


def _max_retries(number: object) -> int:
    name = "max_retries"
    if isinstance(number, Unset):
        text = os.environ.get("FIBONACCI_MAX_RETRIES")
        if text is None:
            return DEFAULT_MAX_RETRIES
        name = "the environment variable FIBONACCI_MAX_RETRIES"
        try:
            number = int(text)
        except ValueError:
            raise ConfigurationError(f"{name} must be a whole number from 0, not {text!r}") from None
    if isinstance(number, bool) or not isinstance(number, int):
        raise TypeError(f"{name} must be an int, not {_kind(number)}")
    if number < 0:
        raise ConfigurationError(f"{name} must be 0 or more, not {number}; 0 means no retries")
    return number


def _http_client(client: Any, *, close: str) -> Any:
    if client is not None and not all(hasattr(client, name) for name in ("build_request", "send", close)):
        kind = "a Client" if close == "close" else "an AsyncClient"
        raise ConfigurationError(f"http_client must be {kind} of httpx or httpx2, not {type(client).__qualname__}")
    return client


def _transport(transport: Any, *, http_client: Any, close: str) -> Any:
    """Return a name or an object; None when an HTTP client takes its place."""
    if http_client is not None:
        if transport is not None:
            raise ConfigurationError(
                "pass transport or http_client, not both: http_client=x is short for transport=HTTPXTransport(x)"
            )
        return None
    source = "transport"
    if transport is None:
        transport = os.environ.get("FIBONACCI_TRANSPORT", TRANSPORT_NAMES[0])
        source = "the environment variable FIBONACCI_TRANSPORT"
    if isinstance(transport, str):
        if transport not in TRANSPORT_NAMES:
            raise ConfigurationError(f'{source} must be "socket" or "httpx", not {transport!r}')
        return transport
    if hasattr(transport, "build_request"):
        raise ConfigurationError("transport must not be an HTTP client: pass it as http_client=...")
    if not all(callable(getattr(transport, name, None)) for name in ("send", close)):
        raise ConfigurationError(
            f'transport must be "socket", "httpx", or an object with the methods send and {close}'
            f" (see fibonacci.transports), not {type(transport).__qualname__}"
        )
    return transport


def _ca_bundle(path: str | os.PathLike[str] | None) -> str | None:
    if path is None:
        return None
    path = os.fspath(path)
    if not os.path.exists(path):  # noqa: PTH110  (pathlib is slow to import)
        raise ConfigurationError(f"ca_bundle: there is no file {path!r}; pass the path of a PEM file")
    return path


def _idempotency(mode: str | None) -> str | None:
    if mode not in (None, "server"):
        raise ConfigurationError(f'idempotency must be "server" or None, not {mode!r}')
    return mode


def _callable(name: str, function: Any) -> Any:
    if function is not None and not callable(function):
        raise TypeError(f"{name} must be a function of one argument, not {_kind(function)}")
    return function


def _positive_int(name: str, number: object) -> int:
    if isinstance(number, bool) or not isinstance(number, int):
        raise TypeError(f"{name} must be an int, not {_kind(number)}")
    if number <= 0:
        raise ConfigurationError(f"{name} must be above 0, not {number}")
    return number


def _kind(value: object) -> str:
    return "None" if value is None else type(value).__name__
