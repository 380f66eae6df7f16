"""Which hosts an emulator answers to, and which pages of a browser may call it.

A page of another host can make the name of that host resolve to this address (DNS rebinding). It then sends that name
in `Host`, and the browser believes that the response comes from the page's server.

A browser adds `Origin` to what a page sends, and shows the response to a page of another origin only if CORS headers
allow it. The request is still carried out, so a foreign origin is refused before anything changes.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Final, NamedTuple

from fibonacci.emulator.http.messages import HTTPException, ServerRequest, ServerResponse, bad_request, refused
from fibonacci.emulator.http.router import API_0_2, API_PREFIX, CONTROL_PREFIX
from fibonacci.emulator.option_values import LAST_PORT

_AUTHORITY: Final = re.compile(
    r"(?:\[(?P<v6>[0-9A-Fa-f:.]+(?:%[A-Za-z0-9._~-]+)?)\]|(?P<name>[A-Za-z0-9._-]+))(?::(?P<port>[0-9]{0,5}))?"
)
_NAME: Final = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9._-]{0,251}[A-Za-z0-9_])?")
_MAX_AUTHORITY: Final = 300  # of a host's name and a port

_Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class HostPort(NamedTuple):
    """A host and a port.

    Attributes:
        host: The name in lower case, or the address as `ipaddress` writes it, without brackets.
        port: The port, or `None` if there is none.
    """

    host: str
    port: int | None


def read_authority(text: str) -> HostPort | None:
    """Return the host and the port of a text such as `localhost:8787` or `[::1]`, or `None` if it is malformed."""
    match = _AUTHORITY.fullmatch(text)
    if match is None or len(text) > _MAX_AUTHORITY:
        return None
    literal, name, port = match["v6"], match["name"], match["port"]
    if literal is not None and (":" not in literal or _address_of(literal) is None):
        return None
    number = int(port) if port else None
    return None if number is not None and number > LAST_PORT else HostPort(_normalized(literal or name), number)


def is_loopback(host: str) -> bool:
    """Return whether only this machine can reach a host: `localhost`, a name below it, or an address of loopback."""
    address = _address_of(host)
    return _is_local_name(_normalized(host)) if address is None else address.is_loopback


class Hosts:
    """The hosts that an emulator answers to, with any port.

    These are the hosts of loopback, the one that it listens on, and the named ones. If it listens on all addresses of
    the machine, any address is allowed.

    Args:
        listens_on: The address or name that it listens on.
        named: Further names and addresses.

    Raises:
        ValueError: If one of the names is not a host's.
    """

    def __init__(self, listens_on: str = "127.0.0.1", named: Sequence[str] = ()) -> None:
        self._named = frozenset({_normalized(listens_on), *map(_named_host, one_by_one("allowed_hosts", named))})
        own = _address_of(listens_on)
        self._takes_any_address = not listens_on or (own is not None and own.is_unspecified)

    def check(self, host_header: str) -> None:
        """Check the `Host` of a request.

        Raises:
            HTTPException: 400 if it is malformed, 403 if it is another host.
        """
        authority = read_authority(host_header)
        if authority is None:
            raise bad_request("The Host header must be a host, with or without a port.", "Host")
        if not self._allows(authority.host):
            message = (
                f"The host {authority.host!r} is not one that this emulator answers to. If it is yours, name it: "
                f"Emulator(allowed_hosts=[{authority.host!r}]) or --allowed-host {authority.host}."
            )
            raise refused(403, "host_not_allowed", "Host", message)

    def _allows(self, host: str) -> bool:
        address = _address_of(host)
        if host in self._named:
            return True
        return _is_local_name(host) if address is None else address.is_loopback or self._takes_any_address


def one_by_one(argument: str, values: Sequence[str]) -> Sequence[str]:
    """Return the values of an argument that takes several, but refuse a text, which would be read letter by letter.

    Raises:
        TypeError: If it is a single text.
    """
    if isinstance(values, str):
        raise TypeError(f"{argument} must be a list of strings, such as [{values!r}], not a single string")
    return values


def _named_host(name: str) -> str:
    if _NAME.fullmatch(name) or _address_of(name) is not None:
        return _normalized(name)
    raise ValueError(
        "allowed_hosts must list names and addresses as in a URL, without scheme, port and path, such as "
        f"'fibonacci.test', not {name!r}"
    )


def _is_local_name(name: str) -> bool:
    return name == "localhost" or name.endswith(".localhost")


def _normalized(host: str) -> str:
    address = _address_of(host)
    return host.lower().removesuffix(".") if address is None else str(address)


@lru_cache(maxsize=256)  # reading one takes 10 µs, and most requests have the same
def _address_of(host: str) -> _Address | None:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address


SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
"""The methods that change nothing."""

_ORIGIN: Final = re.compile(r"(?P<scheme>https?)://(?P<authority>[^/?#@]+)")
_DEFAULT_PORTS: Final = {"http": 80, "https": 443}
_API_PATHS: Final = (f"/{API_PREFIX}/", API_0_2, f"/{CONTROL_PREFIX}/")
_METHODS: Final = "GET, POST, PUT, PATCH, DELETE"
_EXPOSED_HEADERS: Final = "X-Request-Id, X-RateLimit-Limit, X-RateLimit-Remaining, X-RateLimit-Reset, Retry-After"
_HEADER_NAMES: Final = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~, -]{1,2000}")
_PREFLIGHT_SECONDS: Final = 600
_OWN_PAGE: Final = frozenset({"same-origin", "none"})  # of Sec-Fetch-Site, where `none` is the user, not a page


class Origins:
    """The origins whose pages may call an emulator.

    Args:
        hosts: The hosts that the emulator answers to.
        named: Origins such as `http://localhost:5173`.

    Raises:
        ValueError: If one of them is not an origin.
    """

    def __init__(self, hosts: Hosts, named: Sequence[str] = ()) -> None:
        self._hosts = hosts
        self._named = frozenset(map(_named_origin, one_by_one("origins", named)))

    def check(self, request: ServerRequest) -> None:
        """Check the host of a request, and the origin if it may change something.

        A request without `Host` comes from this process: over a connection, the header is required.

        Raises:
            HTTPException: 400 if the host is malformed, 403 if the host or the origin is foreign.
        """
        headers = request.headers
        host = headers.get("host")
        if host is not None:
            self._hosts.check(host)
        if request.method in SAFE_METHODS:
            return
        origin = headers.get("origin")
        if origin is None:
            site = headers.get("sec-fetch-site")
            if site is not None and site not in _OWN_PAGE:
                raise _foreign(f"a page of another site ({site[:20]!r})", None)
        else:
            self._check_origin(origin, host)

    def check_form(self, request: ServerRequest) -> None:
        """Check that a form comes from a page at the emulator's address, with or without a TLS proxy in between.

        A browser names the origin or the site of every form. A form of a named origin is refused, because it would have
        the session of the page.

        Raises:
            HTTPException: 403 if it was sent by anything else.
        """
        origin, host = request.headers.get("origin"), request.headers.get("host", "")
        site = request.headers.get("sec-fetch-site")
        own = {_normalized_origin(f"{scheme}://{host}") for scheme in _DEFAULT_PORTS} - {None}
        is_foreign = origin is not None and _normalized_origin(origin) not in own
        if is_foreign or site not in (None, "same-origin") or (origin is None and site is None):
            message = "This form was not sent by the page itself: open the page in a browser and send it from there."
            raise refused(403, "origin_not_allowed", "Origin", message)

    def preflight(self, request: ServerRequest) -> ServerResponse | None:
        """Return the response to a preflight request of a named origin, or `None` to any other request."""
        if request.method != "OPTIONS" or "access-control-request-method" not in request.headers:
            return None
        if not self._may_read(request):
            return None
        names = request.headers.get("access-control-request-headers", "")
        headers = [
            *self.headers(request),
            ("Access-Control-Allow-Methods", _METHODS),
            ("Access-Control-Max-Age", str(_PREFLIGHT_SECONDS)),
        ]
        if _HEADER_NAMES.fullmatch(names):
            headers.append(("Access-Control-Allow-Headers", names))
        return ServerResponse(204, headers, b"")

    def headers(self, request: ServerRequest) -> list[tuple[str, str]]:
        """Return the headers that let a page of a named origin, and no other, read the response in a browser."""
        if not self._named:
            return []
        headers = [("Vary", "Origin")]
        if self._may_read(request):
            headers.append(("Access-Control-Allow-Origin", request.headers["origin"]))
            headers.append(("Access-Control-Expose-Headers", _EXPOSED_HEADERS))
        return headers

    def _may_read(self, request: ServerRequest) -> bool:
        origin = request.headers.get("origin")
        return (
            origin is not None and request.target.startswith(_API_PATHS) and _normalized_origin(origin) in self._named
        )

    def _check_origin(self, origin: str, host: str | None) -> None:
        normal = _normalized_origin(origin)
        own = None if host is None else _normalized_origin(f"http://{host}")
        if normal is None or (normal != own and normal not in self._named):
            raise _foreign(f"the origin {origin[:200]!r}", None if normal is None else origin)


def _named_origin(origin: str) -> str:
    normal = _normalized_origin(origin)
    if normal is None:
        raise ValueError(
            "origins must list origins as a browser sends them: http or https, a host, an optional port and no "
            f"path, such as 'http://localhost:5173', not {origin!r}"
        )
    return normal


def _normalized_origin(origin: str) -> str | None:
    """Return an origin with its host in lower case and its port, or `None` if it is `null` or malformed."""
    match = _ORIGIN.fullmatch(origin)
    authority = None if match is None else read_authority(match["authority"])
    if match is None or authority is None:
        return None
    scheme, (host, port) = match["scheme"], authority
    return f"{scheme}://{host}:{_DEFAULT_PORTS[scheme] if port is None else port}"


def _foreign(what: str, origin: str | None) -> HTTPException:
    remedy = "" if origin is None else f" If it is yours, name it: Emulator(origins=[...]) or --origin {origin}."
    message = f"The request comes from {what}, which may not change anything in this emulator.{remedy}"
    return refused(403, "origin_not_allowed", "Origin", message)
