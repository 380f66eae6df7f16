"""The checks of `fibonacci doctor`: the configuration, and one call with its phases."""

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
    APIStatusError,
    AuthenticationError,
    Fibonacci,
    __version__,
)
from fibonacci._core.config import DEFAULT_BASE_URL, Config
from fibonacci._core.transport_errors import TransportError
from fibonacci._net.proxies import proxy_for
from fibonacci._profiles.changes import TAKE_OVER, has_legacy_key
from fibonacci._profiles.config_file import Profile, ProfilesFile, access_problem, read_profiles
from fibonacci._profiles.credentials import (
    FoundKey,
    PlatformAddress,
    find_address,
    find_key,
    used_profile,
)
from fibonacci._texts.redaction import without_secrets
from fibonacci._texts.suggestions import nearest
from fibonacci.errors import ConfigurationError, PermissionDeniedError
from fibonacci.transports import Deadline, HTTPRequest, HTTPResponse, HTTPXTransport, Phases, SocketTransport, Transport


def checks(name: str | None) -> Iterator[Finding]:
    """Check the configuration, and make one call with it if it has an address and a key.

    Args:
        name: The option `--profile`, or None when it is not given.
    """
    yield _versions()
    yield ok("environment", ", ".join(_variables_set()) or "no variable of the client is set")
    yield from _misspelled_variables()
    config = profile = address = None
    try:
        config = Config({"api_key": "unused", "base_url": DEFAULT_BASE_URL, "api_version": "v1"})
    except ConfigurationError as error:
        yield problem("settings", str(error), "fix the variable, or unset it")
    else:
        timeout = "no timeout" if config.call_timeout is None else f"a timeout of {config.call_timeout:g} s"
        parts = (
            f"{config.max_retries} retries",
            f"transport {config.transport}",
            f"rate limiter {config.rate_limiter}",
        )
        yield ok("settings", without_secrets(", ".join((timeout, *parts))))
    is_profile_known = True
    try:
        file = read_profiles()
        profile = used_profile(file, name)
        yield _profile(file, profile)
    except ConfigurationError as error:
        is_profile_known = False
        yield problem("profile", str(error), "fix the file in an editor, or choose one of `fibonacci profiles list`")
    # Without the profile, only an environment with both variables says which key goes where.
    if is_profile_known or os.environ.keys() >= {"FIBONACCI_API_KEY", "FIBONACCI_BASE_URL"}:
        try:
            address = find_address(profile)
            yield _address(profile, address)
        except ConfigurationError as error:
            yield problem("base URL", str(error), "fix it where you set it")
    if address is not None:
        try:
            key = find_key(profile, address)
            yield _key(profile, key)
        except ConfigurationError as error:
            yield problem("API key", str(error), _KEY_REMEDY, is_about_key=True)
        else:
            if config is not None and key is not None:
                yield from _call(config, key, address)


class Finding(NamedTuple):
    """The result of one check.

    Attributes:
        name: What was checked.
        status: Whether it is as it should be.
        detail: What the check found.
        remedy: What to do about a problem. Empty if there is none.
        is_about_key: Whether the problem is the API key.
    """

    name: str
    status: Literal["ok", "problem"]
    detail: str
    remedy: str = ""
    is_about_key: bool = False


def ok(name: str, detail: str) -> Finding:
    """Return a finding that needs no action."""
    return Finding(name, "ok", detail)


def problem(name: str, detail: str, remedy: str, *, is_about_key: bool = False) -> Finding:
    """Return a finding that needs action."""
    return Finding(name, "problem", detail, remedy, is_about_key)


_SOURCES = {"default": "the default", "environment": "FIBONACCI_BASE_URL", "profile": "the profile"}
# How closely a name has to resemble a variable's to count as misspelled.
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
"""The variables that the SDK reads, in the order of their page. Tests compare this list with the page and the code."""

OTHER_VARIABLES = {
    *("APPDATA", "GITHUB_ACTIONS", "NO_COLOR", "PYTHON_KEYRING_BACKEND", "REQUEST_METHOD", "SHELL"),
    *("SSLKEYLOGFILE", "SSL_CERT_DIR", "SSL_CERT_FILE", "TEAMCITY_VERSION", "TERM", "TF_BUILD", "XDG_CONFIG_HOME"),
}
"""The other variables on that page, except those for proxies."""

# Names that people type from habit, but that resemble another variable more than the one they mean.
_HABITS = {
    **dict.fromkeys(("URL", "API_URL", "HOST", "ENDPOINT"), "FIBONACCI_BASE_URL"),
    **dict.fromkeys(("TOKEN", "API_TOKEN"), "FIBONACCI_API_KEY"),
}


def _profile(file: ProfilesFile, profile: Profile | None) -> Finding:
    if trouble := access_problem(file.path):
        return problem("profile", *trouble.split(": ", 1))
    if profile is None and file.profiles:
        return ok("profile", f"none of those in {file.path}: the environment takes precedence")
    name = "none" if profile is None else repr(profile.name)
    return ok("profile", f"{name} ({'in' if file.text else 'no file'} {file.path})")


def _address(profile: Profile | None, address: PlatformAddress) -> Finding:
    spoken: str = address.api_version  # the default has no source
    if "FIBONACCI_API_VERSION" in os.environ:
        spoken += " (FIBONACCI_API_VERSION)"
    elif profile is not None and profile.api_version is not None:
        spoken += " (the profile)"
    return ok("base URL", f"{address.base_url} ({_SOURCES[address.source]}), API {spoken}")


def _key(profile: Profile | None, key: FoundKey | None) -> Finding:
    if key is None:
        where = "the keychain of this profile" if profile else "a profile"
        remedy = TAKE_OVER if has_legacy_key() else _KEY_REMEDY
        return problem("API key", f"none in FIBONACCI_API_KEY or in {where}", remedy, is_about_key=True)
    source = "FIBONACCI_API_KEY" if key.source == "environment" else "the keychain"
    return ok("API key", f"from {source}, {len(key.key)} characters")


def _misspelled_variables() -> Iterator[Finding]:
    """Yield a finding for each unread variable whose name resembles one that is read."""
    for name in sorted(os.environ.keys() - VARIABLES):
        upper = name.upper()
        if meant := _HABITS.get(upper.removeprefix(_PREFIX)) or nearest(upper, VARIABLES, cutoff=_NEAR):
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
    """Return the names, never the values: one is the API key, and a proxy's may contain a password."""
    names = os.environ if sys.platform != "win32" else [name.upper() for name in os.environ]
    return sorted(
        name for name in names if name.startswith(_PREFIX) or name.lower().endswith("_proxy") or name in OTHER_VARIABLES
    )


_CALL_TIMEOUT = 15.0
# In seconds. This is about certificates: for rate limits, the client goes by the server's clock.
_MAX_SKEW = 60.0


class _ObservedTransport:
    """A transport that records the phases of its calls: where the time went, and how far the last one got."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self.phases: Phases = Phases()

    def send(self, request: HTTPRequest, deadline: Deadline) -> HTTPResponse:
        self.phases = request.phases
        return self._transport.send(request, deadline)

    def close(self) -> None:
        self._transport.close()


def _call(config: Config, key: FoundKey, address: PlatformAddress) -> Iterator[Finding]:
    """Make one call, without retries and with a short timeout, and yield what it shows."""
    try:
        proxy = proxy_for(address.origin)
    except TransportError as error:
        yield problem("proxy", str(error.cause), "check HTTPS_PROXY, HTTP_PROXY and ALL_PROXY")
        return
    yield ok("proxy", "none" if proxy is None else f"{proxy.url}{', with user and password' if proxy.auth else ''}")
    transport = _ObservedTransport(HTTPXTransport() if config.transport == "httpx" else SocketTransport())
    options: dict[str, Any] = {
        "base_url": address.base_url,
        "api_version": address.api_version,
        "max_retries": 0,
        "timeout": min(config.call_timeout or _CALL_TIMEOUT, _CALL_TIMEOUT),
        "transport": transport,
    }
    with closing(transport), Fibonacci(key.key, **options) as client:
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
            yield _failure(error)
        if "date" in headers:
            yield _clock(headers["date"], began + duration / 2, uncertainty=duration / 2)
        if client.rate_limit is not None:
            stated = client.rate_limit
            left = f"{stated.remaining} of {stated.limit} requests left"
            yield ok("rate limit", f"{left} until {stated.reset_at:%H:%M:%S} UTC")


def _failure(error: APIError) -> Finding:
    if isinstance(error, AuthenticationError):
        remedy = "create another key on the platform, then run `fibonacci auth login` or set FIBONACCI_API_KEY"
        return problem("API key", f"the platform refuses the key: {error!s}", remedy, is_about_key=True)
    if isinstance(error, PermissionDeniedError):
        return ok("platform", "the key is valid, but may not list tools")
    if isinstance(error, APIConnectionError):
        return problem("platform", str(error), "check the network, the platform's status, and FIBONACCI_TIMEOUT")
    return problem(
        "platform", str(error), "check the base URL. If it is right, send the request id to the platform's support"
    )


def _clock(date: str, moment: float, uncertainty: float) -> Finding:
    try:
        server = parsedate_to_datetime(date).timestamp() + 0.5  # the header only has whole seconds
    except ValueError:
        return ok("clock", "the server sends no readable time")
    skew = moment - server
    text = f"{abs(skew):.0f} s {'ahead of' if skew > 0 else 'behind'} the server's"
    if abs(skew) > _MAX_SKEW:
        return problem("clock", text, "set this machine's clock, because it decides whether certificates are valid")
    return ok("clock", text if abs(skew) >= 1 + uncertainty else "within a second of the server's")
