"""A proxy: its URL, and the user and password for it; and the hosts that are reached without one."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from urllib.parse import urlsplit

from fibonacci._core.transport_errors import TransportError
from fibonacci._texts.text import printable_line

# Characters of a proxy's reason that are shown.
_MOST_SHOWN = 200

#: What an error says where a proxy speaks SOCKS.
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
        """Whether it is spoken to over TLS."""
        return self.url.startswith("https:")

    @property
    def headers(self) -> tuple[tuple[bytes, bytes], ...]:
        """The headers that an HTTP proxy expects in each request."""
        if self.auth is None:
            return ()
        return ((b"proxy-authorization", b"Basic " + b64encode(":".join(self.auth).encode())),)


def tunnel_refusal(
    authority: str, status: int, reason: bytes, headers: Iterable[tuple[bytes, bytes]]
) -> TransportError:
    """Return the error for a proxy that doesn't connect to a server.

    Args:
        authority: The host and port of the server.
        status: The status of the proxy's response to CONNECT.
        reason: What stands next to it.
        headers: The headers; that of Squid says what went wrong.
    """
    text = f"the proxy responded to CONNECT {authority} with status {status} {reason.decode('latin-1')}".rstrip()
    said = [value.decode("utf-8", "replace") for name, value in headers if name.lower() == b"x-squid-error"]
    cause = OSError("; ".join([printable_line(text), *(repr(line[:_MOST_SHOWN]) for line in said)]))
    # A 5xx of a gateway may be temporary; a refusal is not.
    return TransportError("never_sent" if status >= 500 else "proxy", cause)


def is_exempt(no_proxy: str, scheme: str, host: str, port: int) -> bool:
    """Whether NO_PROXY names a host.

    Args:
        no_proxy: Entries, separated by commas or white space: `*`, a domain (itself and all below it, with or without
            `.` or `*.` before it), an address, or a network (`10.0.0.0/8`). Each may have a port, and a scheme
            (`https://api.example.com`); then it matches these alone. Any other entry matches nothing.
        scheme: The scheme of the origin.
        host: Its host; an IPv6 address without brackets.
        port: Its port.
    """
    name = _canonical(host)
    return any(_matches(entry, scheme, name, port) for entry in no_proxy.replace(",", " ").split())


def _matches(entry: str, scheme: str, host: str, port: int) -> bool:
    only_scheme, _, rest = entry.rpartition("://")
    if only_scheme.lower() not in ("", scheme):
        return False
    address = _address(host)
    with suppress(ValueError):  # of a name, or an address with a port
        network = ip_network(rest.strip("[]"), strict=False)
        return address is not None and address in network
    try:
        parts = urlsplit(f"//{rest}")
        only_host, only_port = parts.hostname or "", parts.port
    except ValueError:
        return False
    if only_port not in (None, port):
        return False
    domain = _canonical(only_host.removeprefix("*").lstrip("."))
    if address is not None:
        return only_host == "*" or address == _address(domain)
    return only_host == "*" or (domain != "" and (host == domain or host.endswith(f".{domain}")))


def _canonical(host: str) -> str:
    """Return a host name in lower case, in its `xn--` form, without the dot of the root."""
    host = host.lower().removesuffix(".")
    if host.isascii():
        return host
    import idna  # few hosts need it

    try:
        return idna.encode(host, uts46=True).decode()
    except idna.IDNAError:
        return host


def _address(host: str) -> IPv4Address | IPv6Address | None:
    """Return the IP address that a host is, an IPv4 address written as IPv6 as what it is, or None for a name."""
    try:
        address = ip_address(host.partition("%")[0])
    except ValueError:
        return None
    return (isinstance(address, IPv6Address) and address.ipv4_mapped) or address
