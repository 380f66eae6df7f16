"""A proxy: its URL, and the user and password for it."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Iterable
from dataclasses import dataclass, field

from fibonacci._core.transport_errors import TransportError
from fibonacci._text import printable_line

# Characters of a proxy's reason that are shown.
_MOST_SHOWN = 200

# Tags, and what is in a style or a script, up to the end of the body where it is not closed.
_MARKUP = rb"<(?:style\b[^<]*(?:<(?!/style>)[^<]*)*|script\b[^<]*(?:<(?!/script>)[^<]*)*|[^<>]*>)"

#: What an error says when the package for SOCKS is missing.
NO_SOCKSIO = "SOCKS proxies need socksio: pip install 'fibonacci-sdk[socks]'"

#: What it says where the proxy speaks SOCKS, and the transport doesn't.
SOCKS_BY_HTTPX = (
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
    authority: str, status: int, reason: bytes, headers: Iterable[tuple[bytes, bytes]], body: bytes = b""
) -> TransportError:
    """Return the error for a proxy that doesn't connect to a server.

    Args:
        authority: The host and port of the server.
        status: The status of the proxy's response to CONNECT.
        reason: What stands next to it.
        headers: The headers; that of Squid says what went wrong.
        body: The beginning of the body, whose first line may say so.
    """
    text = f"the proxy responded to CONNECT {authority} with status {status} {reason.decode('latin-1')}".rstrip()
    said = [value for name, value in headers if name.lower() == b"x-squid-error"]
    lines = re.sub(_MARKUP, b"\n", body).splitlines()
    said += [line for line in lines if line.strip()][:1]
    shown = [" ".join(line.decode("utf-8", "replace").split())[:_MOST_SHOWN] for line in said]
    cause = OSError("; ".join([printable_line(text), *(repr(line) for line in shown)]))
    # A 5xx of a gateway may be temporary; a refusal is not.
    return TransportError("never_sent" if status >= 500 else "proxy", cause)
