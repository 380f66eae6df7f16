"""What `fibonacci doctor` looks at: the configuration, and one call with its phases."""

from __future__ import annotations

import os
import platform
import ssl
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import closing
from email.utils import parsedate_to_datetime
from importlib.metadata import version
from typing import Any, Literal, NamedTuple

from fibonacci import (
    APIConnectionError,
    APIError,
    APIResponseError,
    APIStatusError,
    APITimeoutError,
    AuthenticationError,
    Fibonacci,
    NotFoundError,
    __version__,
)
from fibonacci._core.config import (
    DEFAULT_BASE_URL,
    DEFAULT_MAX_RETRIES,
    DEFAULT_TIMEOUT,
    LOCAL_RATE_LIMITERS,
    TRANSPORT_NAMES,
    Config,
)
from fibonacci._core.error_mapping import is_of_other_api
from fibonacci._core.transport_errors import TransportError
from fibonacci._net.proxies import proxy_for
from fibonacci._profiles.changes import TAKE_OVER, has_legacy_key
from fibonacci._profiles.config_file import Profile, ProfilesFile, access_problem, read_profiles
from fibonacci._profiles.credentials import (
    FoundKey,
    PlatformAddress,
    find_address,
    find_key,
    home_of,
    precedence_over,
    used_profile,
)
from fibonacci._texts.redaction import without_secrets
from fibonacci._texts.suggestions import nearest
from fibonacci.errors import ConfigurationError, PermissionDeniedError
from fibonacci.transports import Deadline, HTTPRequest, HTTPResponse, HTTPXTransport, Phases, SocketTransport, Transport


def checks(profile: str | None) -> Iterator[Finding]:
    """Look at the configuration, and make one call with it if it has an address and a key.

    Args:
        profile: The option `--profile`, or None when it is not given.
    """
    configuration = Configuration(profile)
    yield from configuration.checks()
    if configuration.address is not None and configuration.key is not None:
        yield from call_checks(configuration.key, configuration.address, configuration)


class Finding(NamedTuple):
    """What one check has found.

    Attributes:
        name: What was checked.
        status: Whether it is as it should be.
        detail: What was found.
        remedy: What to do about a problem. Empty when there is none.
        is_about_key: Whether the problem is the API key.
    """

    name: str
    status: Literal["ok", "problem"]
    detail: str
    remedy: str = ""
    is_about_key: bool = False


def ok(name: str, detail: str) -> Finding:
    """Return a finding that needs nothing to be done."""
    return Finding(name, "ok", detail)


def problem(name: str, detail: str, remedy: str, *, is_about_key: bool = False) -> Finding:
    """Return a finding that needs something to be done."""
    return Finding(name, "problem", detail, remedy, is_about_key)


_SOURCES = {"default": "the default", "environment": "FIBONACCI_BASE_URL", "profile": "the profile"}
_VERSION_VARIABLE = "FIBONACCI_API_VERSION"
_FILE_REMEDY = "fix the file in an editor"
# How much a name without the prefix has to resemble one with it.
_NEAR = 0.85
_KEY_REMEDY = "run `fibonacci auth login`, or set FIBONACCI_API_KEY"
_PREFIX = "FIBONACCI_"
VARIABLES = tuple(
    f"{_PREFIX}{name}"
    for name in (
        *("API_KEY", "BASE_URL", "API_VERSION", "PROFILE", "ENVIRONMENT", "CONFIG_DIR", "TIMEOUT", "MAX_RETRIES"),
        *("TRANSPORT", "RATE_LIMITER", "PLAINTEXT_KEYRING", "EMULATOR_API_KEY", "MCP_TOKEN"),
    )
)
"""The variables that the SDK reads, in the order of their page, which tests compare with this list and the sources."""

OTHER_VARIABLES = {
    *("APPDATA", "GITHUB_ACTIONS", "NO_COLOR", "PYTHON_KEYRING_BACKEND", "REQUEST_METHOD", "SHELL"),
    *("SSLKEYLOGFILE", "SSL_CERT_DIR", "SSL_CERT_FILE", "TEAMCITY_VERSION", "TERM", "TF_BUILD", "XDG_CONFIG_HOME"),
    "XDG_RUNTIME_DIR",
}
"""The other variables on that page, except those for proxies."""

# Words that people type from habit, and that resemble another name more than the one they mean.
_HABITS = {
    **dict.fromkeys(("URL", "API_URL", "HOST", "ENDPOINT"), "FIBONACCI_BASE_URL"),
    **dict.fromkeys(("TOKEN", "API_TOKEN"), "FIBONACCI_API_KEY"),
}
# Each setting that the environment may have: its variable, and the option that replaces it where it is wrong.
_SETTINGS: dict[str, tuple[str, str, object]] = {
    "timeout": ("FIBONACCI_TIMEOUT", "timeout", DEFAULT_TIMEOUT),
    "retries": ("FIBONACCI_MAX_RETRIES", "max_retries", DEFAULT_MAX_RETRIES),
    "transport": ("FIBONACCI_TRANSPORT", "transport", TRANSPORT_NAMES[0]),
    "rate limiter": ("FIBONACCI_RATE_LIMITER", "rate_limiter", LOCAL_RATE_LIMITERS[0]),
}


class Configuration:
    """What the command is configured with, found check by check.

    Args:
        profile_name: The option `--profile`, or None when it is not given.

    Attributes:
        address: The address, or None when it cannot be found.
        key: The key, or None when it cannot be found.
        settings: The options of a client that are from the environment, with a default in the place of a wrong one.
    """

    def __init__(self, profile_name: str | None) -> None:
        self._name = profile_name
        self._profile: Profile | None = None
        self._is_profile_found = False
        self.address: PlatformAddress | None = None
        self.key: FoundKey | None = None
        self.settings: dict[str, object] = {}

    def checks(self) -> Iterator[Finding]:
        """Yield a finding for each part, and stop at those that depend on a missing one."""
        yield _versions()
        yield ok("environment", ", ".join(_variables_set()) or "no variable of the client is set")
        yield from _misspelled_variables()
        yield from self._find_settings()
        try:
            file = read_profiles()
        except ConfigurationError as error:
            yield problem("profile", str(error), _FILE_REMEDY)
        else:
            yield self._find_profile(file)
        # Without the profile, only an environment that has both names which key goes where.
        if self._is_profile_found or os.environ.keys() >= {"FIBONACCI_API_KEY", "FIBONACCI_BASE_URL"}:
            yield self._find_address()
        if self.address is not None:
            yield self._find_key(self.address)

    def _find_settings(self) -> Iterator[Finding]:
        """Make the client's own checks of what the environment sets, each alone, so that all faults are seen."""
        defaults = {option: value for _, option, value in _SETTINGS.values()}
        is_well = True
        for name, (variable, option, default) in _SETTINGS.items():
            others = {other: value for other, value in defaults.items() if other != option}
            try:
                config = Config({**others, "api_key": "unused", "base_url": DEFAULT_BASE_URL, "api_version": "v1"})
            except ConfigurationError as error:
                is_well, self.settings[option] = False, default
                shown = str(default).removesuffix(".0")
                yield problem(name, str(error), f"fix {variable}, or unset it: the default is {shown}")
            else:
                self.settings[option] = config.call_timeout if option == "timeout" else getattr(config, option)
        if is_well:
            seconds, retries, transport, limiter = self.settings.values()
            timeout = "no timeout" if seconds is None else f"a timeout of {seconds:g} s"
            limiter = without_secrets(str(limiter))
            yield ok("settings", f"{timeout}, {retries} retries, transport {transport}, rate limiter {limiter}")

    def settings_for(self, address: PlatformAddress) -> str:
        """Return which settings lead to another address on the same server, each in the place where it is set now."""
        assert self.address is not None  # the other one is made of it
        settings: list[tuple[str, str, str]] = [("api_version", _VERSION_VARIABLE, address.api_version)]
        if self.address.base_url.removesuffix("/api/v1") != address.base_url:
            settings.append(("base_url", "FIBONACCI_BASE_URL", address.base_url))
        variables = [f"{name}={value}" for _, name, value in settings if self._is_in_environment(name)]
        keys = [f'{key} = "{value}"' for key, name, value in settings if not self._is_in_environment(name)]
        places = [" and ".join(variables)] if variables else []
        if keys and self._profile is not None:
            places.append(f"{' and '.join(keys)} of the profile {self._profile.name!r}")
        return f"set {', and '.join(places)}"

    def _is_in_environment(self, variable: str) -> bool:
        """Whether a setting is in the environment, or would be as there is no profile."""
        return variable in os.environ or self._profile is None

    def _find_profile(self, file: ProfilesFile) -> Finding:
        try:
            self._profile = used_profile(file, self._name)
            self._is_profile_found = True
        except ConfigurationError as error:
            return problem("profile", str(error), "run `fibonacci profiles list` to see the profiles")
        if trouble := access_problem(file.path):
            return problem("profile", *trouble.split(": ", 1))
        if self._profile is None and file.profiles:
            return _overridden(file)
        name = "none" if self._profile is None else repr(self._profile.name)
        return ok("profile", f"{name} ({'in' if file.text else 'no file'} {file.path})")

    def _find_address(self) -> Finding:
        try:
            self.address = find_address(self._profile)
        except ConfigurationError as error:
            return problem("base URL", str(error), "fix it where you set it")
        version: str = self.address.api_version  # by default, without a source
        if _VERSION_VARIABLE in os.environ:
            version += f" ({_VERSION_VARIABLE})"
        elif self._profile is not None and self._profile.api_version is not None:
            version += " (the profile)"
        return ok("base URL", f"{self.address.base_url} ({_SOURCES[self.address.source]}), API {version}")

    def _find_key(self, address: PlatformAddress) -> Finding:
        try:
            self.key = find_key(self._profile, address)
        except ConfigurationError as error:
            return problem("API key", str(error), _KEY_REMEDY, is_about_key=True)
        if self.key is None:
            where = "the keychain of this profile" if self._profile else "a profile"
            remedy = TAKE_OVER if has_legacy_key() else _KEY_REMEDY
            return problem("API key", f"none in FIBONACCI_API_KEY or in {where}", remedy, is_about_key=True)
        source = "FIBONACCI_API_KEY" if self.key.source == "environment" else "the keychain"
        return ok("API key", f"from {source}, {len(self.key.key)} characters")


def _overridden(file: ProfilesFile) -> Finding:
    """Return the finding for an environment that has a key, so that no profile is used."""
    detail = f"none of those in {file.path}: the environment takes precedence"
    profile = file.profiles.get(file.default_name or "")
    if profile is None or "FIBONACCI_BASE_URL" in os.environ:  # which says itself where its key goes
        return ok("profile", detail)
    try:
        is_same = find_address(None) == home_of(profile)._replace(source="default")
    except ConfigurationError:  # which is a finding of its own
        return ok("profile", detail)
    text = precedence_over(profile)
    return ok("profile", text) if is_same else problem("profile", text, "unset FIBONACCI_API_KEY to use the profile")


def _misspelled_variables() -> Iterator[Finding]:
    """Yield a finding for each variable that nothing reads, and whose name resembles one that is read."""
    for name in sorted(os.environ.keys() - VARIABLES):
        upper = name.upper()
        if upper in VARIABLES:
            meant: str | None = upper
        elif upper.startswith(_PREFIX):
            own = upper.removeprefix(_PREFIX)
            near = nearest(own, [known.removeprefix(_PREFIX) for known in VARIABLES])
            meant = _HABITS.get(own) or (near and f"{_PREFIX}{near}")
        else:
            meant = nearest(upper, VARIABLES, cutoff=_NEAR)
        if meant is not None:
            yield problem("environment", f"{name} is set, but nothing reads it", f"did you mean {meant}?")


def _versions() -> Finding:
    parts = [
        f"fibonacci-sdk {__version__}",
        f"Python {platform.python_version()}",
        f"httpx {version('httpx')}",
        " ".join(ssl.OPENSSL_VERSION.split()[:2]),
        f"{platform.system()} {platform.machine()}",
    ]
    return ok("versions", ", ".join(parts))


def _variables_set() -> list[str]:
    """Return the names, never the values, because one is the key, and that of a proxy may contain a password."""
    names = os.environ if sys.platform != "win32" else [name.upper() for name in os.environ]
    return sorted(
        name for name in names if name.startswith(_PREFIX) or name.lower().endswith("_proxy") or name in OTHER_VARIABLES
    )


_CALL_TIMEOUT = 15.0
# Seconds. The client compares the rate limit's reset with the server's clock, so that this is about certificates.
_MAX_SKEW = 60.0
_APIS = {"v1": "the documented API", "0.2": "the API of fibonacci-sdk 0.2.4"}


class _ObservedTransport:
    """A transport that keeps the phases of its calls: where the time went, and how far the last one came."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self.phases: Phases = Phases()

    def send(self, request: HTTPRequest, deadline: Deadline) -> HTTPResponse:
        self.phases = request.phases
        return self._transport.send(request, deadline)

    def close(self) -> None:
        self._transport.close()


def call_checks(key: FoundKey, address: PlatformAddress, configuration: Configuration) -> Iterator[Finding]:
    """Make one call, or a second one if the server may speak the other API, and yield what they show.

    Args:
        key: The key.
        address: The address.
        configuration: Where the settings are from.
    """
    try:
        proxy = proxy_for(address.origin)
    except TransportError as error:
        yield problem("proxy", str(error.cause), "check HTTPS_PROXY, HTTP_PROXY and ALL_PROXY")
        return
    yield ok("proxy", "none" if proxy is None else f"{proxy.url}{', with user and password' if proxy.auth else ''}")
    is_httpx = configuration.settings["transport"] == "httpx"
    transport = _ObservedTransport(HTTPXTransport() if is_httpx else SocketTransport())
    with closing(transport), _client(key, address, configuration, transport=transport) as client:
        headers: Mapping[str, str] = {}
        began = time.time()
        try:
            response = next(iter(client.tools.list(page_size=1).pages())).response
            duration = time.time() - began
            headers = response.headers
            phases = ", ".join(f"{name} {seconds * 1000:.0f}" for name, seconds in transport.phases.seconds.items())
            elapsed = f"{response.elapsed * 1000:.0f} ms ({phases})"
            yield ok("platform", f"GET /tools responds in {elapsed}, and the key is valid")
        except APIError as error:
            duration = time.time() - began
            headers = error.headers if isinstance(error, APIStatusError) else {}
            other = _other_address(address)
            if _may_be_of_other_api(error, address) and _is_spoken(key, other, configuration):
                apis = f"{_APIS[other.api_version]}, not {_APIS[address.api_version]}"
                detail = f"it seems to speak {apis}: it responds at {other.base_url}"
                yield problem("platform", detail, configuration.settings_for(other))
            else:
                yield _failure(error)
        if "date" in headers:
            yield _clock(headers["date"], began + duration / 2, uncertainty=duration / 2)
        if client.rate_limit is not None:
            stated = client.rate_limit
            left = f"{stated.remaining} of {stated.limit} requests left"
            yield ok("rate limit", f"{left} until {stated.reset_at:%H:%M:%S} UTC")


def _client(key: FoundKey, address: PlatformAddress, configuration: Configuration, **more: Any) -> Fibonacci:
    """Return a client with the settings of the environment, but without retries, and not as patient."""
    settings: dict[str, Any] = configuration.settings
    timeout = min(settings["timeout"] or _CALL_TIMEOUT, _CALL_TIMEOUT)
    options: dict[str, Any] = {**settings, "max_retries": 0, "timeout": timeout, **more}
    return Fibonacci(key.key, base_url=address.base_url, api_version=address.api_version, **options)


def _other_address(address: PlatformAddress) -> PlatformAddress:
    """Return the address that the other API has on the same server."""
    if address.api_version == "0.2":
        return address._replace(base_url=f"{address.base_url}/v1", api_version="v1")
    root = address.base_url.removesuffix("/v1").removesuffix("/api")
    return address._replace(base_url=root, api_version="0.2")


def _may_be_of_other_api(error: APIError, address: PlatformAddress) -> bool:
    """Whether a server of the other API may have caused a failure."""
    if not isinstance(error, APIStatusError):
        return isinstance(error, APIResponseError)
    is_documented = is_of_other_api(error.body, "0.2")
    if address.api_version == "0.2":
        return is_documented or isinstance(error, NotFoundError)
    return not is_documented and (isinstance(error, NotFoundError) or is_of_other_api(error.body, "v1"))


def _is_spoken(key: FoundKey, address: PlatformAddress, configuration: Configuration) -> bool:
    """Whether a server responds in the form of an API, even if it refuses the key."""
    with _client(key, address, configuration) as client:
        try:
            client.tools.list(page_size=1).first()
        except APIStatusError as error:
            other: str = "0.2" if address.api_version == "v1" else "v1"
            return not isinstance(error, NotFoundError) and is_of_other_api(error.body, other)
        except APIError:
            return False
    return True


def _failure(error: APIError) -> Finding:
    if isinstance(error, AuthenticationError):
        remedy = "create another key on the platform, then run `fibonacci auth login` or set FIBONACCI_API_KEY"
        return problem("API key", f"the platform refuses the key: {error!s}", remedy, is_about_key=True)
    if isinstance(error, PermissionDeniedError):
        return ok("platform", "the key is valid, but may not list tools")
    if isinstance(error, APITimeoutError) and "FIBONACCI_TIMEOUT" in os.environ:
        return problem(
            "platform", str(error), f"raise FIBONACCI_TIMEOUT, or unset it: the default is {DEFAULT_TIMEOUT:g} s"
        )
    if isinstance(error, APIConnectionError):
        return problem("platform", str(error), "check the network, and the platform's status")
    return problem(
        "platform", str(error), "check the base URL. If it is right, send the request id to the platform's support"
    )


def _clock(date: str, moment: float, uncertainty: float) -> Finding:
    try:
        server = parsedate_to_datetime(date).timestamp() + 0.5  # the header has whole seconds
    except ValueError:
        return ok("clock", "the server sends no readable time")
    skew = moment - server
    text = f"{abs(skew):.0f} s {'ahead of' if skew > 0 else 'behind'} the server's"
    if abs(skew) > _MAX_SKEW:
        return problem("clock", text, "set this machine's clock, because it decides whether certificates are valid")
    return ok("clock", text if abs(skew) >= 1 + uncertainty else "within a second of the server's")
