"""Who is signed in. A session is a random token in a cookie: it says nothing of the key, and a restart ends it."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from fibonacci.emulator.http.messages import ServerRequest

_MOST: Final = 100
"""The largest number of sessions; the oldest are dropped first."""


@dataclass(frozen=True, slots=True)
class Flash:
    """What the page that follows an action says about it.

    Attributes:
        message: What was done, or why not.
        is_error: Whether it was not done.
        entered: What was entered into the form, by the names of its fields: it is shown again after an error.
    """

    message: str
    is_error: bool = False
    entered: Mapping[str, str] = field(default_factory=dict[str, str])


class PageSession:
    """One browser that is signed in.

    Attributes:
        flash: What the next page says.
    """

    def __init__(self) -> None:
        self.flash: Flash | None = None

    def take_flash(self) -> Flash | None:
        """Return what the next page says, and remove it."""
        flash, self.flash = self.flash, None
        return flash


class Sessions:
    """The sessions of one emulator; safe to use from many threads."""

    def __init__(self) -> None:
        self._by_token: dict[str, PageSession] = {}
        self._lock = threading.Lock()

    def find(self, request: ServerRequest) -> PageSession | None:
        """Return the session of a request; `None` if it has none."""
        return self._by_token.get(_token(request) or "")

    def begin(self, request: ServerRequest) -> tuple[str, str]:
        """Begin a session; return the header that sets its cookie."""
        token = secrets.token_urlsafe(32)
        with self._lock:
            self._by_token[token] = PageSession()
            while len(self._by_token) > _MOST:
                del self._by_token[next(iter(self._by_token))]
        return _cookie(request, token)

    def end(self, request: ServerRequest) -> tuple[str, str]:
        """End the session of a request; return the header that removes its cookie."""
        with self._lock:
            self._by_token.pop(_token(request) or "", None)
        return _cookie(request, "", "; Max-Age=0")


def _cookie(request: ServerRequest, token: str, more: str = "") -> tuple[str, str]:
    return "Set-Cookie", f"{_name(request)}={token}; HttpOnly; SameSite=Strict; Path=/{more}"


def _name(request: ServerRequest) -> str:
    """Return the name of the cookie, with the port: the browser sends the cookies of all ports of a host."""
    port = request.headers.get("host", "").rpartition(":")[2]
    return f"fibonacci-session-{port}" if port.isdecimal() and port.isascii() else "fibonacci-session"


def _token(request: ServerRequest) -> str | None:
    own = _name(request)
    # Not by http.cookies: the time for a value with many escapes grows with their square.
    cookies = (cookie.partition("=") for cookie in request.headers.get("cookie", "").split(";"))
    return next((token.strip() for name, _, token in cookies if name.strip() == own), None)
