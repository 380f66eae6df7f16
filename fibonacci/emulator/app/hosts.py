"""Which hosts an emulator answers to: DNS rebinding makes a foreign page's host name lead to loopback.

Such a page sends its own name in `Host`, and its browser takes the response for one of the page's own server.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Sequence
from typing import Final, NamedTuple

from fibonacci.emulator.http.errors import Detail, HTTPException, bad_request

_AUTHORITY: Final = re.compile(
    r"(?:\[(?P<v6>[0-9A-Fa-f:.]+(?:%[A-Za-z0-9._~-]+)?)\]|(?P<name>[A-Za-z0-9._-]+))(?::(?P<port>[0-9]{0,5}))?"
)
_NAME: Final = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9._-]{0,251}[A-Za-z0-9_])?")
_LONGEST: Final = 300  # of a host's name and a port
_MANY: Final = 1_000  # accepted values in the cache, which is cleared beyond that

_Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class HostPort(NamedTuple):
    """A host and a port.

    Attributes:
        host: The name in lower case, or the address as `ipaddress` writes it, without brackets.
        port: The port; `None` if there is none.
    """

    host: str
    port: int | None


def read_authority(text: str) -> HostPort | None:
    """Return the host and the port of a text such as `localhost:8787` or `[::1]`; `None` if it is malformed."""
    found = _AUTHORITY.fullmatch(text)
    if found is None or len(text) > _LONGEST:
        return None
    literal, name, port = found["v6"], found["name"], found["port"]
    if literal is not None and (":" not in literal or _address_of(literal) is None):
        return None
    number = int(port) if port else None
    return None if number is not None and number > 65_535 else HostPort(_normal(literal or name), number)


def is_loopback(host: str) -> bool:
    """Return whether only this machine can reach a host: `localhost`, a name below it, or an address of loopback."""
    address = _address_of(host)
    return _is_local_name(_normal(host)) if address is None else address.is_loopback


class Hosts:
    """The hosts that an emulator answers to, with any port.

    They are those of loopback, the one that it listens on, and the named ones; any address, if it listens on all of the
    machine's.

    Args:
        listens_on: The address or name that it listens on.
        named: Further names and addresses.

    Raises:
        ValueError: If one of the names is not a host's.
    """

    def __init__(self, listens_on: str = "127.0.0.1", named: Sequence[str] = ()) -> None:
        self._named = frozenset({_normal(listens_on), *map(_named_host, one_by_one("allowed_hosts", named))})
        own = _address_of(listens_on)
        self._takes_any_address = not listens_on or (own is not None and own.is_unspecified)
        self._accepted: set[str] = set()

    @property
    def remembered(self) -> int:
        """How many accepted values of `Host` are in the cache."""
        return len(self._accepted)

    def check(self, host_header: str) -> None:
        """Check the `Host` of a request; a value that was accepted before costs next to nothing.

        Raises:
            HTTPException: 400 if it is malformed, 403 if it is another host.
        """
        if host_header in self._accepted:
            return
        authority = read_authority(host_header)
        if authority is None:
            raise bad_request("The header Host is not a host with or without a port.", "Host")
        if not self._takes(authority.host):
            raise _not_allowed(authority.host)
        if len(self._accepted) >= _MANY:
            self._accepted.clear()
        self._accepted.add(host_header)

    def _takes(self, host: str) -> bool:
        address = _address_of(host)
        if host in self._named:
            return True
        return _is_local_name(host) if address is None else address.is_loopback or self._takes_any_address


def one_by_one(argument: str, values: Sequence[str]) -> Sequence[str]:
    """Return the values of an argument that takes several; a single text would be taken letter by letter.

    Raises:
        TypeError: If it is a single text.
    """
    if isinstance(values, str):
        raise TypeError(f"{argument} is a list of texts, such as [{values!r}], not one text")
    return values


def _named_host(name: str) -> str:
    if _NAME.fullmatch(name) or _address_of(name) is not None:
        return _normal(name)
    raise ValueError(
        f"allowed_hosts has names and addresses as they stand in a URL, without scheme, port and path, such as "
        f"'fibonacci.test', not {name!r}"
    )


def _is_local_name(name: str) -> bool:
    return name == "localhost" or name.endswith(".localhost")


def _normal(host: str) -> str:
    address = _address_of(host)
    return host.lower().removesuffix(".") if address is None else str(address)


def _address_of(host: str) -> _Address | None:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address


def _not_allowed(host: str) -> HTTPException:
    message = (
        f"The host {host!r} is not one that this emulator answers to. If it is yours, name it: "
        f"Emulator(allowed_hosts=[{host!r}]) or --allowed-host {host}."
    )
    return HTTPException(403, "host_not_allowed", message, [Detail("Host", message)])
