"""The checks of the network, by the parts of the transport itself: proxy, name, connection, TLS."""

from __future__ import annotations

import ssl
import time
from collections.abc import Iterator
from typing import cast
from urllib.parse import urlsplit

from fibonacci._core.connection_texts import connection_remedy, connection_text
from fibonacci._core.deadline import Deadline
from fibonacci._core.phases import Phases
from fibonacci._core.transport_errors import TransportError, connect_error_from
from fibonacci._core.urls import is_loopback
from fibonacci._net.names import resolver
from fibonacci._net.proxies import proxy_for
from fibonacci._net.sockets import literal_address
from fibonacci._profiles.credentials import PlatformAddress
from fibonacci._sync.transports import _network
from fibonacci._sync.transports.connector import Connector
from fibonacci._sync.transports.tls import TLSStream
from fibonacci.cli.diagnosis.finding import Finding, ok, problem

_TIMEOUT = 5.0
_REMEDY = "check the network, a firewall, the base URL, and whether a proxy is needed"
_MOST_SHOWN = 3
_PORTS = {"https": 443, "http": 80}


class NetworkChecks:
    """The way to the platform, step by step.

    Args:
        address: The address.

    Attributes:
        is_reachable: Whether every step has succeeded.
    """

    def __init__(self, address: PlatformAddress) -> None:
        self._base_url = address.base_url
        self._origin = address.origin
        self._proxy: str | None = None
        self.is_reachable: bool = False

    def checks(self) -> Iterator[Finding]:
        """Yield a finding for each step; the first problem is the last."""
        for step in (self._find_proxy, self._look_up, self._connect, self._handshake):
            try:
                finding = step()
            except Exception as error:
                yield self._failure(error)
                return
            yield finding
        self.is_reachable = True

    def _find_proxy(self) -> Finding:
        try:
            proxy = proxy_for(self._origin)
        except ValueError as error:
            raise TransportError("proxy", error) from error
        if proxy is None:
            reason = " (this machine is reached directly)" if is_loopback(urlsplit(self._origin).hostname or "") else ""
            return ok("proxy", f"none{reason}")
        self._proxy = proxy.url
        return ok("proxy", f"{proxy.url}{', with user and password' if proxy.auth else ''}")

    def _look_up(self) -> Finding:
        host, port = self._first_hop()
        if literal_address(host, port) is not None:
            return ok("name", f"{host} is an address")
        lookup = resolver.lookup(host, port)
        deadline = Deadline(_TIMEOUT)
        if not lookup.wait(_TIMEOUT):
            raise deadline.exceeded("the name service did not respond")
        found = list(dict.fromkeys(str(address[4][0]) for address in lookup.result()))
        more = len(found) - _MOST_SHOWN
        return ok("name", f"{host} is {', '.join(found[:_MOST_SHOWN])}{f' and {more} more' if more > 0 else ''}")

    def _connect(self) -> Finding:
        host, port = self._first_hop()
        began = time.monotonic()
        _network.connect(host, port, Deadline(_TIMEOUT), Phases()).close()
        return ok("connection", f"{host}:{port} accepts in {(time.monotonic() - began) * 1000:.0f} ms")

    def _handshake(self) -> Finding:
        connection = Connector(self._origin, connect_timeout=_TIMEOUT).connect(Deadline(_TIMEOUT), Phases())
        try:
            tls = connection.tls()
            if tls is None:
                return ok("TLS", "none: plain http")
            return ok("TLS", _described(tls))
        finally:
            connection.close()

    def _first_hop(self) -> tuple[str, int]:
        """Return the host and port of the proxy, or of the platform where there is none."""
        parts = urlsplit(self._proxy or self._origin)
        return parts.hostname or "", parts.port or _PORTS.get(parts.scheme, 1080)

    def _failure(self, error: Exception) -> Finding:
        failure = connect_error_from(error)
        failure.proxy = self._proxy
        name = {"tls": "TLS", "name": "name", "proxy": "proxy"}.get(failure.kind, "connection")
        remedy = connection_remedy(failure, self._base_url).removeprefix("; ")
        text = connection_text(failure, self._base_url, is_time_up=False)
        return problem(
            name, text, remedy or "check the network, a firewall, the base URL, and whether a proxy is needed"
        )


def _described(tls: TLSStream) -> str:
    from fibonacci._net.tls import trusted_authorities

    certificate = tls.certificate
    expires = str(certificate.get("notAfter", ""))
    days = (ssl.cert_time_to_seconds(expires) - time.time()) / 86400 if expires else 0
    issuer = _organization(certificate.get("issuer", ()))
    return (
        f"{tls.version}; certificate by {issuer}, expires {expires} (in {days:.0f} days);"
        f" trusted authorities: {trusted_authorities()}"
    )


def _organization(name: object) -> str:
    """Return the organization of a distinguished name as `ssl` has it, else its common name."""
    fields = cast("tuple[tuple[tuple[str, str]], ...]", name) if isinstance(name, tuple) else ()
    parts = {key: value for ((key, value),) in fields}
    return parts.get("organizationName") or parts.get("commonName") or "an unnamed authority"
