"""The configuration of a client: arguments first, then the environment, then the defaults.

It is read once, when the client is made, and every mistake in it is a `ConfigurationError` that names the remedy.
"""

from __future__ import annotations

import os
from importlib import import_module
from inspect import currentframe
from typing import TYPE_CHECKING

from fibonacci._core import redirection
from fibonacci._core.options import (
    UNSET,
    Unset,
    change_headers,
    check_ca_bundle,
    check_callback,
    check_client_cert,
    check_count,
    check_flag,
    check_headers,
    check_http_client,
    check_idempotency,
    check_key,
    check_methods,
    check_positive_int,
    check_positive_seconds,
    check_sync,
    check_timeout,
    kind_of,
)
from fibonacci.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any, Literal, NoReturn

    from fibonacci._core.option_types import AsyncApiKey, RetryEvent, WaitEvent
    from fibonacci._core.tracing import Tracing

    ApiVersion = Literal["v1", "0.2"]

DEFAULT_BASE_URL = "https://api.fibonacci.dev/v1"
DEFAULT_BASE_URLS: dict[ApiVersion, str] = {"v1": DEFAULT_BASE_URL, "0.2": "https://api.fibonacci.today"}
DEFAULT_TIMEOUT = 60.0
DEFAULT_MAX_RETRIES = 2
DEFAULT_MAX_RESPONSE_BYTES = 64 * 1024 * 1024
DEFAULT_CONNECT_TIMEOUT = 5.0
DEFAULT_MAX_CONNECTIONS = 1000
DEFAULT_MAX_IDLE_CONNECTIONS = 100
TRANSPORT_NAMES = ("socket", "httpx")
LOCAL_RATE_LIMITERS = ("process", "off")
RATE_LIMITER_SCHEMES = ("redis://", "rediss://", "unix://")
# Stands in a pickle for a URL with a password that is in the environment.
_LIMITER_FROM_ENVIRONMENT = "$FIBONACCI_RATE_LIMITER"
_NOT_OPTIONS = ("close", "is_transport_chosen", "key_source", "limiter_from_environment")
# The options that may be in the environment, where no argument is given.
_VARIABLES = {
    "api_key": "FIBONACCI_API_KEY",
    "profile": "FIBONACCI_PROFILE",
    "base_url": "FIBONACCI_BASE_URL",
    "api_version": "FIBONACCI_API_VERSION",
    "timeout": "FIBONACCI_TIMEOUT",
    "max_retries": "FIBONACCI_MAX_RETRIES",
    "transport": "FIBONACCI_TRANSPORT",
    "rate_limiter": "FIBONACCI_RATE_LIMITER",
}


def _given(options: Mapping[str, Any], name: str, missing: Unset | None = None) -> tuple[str, Any]:
    """Return where an option comes from, for messages, and its value: the argument, else the environment's.

    Args:
        options: The arguments.
        name: The option.
        missing: The value that marks an argument as left out.
    """
    value, variable = options.get(name, missing), _VARIABLES[name]
    if value is missing and variable in os.environ:
        return f"the environment variable {variable}", os.environ[variable]
    return name, value


def _timeout(source: str, seconds: Any) -> float | Unset | None:
    if isinstance(seconds, Unset):
        return seconds
    if source == "timeout":
        return check_timeout(seconds)
    try:
        return None if seconds.strip().lower() == "none" else check_timeout(float(seconds))
    except ValueError:
        raise ConfigurationError(f"{source} must be a number of seconds above 0, or none, not {seconds!r}") from None


def _max_retries(source: str, number: Any) -> int:
    if source != "max_retries":
        try:
            number = int(number)
        except ValueError:
            raise ConfigurationError(f"{source} must be a whole number from 0, not {number!r}") from None
    return check_count(source, DEFAULT_MAX_RETRIES if isinstance(number, Unset) else number, " (0 means no retries)")


def _tracing(name: str, value: Any) -> Any:
    return check_methods(name, value, ("call", "attempt"))


def _clock(name: str, value: Any) -> Any:
    return check_methods(name, value, ("monotonic", "time", "sleep"))


_CONNECTION_OPTIONS: dict[str, tuple[Any, Callable[[str, Any], Any]]] = {
    "ca_bundle": (None, check_ca_bundle),
    "client_cert": (None, check_client_cert),
    "connect_timeout": (DEFAULT_CONNECT_TIMEOUT, check_positive_seconds),
    "max_connections": (DEFAULT_MAX_CONNECTIONS, check_positive_int),
    "max_idle_connections": (DEFAULT_MAX_IDLE_CONNECTIONS, check_count),
}
TRANSPORT_OPTIONS: dict[str, tuple[Any, Callable[[str, Any], Any]]] = {
    **_CONNECTION_OPTIONS,
    "max_response_bytes": (DEFAULT_MAX_RESPONSE_BYTES, check_positive_int),
}
"""The options of the SDK's transports: their defaults, and their checks."""
_OPTIONS: dict[str, tuple[Any, Callable[[str, Any], Any]]] = {
    "allow_insecure": (False, check_flag),
    "allow_pickled_secrets": (False, check_flag),
    **TRANSPORT_OPTIONS,
    "idempotency": (None, check_idempotency),
    "on_retry": (None, check_callback),
    "on_wait": (None, check_callback),
    "tracing": (None, _tracing),
    "clock": (None, _clock),
}
"""The options that depend on no other: their defaults, and their checks."""


class Config:
    """The checked options of a client. It is never changed; `replace` makes another.

    An option is written down in two places: with its type and meaning in the signature of the client, and here with its
    check.

    Args:
        options: The arguments of the client by name. A missing one has its default. `stored_key` is the key of its
            profile, and `base_url_passed_at` where the user's code passes `base_url`: empty if it doesn't.
        close: The name of the method that closes a transport of this mode, `close` or `aclose`.

    Raises:
        ConfigurationError: If an option or the environment is wrong. The message names the remedy.
        TypeError: If an option has the wrong type.
    """

    api_key: AsyncApiKey
    key_source: Literal["argument", "environment", "keychain"]
    allow_insecure: bool
    allow_pickled_secrets: bool
    ca_bundle: str | None
    client_cert: str | tuple[str, ...] | None
    connect_timeout: float
    max_connections: int
    max_idle_connections: int
    max_response_bytes: int
    idempotency: str | None
    on_retry: Callable[[RetryEvent], object] | None
    on_wait: Callable[[WaitEvent], object] | None
    tracing: Tracing | None
    clock: Any

    def __init__(self, options: Mapping[str, Any], *, close: str = "close") -> None:
        self.close: str = close
        for name, (default, check) in _OPTIONS.items():
            setattr(self, name, check(name, options.get(name, default)))
        self.api_key, self.key_source = _api_key(options)
        self.profile: str | None = options.get("profile")
        self.api_version: ApiVersion = find_api_version(options.get("api_version"))
        self.base_url: str = _base_url(options, self.api_version, allow_insecure=self.allow_insecure)
        passed_at = options.get("base_url_passed_at")
        is_passed = passed_at is None and options.get("base_url") is not None
        self.base_url_passed_at: str = _caller() if is_passed else passed_at or ""
        self.timeout: float | Unset | None = _timeout(*_given(options, "timeout", UNSET))
        self.max_retries: int = _max_retries(*_given(options, "max_retries", UNSET))
        self.headers: dict[str, str] = check_headers(options.get("headers"))
        # Only POSTs have it, and an argument of the call replaces it.
        self.idempotency_key: str | None = self.headers.pop("idempotency-key", options.get("idempotency_key"))
        self.http_client: Any = check_http_client(options.get("http_client"), name="http_client", close=close)
        source, transport = _given(options, "transport")
        self.is_transport_chosen: bool = transport is not None
        self.transport: Any = _transport(source, transport, http_client=self.http_client, close=close)
        if not isinstance(self.transport, str):
            self._refuse_connection_options()
        self.limiter_from_environment: bool = options.get("rate_limiter") in (None, _LIMITER_FROM_ENVIRONMENT)
        self.rate_limiter: str = _rate_limiter(options)
        if self.on_retry is not None or self.on_wait is not None:
            import_module("fibonacci._core.option_types")  # has their events: later, no file may be left to open it
        self.call_clock: Any = self.clock  # differs where a clock that skips waits is only for executions
        if self.clock is not None and self.rate_limiter not in LOCAL_RATE_LIMITERS:
            raise ConfigurationError(
                "clock: processes that share a rate limiter need the machine's clock. With your own clock, pass"
                ' rate_limiter="process" or "off"'
            )
        check_sync("api_key", self.api_key, close=close)
        check_sync("on_retry", self.on_retry, close=close)
        check_sync("on_wait", self.on_wait, close=close)
        check_sync("transport.send", getattr(self.transport, "send", None), close=close)
        check_sync("clock.sleep", getattr(self.clock, "sleep", None), close=close)

    def current(self) -> Config:
        """Return the configuration for a call: this one, unless the emulator of a test is active."""
        redirects = redirection.redirects[-1:]  # in one step: another thread may remove it
        return redirects[0](self) if redirects else self

    @property
    def call_timeout(self) -> float | None:
        """Seconds for a call that has no default of its own. None for no limit."""
        return DEFAULT_TIMEOUT if isinstance(self.timeout, Unset) else self.timeout

    def connection_options(self) -> dict[str, Any]:
        """Return the options that a transport made from a name takes, by name."""
        return {name: getattr(self, name) for name in TRANSPORT_OPTIONS}

    def options(self) -> dict[str, Any]:
        """Return the arguments that make the same configuration."""
        options = {name: value for name, value in vars(self).items() if name not in _NOT_OPTIONS}
        return options if self.is_transport_chosen else {**options, "transport": None}

    def pickled_options(self) -> dict[str, Any]:
        """Return the same, but secrets from the environment or the keychain are to be read there again.

        Raises:
            TypeError: If one was passed as an argument, and `allow_pickled_secrets` wasn't.
        """
        options = self.options()
        if self.key_source != "argument":
            options["api_key"] = None
        elif isinstance(self.api_key, str):
            self._refuse_to_pickle("the API key that was passed as api_key", "FIBONACCI_API_KEY or a profile")
        if self.key_source != "keychain":  # then its profile has nothing to add
            options["profile"] = None
        if "@" in self.rate_limiter or "password=" in self.rate_limiter:
            if self.limiter_from_environment:
                options["rate_limiter"] = _LIMITER_FROM_ENVIRONMENT
            else:
                self._refuse_to_pickle("the password in rate_limiter", "FIBONACCI_RATE_LIMITER")
        return options

    def _refuse_to_pickle(self, secret: str, source: str) -> None:
        # A pickle goes where nobody expects a secret: to a broker, a cache, a scheduler's log, a disk.
        if not self.allow_pickled_secrets:
            raise TypeError(
                f"cannot pickle {secret}: take it from {source}, which is read again when the client is"
                " unpickled, or create the client there, or pass allow_pickled_secrets=True"
            )

    def __reduce__(self) -> NoReturn:
        raise TypeError("cannot pickle the configuration of a client: pickle the client, which leaves out secrets")

    def replace(self, **changes: Any) -> Config:
        """Return a copy with other values.

        `headers` are added to those that are set, and removed where the value is None. `UNSET` changes nothing.

        Raises:
            ConfigurationError: If a value is wrong, or a key of the keychain would be sent to another host than the one
                that it is stored for.
            TypeError: If a value has the wrong type.
        """
        changes = {name: value for name, value in changes.items() if not isinstance(value, Unset)}
        has_key = "api_key" in changes
        if has_key and not callable(changes["api_key"]):
            check_key(changes["api_key"], source="api_key")  # None doesn't mean to read the environment again
        if "base_url" in changes:
            changes["base_url"] = self._other_base_url(changes["base_url"], is_key_kept=not has_key)
            changes["base_url_passed_at"] = None  # to be found again
        own = {} if self.idempotency_key is None else {"idempotency-key": self.idempotency_key}
        changes["headers"] = change_headers({**self.headers, **own}, changes.get("headers"))
        new = Config({**self.options(), "idempotency_key": None, **changes}, close=self.close)
        new.key_source = "argument" if has_key else self.key_source
        new.limiter_from_environment = self.limiter_from_environment
        return new

    def _other_base_url(self, url: object, *, is_key_kept: bool) -> str:
        from fibonacci._core.urls import check_base_url, origin_of

        checked = check_base_url(
            url, source="base_url", allow_insecure=self.allow_insecure, api_version=self.api_version
        )
        if is_key_kept and self.key_source == "keychain" and origin_of(checked) != origin_of(self.base_url):
            raise ConfigurationError(
                f"the API key of the profile {self.profile!r} is stored for {origin_of(self.base_url)}, but base_url"
                f" names {origin_of(checked)}, so it is not sent there. Pass api_key=... too"
            )
        return checked

    def _refuse_connection_options(self) -> None:
        for name, (default, _) in _CONNECTION_OPTIONS.items():
            if getattr(self, name) != default:
                raise ConfigurationError(
                    f"{name} does not apply to a transport or http_client that you pass: give it to the transport, as"
                    f" in SocketTransport({name}=...), or set it on the httpx client"
                )


def find_api_version(version: object, of_profile: ApiVersion | None = None) -> ApiVersion:
    """Return the API that the server speaks: from the argument, else the environment, else the profile, else `"v1"`.

    Args:
        version: The argument. None if it isn't given.
        of_profile: What the profile says. None if it doesn't say.

    Raises:
        ConfigurationError: If there is no such API.
        TypeError: If the argument isn't a string.
    """
    source, version = _given({"api_version": version}, "api_version")
    if version is None:
        return of_profile or "v1"
    if not isinstance(version, str):
        raise TypeError(f"{source} must be a str, not {kind_of(version)}")
    for known in DEFAULT_BASE_URLS:
        if version == known:
            return known
    raise ConfigurationError(
        f'{source} must be "v1" (the documented API) or "0.2" (the API of fibonacci-sdk 0.2.4), not {version[:40]!r}'
    )


def _caller() -> str:
    """Return the file and line of the nearest frame outside of the package."""
    frame = currentframe()
    while frame is not None and str(frame.f_globals.get("__name__")).startswith("fibonacci."):
        frame = frame.f_back
    return "" if frame is None else f"{frame.f_code.co_filename}:{frame.f_lineno}"


def needs_profile(options: Mapping[str, Any]) -> bool:
    """Whether a profile has to be read: one is named as an argument, or the key or the address may come from one."""
    if options.get("profile") is not None or _given(options, "api_key")[1] is None:
        return True
    return _given(options, "profile")[1] is not None and _given(options, "base_url")[1] is None


def missing_key() -> ConfigurationError:
    """Return the error for a client without a key."""
    from fibonacci._remedies import remedy  # which few clients need

    return ConfigurationError(
        (
            f"no API key: {remedy('no key')} or run `fibonacci auth login`. The SDK doesn't read .env "
            "files: load yours with `set -a; . ./.env`, `uv run --env-file .env` or python-dotenv. Nor "
            "does it read ~/.fibonacci/config.yaml of fibonacci-sdk 0.2.4"
        ),
        is_about_key=True,
    )


def _missing_in_test() -> str:
    raise ConfigurationError(
        "no API key: the client was made in a test session, without one. Use the fixture fibonacci_emulator, which"
        " gives each client an address and a key, or set FIBONACCI_API_KEY",
        is_about_key=True,
    )


def _api_key(options: Mapping[str, Any]) -> tuple[AsyncApiKey, Literal["argument", "environment", "keychain"]]:
    source, key = _given(options, "api_key")
    if key is not None:
        checked: Any = key if callable(key) else check_key(key, source=source)
        return checked, "argument" if source == "api_key" else "environment"
    stored = options.get("stored_key")
    if stored is not None:
        return stored, "keychain"
    if redirection.is_under_pytest:
        return _missing_in_test, "environment"
    raise missing_key()


def _base_url(options: Mapping[str, Any], api_version: ApiVersion, *, allow_insecure: bool) -> str:
    source, url = _given(options, "base_url")
    default = DEFAULT_BASE_URLS[api_version]
    if url in (None, default):
        return default
    from fibonacci._core.urls import check_base_url

    return check_base_url(url, source=source, allow_insecure=allow_insecure, api_version=api_version)


def _rate_limiter(options: Mapping[str, Any]) -> str:
    source, name = _given(options, "rate_limiter")
    if name == _LIMITER_FROM_ENVIRONMENT:
        source, name = _given({}, "rate_limiter")
        if name is None:
            raise ConfigurationError(
                "the pickled client took its rate limiter from the environment variable FIBONACCI_RATE_LIMITER: set it"
                " here too"
            )
    if name is None:
        return LOCAL_RATE_LIMITERS[0]
    names = '"process", "machine", "off" or the URL of a Redis server, redis://, rediss:// or unix://'
    if not isinstance(name, str):
        raise TypeError(f"{source} must be {names}, not {kind_of(name)}")
    if name in (*LOCAL_RATE_LIMITERS, "machine") or name.startswith(RATE_LIMITER_SCHEMES):
        return name
    from fibonacci._texts.redaction import without_secrets

    raise ConfigurationError(f"{source} must be {names}, not {without_secrets(name)!r}")


def _transport(source: str, transport: Any, *, http_client: Any, close: str) -> Any:
    """Return a name or an object, or None if an HTTP client takes its place."""
    if http_client is not None:
        if transport is not None and source == "transport":
            raise ConfigurationError(
                "pass transport or http_client, not both: http_client=x is short for transport=HTTPXTransport(x)"
            )
        return None
    if isinstance(transport, type):
        raise ConfigurationError(f"transport must be an object, not the class {transport.__name__}: call it")
    if transport is None:
        return TRANSPORT_NAMES[0]
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
