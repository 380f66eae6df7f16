"""The checks that one call answers: whether the platform accepts the key, the clock, the rate limit."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from email.utils import parsedate_to_datetime

from fibonacci import (
    APIConnectionError,
    APIError,
    APIResponseError,
    APIStatusError,
    AuthenticationError,
    Fibonacci,
    NotFoundError,
)
from fibonacci._core.response_texts import is_of_other_api
from fibonacci._profiles.credentials import FoundKey, PlatformAddress
from fibonacci.cli.diagnosis.configuration import Configuration
from fibonacci.cli.diagnosis.finding import Finding, ok, problem
from fibonacci.errors import PermissionDeniedError

_TIMEOUT = 15.0
# Seconds. The client compares the rate limit's reset with the server's clock, so that this is about certificates.
_MAX_SKEW = 60.0
_APIS = {"v1": "the documented API", "0.2": "the API of fibonacci-sdk 0.2.4"}


def call_checks(key: FoundKey, address: PlatformAddress, configuration: Configuration) -> Iterator[Finding]:
    """Make one call, and yield what it shows; a second one where the server may speak the other API.

    Args:
        key: The key.
        address: The address.
        configuration: Where the settings are from.
    """
    with _client(key, address) as client:
        headers: Mapping[str, str] = {}
        began = time.time()
        try:
            response = next(iter(client.tools.list(page_size=1).pages())).response
            duration = time.time() - began
            headers = response.headers
            yield ok("platform", f"GET /tools responds in {response.elapsed * 1000:.0f} ms; the key is valid")
        except APIError as error:
            duration = time.time() - began
            headers = error.headers if isinstance(error, APIStatusError) else {}
            other = _other_address(address)
            if _may_be_of_other_api(error, address) and _is_spoken(key, other):
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


def _client(key: FoundKey, address: PlatformAddress) -> Fibonacci:
    return Fibonacci(
        key.key, base_url=address.base_url, api_version=address.api_version, max_retries=0, timeout=_TIMEOUT
    )


def _other_address(address: PlatformAddress) -> PlatformAddress:
    """Return the address that the other API has on the same server."""
    if address.api_version == "0.2":
        return address._replace(base_url=f"{address.base_url}/v1", api_version="v1")
    root = address.base_url.removesuffix("/v1").removesuffix("/api")
    return address._replace(base_url=root, api_version="0.2")


def _may_be_of_other_api(error: APIError, address: PlatformAddress) -> bool:
    """Whether a failure is one that a server of the other API may cause."""
    if not isinstance(error, APIStatusError):
        return isinstance(error, APIResponseError)
    is_documented = is_of_other_api(error.body, "0.2")
    if address.api_version == "0.2":
        return is_documented or isinstance(error, NotFoundError)
    return not is_documented and (isinstance(error, NotFoundError) or is_of_other_api(error.body, "v1"))


def _is_spoken(key: FoundKey, address: PlatformAddress) -> bool:
    """Whether a server responds in the form of an API, even if it refuses the key."""
    with _client(key, address) as client:
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
        return problem("API key", f"the platform refuses it: {error}", remedy, is_about_key=True)
    if isinstance(error, PermissionDeniedError):
        return ok("platform", "the key is valid, and may not list tools")
    if isinstance(error, APIConnectionError):
        return problem("platform", str(error), "check the network, and the platform's status")
    return problem("platform", str(error), "check the base URL; if it is right, report the request id to the platform")


def _clock(date: str, moment: float, uncertainty: float) -> Finding:
    try:
        server = parsedate_to_datetime(date).timestamp() + 0.5  # the header has whole seconds
    except ValueError:
        return ok("clock", "the server states no readable time")
    skew = moment - server
    text = f"{abs(skew):.0f} s {'ahead of' if skew > 0 else 'behind'} the server's"
    if abs(skew) > _MAX_SKEW:
        return problem("clock", text, "set this machine's clock, for certificates are judged by it")
    return ok("clock", text if abs(skew) >= 1 + uncertainty else "as the server's, within a second")
