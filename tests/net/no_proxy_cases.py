"""What NO_PROXY means: 51 cases, beside what httpx 0.28, requests 2.34 and curl 8.14 do.

Where these three differ from each other or from this SDK, the last column says why it does what it does. A connection
that goes through a proxy although the user wanted it to be direct shows the proxy the host and, with plain http, the
key; so an entry that can be understood is honored.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

Route = Literal["direct", "proxied", "refused"]
"""How a request goes; `refused` when the client raises an error over NO_PROXY and sends nothing."""

D: Route = "direct"
P: Route = "proxied"
R: Route = "refused"


class NoProxyCase(NamedTuple):
    """A value of NO_PROXY, a URL, and how each client reaches it when all of its proxy variables are set."""

    no_proxy: str
    url: str
    ours: Route
    httpx: Route
    requests: Route
    curl: Route
    why: str = ""


_ANY_ENTRY = "an entry means the same wherever it stands"
_PORT = "a port is a part of every kind of entry"
_ROOT = "a dot at the end is the root of all names, not another name"
_APEX = "users write `.example.com` for the whole domain, as requests and curl read it"
_STAR = "users write `*.example.com` for the same as `.example.com`"
_SCHEME = "an entry with a scheme is a URL, as httpx reads it"
_NETWORK = "requests and curl know networks"
_BRACKETS = "URLs have IPv6 addresses in brackets, so users copy them so"
_SAME_ADDRESS = "the spelling of an address does not matter"
_LOOPBACK = "a proxy cannot reach this machine, and would read the key of a plain http request"

CASES = [
    # Everything
    NoProxyCase("", "https://api.example.com", P, P, P, P),
    NoProxyCase("*", "https://api.example.com", D, D, D, D),
    NoProxyCase("other.test,*", "https://api.example.com", D, D, P, P, _ANY_ENTRY),
    NoProxyCase("*:8443", "https://api.example.com:8443", D, P, P, P, _PORT),
    # Names
    NoProxyCase("example.com", "https://example.com", D, D, D, D),
    NoProxyCase("example.com", "https://api.example.com", D, D, D, D),
    NoProxyCase("example.com", "https://badexample.com", P, P, P, P),
    NoProxyCase("example.com", "https://example.com.evil.test", P, P, P, P),
    NoProxyCase("com", "https://example.com", D, D, D, D),
    NoProxyCase("example.com", "https://API.Example.com", D, D, D, D),
    NoProxyCase("Example.COM", "https://api.example.com", D, D, D, D),
    NoProxyCase("example.com.", "https://example.com", D, P, P, D, _ROOT),
    NoProxyCase("example.com", "https://example.com.", D, P, P, D, _ROOT),
    NoProxyCase(".example.com", "https://api.example.com", D, D, D, D),
    NoProxyCase(".example.com", "https://example.com", D, P, D, D, _APEX),
    NoProxyCase("*.example.com", "https://api.example.com", D, P, P, P, _STAR),
    NoProxyCase("*.example.com", "https://example.com", D, P, P, P, _STAR),
    NoProxyCase("api.*.com", "https://api.example.com", P, P, P, P),
    NoProxyCase("bücher.example", "https://xn--bcher-kva.example", D, R, P, P, "both spell the same name"),
    # Several entries
    NoProxyCase("api.example.com,other.test", "https://other.test", D, D, D, D),
    NoProxyCase("api.example.com, other.test", "https://other.test", D, D, D, D),
    NoProxyCase("api.example.com other.test", "https://other.test", D, P, P, P, "no entry has a space in it"),
    NoProxyCase(", ,other.test,", "https://other.test", D, D, D, D),
    # Ports
    NoProxyCase("example.com:443", "https://example.com", D, P, P, P, "443 is the port of this URL"),
    NoProxyCase("example.com:8443", "https://example.com", P, P, P, P),
    NoProxyCase("example.com:8443", "https://example.com:8443", D, D, D, P, _PORT),
    NoProxyCase(".example.com:8443", "https://api.example.com:8443", D, D, D, P, _PORT),
    NoProxyCase("example.com:https", "https://example.com", P, R, P, P, "an entry that means nothing is skipped"),
    # Schemes
    NoProxyCase("https://api.example.com", "https://api.example.com", D, D, P, P, _SCHEME),
    NoProxyCase("http://api.example.com", "https://api.example.com", P, P, P, P),
    NoProxyCase("https://example.com", "https://api.example.com", D, P, P, P, "it names a domain as without a scheme"),
    NoProxyCase("https://api.example.com:8443", "https://api.example.com:8443", D, D, P, P, _SCHEME),
    # Addresses and networks
    NoProxyCase("10.1.2.3", "https://10.1.2.3", D, D, D, D),
    NoProxyCase("10.1.2.3", "https://10.1.2.30", P, P, P, P),
    NoProxyCase("2.3", "https://10.1.2.3", P, D, D, P, "the end of an address is no domain"),
    NoProxyCase("10.1.2.3:8443", "https://10.1.2.3:8443", D, D, P, P, _PORT),
    NoProxyCase("10.0.0.0/8", "https://10.1.2.3", D, P, D, D, _NETWORK),
    NoProxyCase("10.0.0.0/8", "https://11.1.2.3", P, P, P, P),
    NoProxyCase("10.1.2.3/8", "https://10.9.9.9", D, P, D, D, _NETWORK),
    NoProxyCase("10.0.0.0/8", "https://api.example.com", P, P, P, P),
    NoProxyCase("10.1.2.3", "https://[::ffff:10.1.2.3]", D, P, P, P, _SAME_ADDRESS),
    NoProxyCase("fd00::1", "https://[fd00::1]", D, D, D, D),
    NoProxyCase("FD00:0::1", "https://[fd00::1]", D, P, P, P, _SAME_ADDRESS),
    NoProxyCase("[fd00::1]", "https://[fd00::1]", D, R, P, P, _BRACKETS),
    NoProxyCase("[fd00::1]:8443", "https://[fd00::1]:8443", D, R, P, P, _BRACKETS),
    NoProxyCase("[fd00::1]:8443", "https://[fd00::1]", P, R, P, P, _PORT),
    NoProxyCase("fd00::/8", "https://[fd00::1]", D, R, P, P, "a network of IPv6 is one as well"),
    # This machine
    NoProxyCase("", "http://127.0.0.1", D, P, P, P, _LOOPBACK),
    NoProxyCase("", "http://localhost", D, P, P, P, _LOOPBACK),
    NoProxyCase("", "http://app.localhost", D, P, P, P, _LOOPBACK),
    NoProxyCase("", "https://[::1]", D, P, P, P, _LOOPBACK),
]
