"""Which hosts are reached without a proxy, besides this machine: those that NO_PROXY names."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network


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
    only_scheme, separator, rest = entry.rpartition("://")
    if separator:
        if only_scheme.lower() != scheme:
            return False
        rest = rest.partition("/")[0]
    if "/" in rest:
        return _is_in_network(host, rest)
    only_host, only_port = _split_port(rest)
    if only_port and only_port != str(port):
        return False
    if only_host == "*":
        return True
    return _is_at_or_below(host, _canonical(only_host.removeprefix("*").lstrip(".")))


def _is_in_network(host: str, network: str) -> bool:
    address = _address(host)
    try:
        # An address of another version is in no network.
        return address is not None and address in ip_network(network.replace("[", "").replace("]", ""), strict=False)
    except ValueError:
        return False


def _split_port(entry: str) -> tuple[str, str]:
    """Return the host without brackets, and the port or nothing."""
    if entry.startswith("["):
        host, _, port = entry[1:].partition("]")
        return host, port.removeprefix(":")
    if entry.count(":") == 1:
        host, _, port = entry.partition(":")
        return host, port
    return entry, ""  # a name, or an IPv6 address


def _is_at_or_below(host: str, domain: str) -> bool:
    address = _address(host)
    if address is not None:
        return address == _address(domain)
    return domain != "" and (host == domain or host.endswith(f".{domain}"))


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
