"""The configuration of a client: arguments first, then the environment, then the defaults.

It is read once, when the client is made, and every mistake in it is a `ConfigurationError` that names the remedy. This
module imports nothing heavy: making a client has to stay near free.
"""

from __future__ import annotations

import os

from fibonacci._core.unset import UNSET, Unset
from fibonacci.errors import ConfigurationError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping
    from typing import Any, Literal

    from fibonacci._core.retry_event import RetryEvent
    from fibonacci._core.tracing import Tracing

    ApiKey = str | Callable[[], str]
    AsyncApiKey = ApiKey | Callable[[], Awaitable[str]]

DEFAULT_BASE_URL = "https://api.fibonacci.dev/v1"
DEFAULT_TIMEOUT = 60.0
DEFAULT_MAX_RETRIES = 2
DEFAULT_MAX_RESPONSE_BYTES = 64 * 1024 * 1024

# These say where and how a message ends, or who is asking: the client alone sets them.
_RESERVED_HEADERS = frozenset({"authorization", "connection", "content-length", "host", "transfer-encoding"})
_TOKEN_PUNCTUATION = frozenset("!#$%&'*+-.^_`|~")


class Config:
    """What a client was told, checked. It is never changed; `replace` makes another."""

    __slots__ = (
        "allow_insecure",
        "api_key",
        "base_url",
        "ca_bundle",
        "headers",
        "http_client",
        "idempotency",
        "key_from_environment",
        "max_response_bytes",
        "max_retries",
        "on_retry",
        "timeout",
        "tracing",
    )

    allow_insecure: bool
    api_key: AsyncApiKey
    base_url: str
    ca_bundle: str | None
    headers: dict[str, str]
    http_client: Any
    idempotency: str | None
    key_from_environment: bool
    max_response_bytes: int
    max_retries: int
    on_retry: Callable[[RetryEvent], object] | None
    timeout: float | Unset | None
    tracing: Tracing | None

    def __init__(
        self,
        *,
        api_key: AsyncApiKey | None = None,
        base_url: str | None = None,
        timeout: float | Unset | None = UNSET,
        max_retries: int | Unset = UNSET,
        headers: Mapping[str, str] | None = None,
        http_client: Any = None,
        ca_bundle: str | os.PathLike[str] | None = None,
        allow_insecure: bool = False,
        idempotency: Literal["server"] | None = None,
        max_response_bytes: int = DEFAULT_MAX_RESPONSE_BYTES,
        on_retry: Callable[[RetryEvent], object] | None = None,
        tracing: Tracing | None = None,
    ) -> None:
        self.key_from_environment = api_key is None
        self.api_key = _api_key(api_key)
        self.allow_insecure = allow_insecure
        self.base_url = _base_url(base_url, allow_insecure=allow_insecure)
        self.timeout = _timeout_from_environment() if isinstance(timeout, Unset) else check_timeout(timeout)
        self.max_retries = _max_retries(max_retries)
        self.headers = check_headers(headers)
        self.http_client = http_client
        self.ca_bundle = _ca_bundle(ca_bundle)
        self.idempotency = _idempotency(idempotency)
        self.max_response_bytes = _positive_int("max_response_bytes", max_response_bytes)
        if on_retry is not None and not callable(on_retry):
            raise TypeError(f"on_retry must be a function of one argument, not {_kind(on_retry)}")
        self.on_retry = on_retry
        self.tracing = tracing

    def replace(
        self,
        *,
        timeout: float | Unset | None = UNSET,
        max_retries: int | Unset = UNSET,
        headers: Mapping[str, str] | None = None,
    ) -> Config:
        """A copy with other values; `headers` are added to those that are there."""
        new = Config.__new__(Config)
        for name in Config.__slots__:
            setattr(new, name, getattr(self, name))
        if not isinstance(timeout, Unset):
            new.timeout = check_timeout(timeout)
        if not isinstance(max_retries, Unset):
            new.max_retries = _max_retries(max_retries)
        new.headers = {**self.headers, **check_headers(headers)}
        return new

    @property
    def call_timeout(self) -> float | None:
        """Seconds that a call may take when it has no default of its own."""
        return DEFAULT_TIMEOUT if isinstance(self.timeout, Unset) else self.timeout

    def options(self) -> dict[str, Any]:
        """The arguments that make the same configuration elsewhere; a key that the environment gave is not in it."""
        names = (name for name in Config.__slots__ if name != "key_from_environment")
        options = {name: getattr(self, name) for name in names}
        if self.key_from_environment:
            options["api_key"] = None
        return options


def check_http_client(client: object, *, close: str, kind: str) -> None:
    """Refuse a client of the other colour, or something else altogether.

    Args:
        client: What the user gave; None for nothing.
        close: The name of the method that closes a client of the right colour.
        kind: The name of such a client's class.

    Raises:
        ConfigurationError: If it cannot be used.
    """
    if client is not None and not all(hasattr(client, name) for name in ("build_request", "send", close)):
        raise ConfigurationError(f"http_client must be an {kind} of httpx or httpx2, not {type(client).__qualname__}")


def check_key(key: object, *, source: str) -> str:
    """An API key that can stand in a header.

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
    """A time limit in seconds, or None for no limit.

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
    """Headers to send with each request, names in lower case.

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


def _api_key(given: AsyncApiKey | None) -> AsyncApiKey:
    if given is None:
        key = os.environ.get("FIBONACCI_API_KEY")
        if key is None:
            raise ConfigurationError("no API key: pass api_key=..., or set the environment variable FIBONACCI_API_KEY")
        return check_key(key, source="the environment variable FIBONACCI_API_KEY")
    return given if callable(given) else check_key(given, source="api_key")


def _base_url(given: str | None, *, allow_insecure: bool) -> str:
    source = "base_url"
    if given is None:
        given = os.environ.get("FIBONACCI_BASE_URL")
        source = "the environment variable FIBONACCI_BASE_URL"
    if given is None:
        return DEFAULT_BASE_URL
    from fibonacci._core.urls import check_base_url

    return check_base_url(given, source=source, allow_insecure=allow_insecure)


def _timeout_from_environment() -> float | Unset | None:
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


def _max_retries(given: object) -> int:
    name = "max_retries"
    if isinstance(given, Unset):
        text = os.environ.get("FIBONACCI_MAX_RETRIES")
        if text is None:
            return DEFAULT_MAX_RETRIES
        name = "the environment variable FIBONACCI_MAX_RETRIES"
        try:
            given = int(text)
        except ValueError:
            raise ConfigurationError(f"{name} must be a whole number from 0, not {text!r}") from None
    if isinstance(given, bool) or not isinstance(given, int):
        raise TypeError(f"{name} must be an int, not {_kind(given)}")
    if given < 0:
        raise ConfigurationError(f"{name} must be 0 or more, not {given}; 0 means no retries")
    return given


def _ca_bundle(given: str | os.PathLike[str] | None) -> str | None:
    if given is None:
        return None
    path = os.fspath(given)
    if not os.path.exists(path):  # noqa: PTH110  (pathlib is slow to import)
        raise ConfigurationError(f"ca_bundle: there is no file {path!r}; pass the path of a PEM file")
    return path


def _idempotency(given: str | None) -> str | None:
    if given not in (None, "server"):
        raise ConfigurationError(f'idempotency must be "server" or None, not {given!r}')
    return given


def _positive_int(name: str, given: object) -> int:
    if isinstance(given, bool) or not isinstance(given, int):
        raise TypeError(f"{name} must be an int, not {_kind(given)}")
    if given <= 0:
        raise ConfigurationError(f"{name} must be above 0, not {given}")
    return given


def _kind(value: object) -> str:
    return "None" if value is None else type(value).__name__
