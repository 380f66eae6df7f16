"""Signing in with the owner's key, because the page shows everything, and sessions."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import Final

from fibonacci.emulator.account import ApiKeys
from fibonacci.emulator.http.messages import HTTPException, ServerRequest, unauthorized
from fibonacci.emulator.page.context import NO_FLASH, Flash
from fibonacci.emulator.page.html import Content, h


@dataclass
class PageSession:
    """One browser that is signed in.

    Attributes:
        flash: What the next page says.
    """

    flash: Flash = NO_FLASH


class Sessions:
    """The sessions of one emulator, safe to use from many threads."""

    def __init__(self) -> None:
        self._by_token: dict[str, PageSession] = {}

    def find(self, request: ServerRequest) -> PageSession | None:
        """Return the session of a request, or `None` if it has none."""
        return self._by_token.get(_token(request) or "")

    def begin(self, request: ServerRequest) -> tuple[str, str]:
        """Begin a session, and return the header that sets its cookie."""
        token = secrets.token_urlsafe(32)
        self._by_token[token] = PageSession()
        return _cookie(request, token)

    def end(self, request: ServerRequest) -> tuple[str, str]:
        """End the session of a request, and return the header that removes its cookie."""
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


HOME: Final = "/"
SIGN_IN: Final = "/ui/sign-in"
SIGN_OUT: Final = "/ui/sign-out"


def refusal_of(key: str, keys: ApiKeys) -> HTTPException | None:
    """Return why a key can't sign in, or `None` if it can."""
    if keys.is_owner(key):
        return None
    actor = keys.find(key)
    if actor is None:
        return unauthorized("This emulator doesn't know this key.")
    message = f"This key has the role {actor.role}. The page shows everything, so it needs the owner's key."
    return HTTPException(403, "permission_denied", message)


def sign_in_page(back: str, refusal: str | None = None) -> Content:
    """Return the form.

    Args:
        back: The page to show next.
        refusal: Why the last key was refused.
    """
    printed, hint = "The emulator printed this key when it started (", {"id": "hint", "class_": "note"}
    return h.form(
        h.h1("Sign in"),
        None if refusal is None else h.p(refusal, class_="flash error", role="alert", id="refusal"),
        # A password manager stores the key under this name, which nobody enters.
        h.input(type="text", name="username", value="owner", autocomplete="username", hidden=True),
        h.label("Owner's key", for_="key"),
        h.input(
            type="password",
            id="key",
            name="key",
            required=True,
            autofocus=True,
            autocomplete="current-password",
            spellcheck="false",
            aria_describedby="hint" if refusal is None else "refusal hint",
            aria_invalid=None if refusal is None else "true",
        ),
        h.input(type="hidden", name="back", value=back),
        h.button("Sign in", class_="primary"),
        h.p(printed, h.code("FIBONACCI_API_KEY"), "). In Python, it is ", h.code("emulator.api_key"), ".", **hint),
        method="post",
        action=SIGN_IN,
        id="sign-in",
    )
