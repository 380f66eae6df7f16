"""A proxy: its URL, and the user and password for it."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import dataclass, field

#: What an error says when the package for SOCKS is missing.
NO_SOCKSIO = "SOCKS proxies need socksio: pip install 'fibonacci-sdk[socks]'"


@dataclass(frozen=True, slots=True)
class Proxy:
    """A proxy.

    Attributes:
        url: Its URL, without user and password.
        auth: Its user and password; None when it needs none.
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
