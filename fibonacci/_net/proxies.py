"""Proxies, from HTTPS_PROXY, HTTP_PROXY, ALL_PROXY and NO_PROXY, or from the settings of macOS and Windows."""

from __future__ import annotations

import os
import sys
from base64 import b64encode
from contextlib import suppress
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from fibonacci._core.transport_errors import TransportError
from fibonacci._core.urls import is_loopback
from fibonacci._texts.text import printable_line

if TYPE_CHECKING:
    from collections.abc import Iterable

# The longest text of a proxy that an error shows.
_MOST_SHOWN = 200
_SCHEMES = ("http", "https", "socks5", "socks5h")
#: What to do about a proxy that speaks SOCKS.
SOCKS_REMEDY = (
    'SOCKS proxies need transport="httpx" (or FIBONACCI_TRANSPORT=httpx), and socksio: '
    "pip install 'fibonacci-sdk[socks]'"
)


@dataclass(frozen=True, slots=True)
class Proxy:
    """A proxy.

    Attributes:
        url: Its URL, without user and password.
        auth: Its user and password. None if it needs none.
    """

    url: str
    auth: tuple[str, str] | None = field(default=None, repr=False)

    @property
    def is_socks(self) -> bool:
        """Whether it speaks SOCKS5, not HTTP."""
        return self.url.startswith("socks")

    @property
    def is_secure(self) -> bool:
        """Whether the connection to the proxy itself uses TLS."""
        return self.url.startswith("https:")

    @property
    def headers(self) -> tuple[tuple[bytes, bytes], ...]:
        """The headers that an HTTP proxy expects in each request."""
        if self.auth is None:
            return ()
        return ((b"proxy-authorization", b"Basic " + b64encode(":".join(self.auth).encode())),)


def proxy_for(origin: str) -> Proxy | None:
    """Return the proxy for an origin such as `https://api.fibonacci.dev`, or None if it needs none.

    Raises:
        TransportError: If a variable doesn't contain the URL of a proxy.
    """
    is_set = any(name.lower().endswith("_proxy") for name in os.environ)
    if not is_set and sys.platform not in ("darwin", "win32"):
        return None
    from urllib.request import getproxies, proxy_bypass  # slow to import, and most programs have no proxy

    target, proxies = urlsplit(origin), getproxies()
    host, port = target.hostname or "", target.port or (443 if target.scheme == "https" else 80)
    url = proxies.get(target.scheme) or proxies.get("all")
    if not url or is_loopback(host) or is_exempt(proxies.get("no", ""), host, port) or proxy_bypass(host):
        return None
    try:
        parts = urlsplit(url if "://" in url else f"http://{url}")
        proxy, proxy_port = parts.hostname, parts.port
    except ValueError:  # its text may quote a part of the password
        parts, proxy, proxy_port = target, None, None
    if not proxy or parts.scheme not in _SCHEMES:
        reason = f"the proxy that the environment sets for {target.scheme} is not an http, https or socks5 URL"
        remedy = "In its user and password, percent-encode everything except letters and digits"
        raise TransportError("proxy", ValueError(f"{reason}. {remedy}"))
    auth = None if parts.username is None else (unquote(parts.username), unquote(parts.password or ""))
    bracketed = f"[{proxy}]" if ":" in proxy else proxy
    return Proxy(f"{parts.scheme}://{bracketed}:{proxy_port}" if proxy_port else f"{parts.scheme}://{bracketed}", auth)


def is_exempt(no_proxy: str, host: str, port: int) -> bool:
    """Whether NO_PROXY names a host.

    Args:
        no_proxy: Entries, separated by commas or white space: `*`, a domain (itself and all below it, with or without
            `.` or `*.` before it), an address, or a network (`10.0.0.0/8`). A domain or an address may have a port. Any
            other entry matches nothing.
        host: The host. An IPv6 address has no brackets.
        port: The port.
    """
    name = host.lower().removesuffix(".")
    return any(_matches(entry, name, port) for entry in no_proxy.lower().replace(",", " ").split())


def _matches(entry: str, host: str, port: int) -> bool:
    address = _address(host)
    with suppress(ValueError):  # of a name, or an address with a port
        network = ip_network(entry.strip("[]"), strict=False)
        return address is not None and address in network
    try:
        parts = urlsplit(f"//{entry}")
        pattern, only_port = parts.hostname or "", parts.port
    except ValueError:
        return False
    domain = pattern.removeprefix("*").strip(".")
    if only_port not in (None, port) or not (domain or pattern == "*"):
        return False
    if pattern == "*" or address is not None:
        return pattern == "*" or address == _address(domain)
    return host == domain or host.endswith(f".{domain}")


def _address(host: str) -> IPv4Address | IPv6Address | None:
    with suppress(ValueError):
        return ip_address(host)
    return None


def tunnel_refusal(
    authority: str, status: int, reason: bytes, headers: Iterable[tuple[bytes, bytes]]
) -> TransportError:
    """Return the error for a proxy that doesn't connect to a server.

    Args:
        authority: The host and port of the server.
        status: The status of the proxy's response to CONNECT.
        reason: The text after the status.
        headers: The headers. One of Squid's says what went wrong.
    """
    text = f"the proxy responded to CONNECT {authority} with status {status} {reason.decode('latin-1')}".rstrip()
    said = [value.decode("utf-8", "replace") for name, value in headers if name.lower() == b"x-squid-error"]
    cause = OSError("; ".join([printable_line(text), *(repr(line[:_MOST_SHOWN]) for line in said)]))
    # A 5xx of a gateway may be temporary. A refusal is not.
    return TransportError("never_sent" if status >= 500 else "proxy", cause)
