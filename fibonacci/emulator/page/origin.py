"""Which requests come from the page itself, and not from another site that the developer visits."""

from __future__ import annotations

from urllib.parse import urlsplit

from fibonacci.emulator.http.messages import ServerRequest


def is_from_page(request: ServerRequest) -> bool:
    """Return whether a browser says that a request comes from the page's own origin.

    Every browser says so of a form that it posts; a request without such a header is refused.
    """
    origin, site = request.headers.get("origin"), request.headers.get("sec-fetch-site")
    if origin is None and site is None:
        return False
    return site in (None, "same-origin") and (origin is None or _host(origin) == request.headers.get("host"))


def _host(origin: str) -> str | None:
    """Return the host and port of an origin; `None` if it has none, such as `null`."""
    try:
        return urlsplit(origin).netloc or None
    except ValueError:
        return None
