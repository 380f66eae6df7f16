"""Which pages of a browser may call an emulator: its own, and those of the origins that are named.

A browser adds `Origin` to what a page sends, and shows the response to a page of another origin only if CORS headers
allow it. What is sent is carried out all the same: so a foreign origin is refused before anything changes.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Final

from fibonacci.emulator.app.control import CONTROL_PREFIX
from fibonacci.emulator.app.hosts import Hosts, one_by_one, read_authority
from fibonacci.emulator.http.errors import Detail, HTTPException
from fibonacci.emulator.http.messages import ServerRequest, ServerResponse
from fibonacci.emulator.http.router import API_0_2, API_PREFIX

SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
"""The methods that change nothing."""

_ORIGIN: Final = re.compile(r"(?P<scheme>https?)://(?P<authority>[^/?#@]+)")
_DEFAULT_PORTS: Final = {"http": 80, "https": 443}
_APIS: Final = (f"/{API_PREFIX}/", API_0_2, f"/{CONTROL_PREFIX}/")
_METHODS: Final = "GET, POST, PUT, PATCH, DELETE"
_EXPOSED: Final = "X-Request-Id, X-RateLimit-Limit, X-RateLimit-Remaining, X-RateLimit-Reset, Retry-After"
_HEADER_NAMES: Final = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~, -]{1,2000}")
_PREFLIGHT_SECONDS: Final = 600
_OWN_PAGE: Final = frozenset({"same-origin", "none"})  # of Sec-Fetch-Site; `none` is the user, not a page
_LONGEST: Final = 300  # of a host's name, a scheme and a port


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

        Without `Host` it comes from this process: every connection requires one.

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
        """Check that a page of the emulator's own address has sent a form, behind a proxy with TLS or not.

        A browser says so of every form. That of a named origin is refused: it would have the session of the page.

        Raises:
            HTTPException: 403 if it was sent by anything else.
        """
        origin, host = request.headers.get("origin"), request.headers.get("host", "")
        site = request.headers.get("sec-fetch-site")
        own = {_normal(f"{scheme}://{host}") for scheme in _DEFAULT_PORTS} - {None}
        is_foreign = origin is not None and _normal(origin) not in own
        if is_foreign or site not in (None, "same-origin") or (origin is None and site is None):
            message = "This form was not sent by the page itself: open the page in a browser and send it there."
            raise HTTPException(403, "origin_not_allowed", message, [Detail("Origin", message)])

    def preflight(self, request: ServerRequest) -> ServerResponse | None:
        """Return the response to a preflight request of a named origin; `None` to any other request."""
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
        """Return the headers by which a browser shows the response to a page of a named origin, and to no other."""
        if not self._named:
            return []
        headers = [("Vary", "Origin")]
        if self._may_read(request):
            headers.append(("Access-Control-Allow-Origin", request.headers["origin"]))
            headers.append(("Access-Control-Expose-Headers", _EXPOSED))
        return headers

    def _may_read(self, request: ServerRequest) -> bool:
        origin = request.headers.get("origin")
        return origin is not None and request.target.startswith(_APIS) and _normal(origin) in self._named

    def _check_origin(self, origin: str, host: str | None) -> None:
        normal = _normal(origin)
        own = None if host is None else _normal(f"http://{host}")
        if normal is None or (normal != own and normal not in self._named):
            raise _foreign(f"the origin {origin[:200]!r}", None if normal is None else origin)


def _named_origin(origin: str) -> str:
    normal = _normal(origin)
    if normal is None:
        raise ValueError(
            f"origins has origins as a browser sends them, http or https, a host and perhaps a port, without a path, "
            f"such as 'http://localhost:5173', not {origin!r}"
        )
    return normal


def _normal(origin: str) -> str | None:
    """Return an origin in lower case and without the default port; `None` if it is none, or `null`."""
    return _read_origin(origin) if len(origin) <= _LONGEST else None


@lru_cache(maxsize=256)  # reading one takes 10 µs, and most requests have the same
def _read_origin(origin: str) -> str | None:
    found = _ORIGIN.fullmatch(origin)
    authority = None if found is None else read_authority(found["authority"])
    if found is None or authority is None:
        return None
    scheme, (host, port) = found["scheme"], authority
    return f"{scheme}://{host}:{_DEFAULT_PORTS[scheme] if port is None else port}"


def _foreign(what: str, origin: str | None) -> HTTPException:
    remedy = "" if origin is None else f" If it is yours, name it: Emulator(origins=[...]) or --origin {origin}."
    message = f"The request comes from {what}, which may not change anything in this emulator.{remedy}"
    return HTTPException(403, "origin_not_allowed", message, [Detail("Origin", message)])
