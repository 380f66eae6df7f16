"""Signing in: with the owner's key, for the page shows everything."""

from __future__ import annotations

from typing import Final

from fibonacci.emulator.account.auth import ApiKeys
from fibonacci.emulator.http.errors import HTTPException, unauthorized
from fibonacci.emulator.page.html import Content, h

HOME: Final = "/"
SIGN_IN: Final = "/ui/sign-in"
SIGN_OUT: Final = "/ui/sign-out"


def refusal_of(key: str, keys: ApiKeys) -> HTTPException | None:
    """Return why a key does not sign in; `None` if it does."""
    if keys.is_owner(key):
        return None
    if not key:
        return unauthorized("Enter the owner's key.")
    actor = keys.find(key)
    if actor is None:
        return unauthorized("This key is not known to this emulator.")
    message = f"This is the key of the role {actor.role}. The page shows everything: it takes the owner's key."
    return HTTPException(403, "permission_denied", message)


def sign_in_page(back: str, refusal: str | None = None) -> Content:
    """Return the form.

    Args:
        back: The page to show next.
        refusal: Why the last key was refused.
    """
    return h.form(
        h.h1("Sign in"),
        None if refusal is None else h.p(refusal, class_="flash error", role="alert", id="refusal"),
        # A password manager stores the key under this name; nobody enters it.
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
        h.p(
            "It is the key that the emulator printed when it started (",
            h.code("FIBONACCI_API_KEY"),
            "), or ",
            h.code("emulator.api_key"),
            " in Python.",
            id="hint",
            class_="note",
        ),
        method="post",
        action=SIGN_IN,
        id="sign-in",
    )
