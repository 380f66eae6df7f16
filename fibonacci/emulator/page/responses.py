"""Responses of the page, with the headers that each of them has."""

from __future__ import annotations

from typing import Final

from fibonacci.emulator.http.messages import ServerResponse

_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_PICTURE_POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'; sandbox"
"""A picture has its style sheet inside, and nothing else: it can neither run a script nor load anything."""

_FIXED: Final = [
    ("X-Content-Type-Options", "nosniff"),
    # Not `no-referrer`: with it browsers send `Origin: null` with the page's own forms.
    ("Referrer-Policy", "same-origin"),
    ("Cross-Origin-Opener-Policy", "same-origin"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
    ("Cache-Control", "no-store"),
]


def html(body: bytes, status: int = 200, *headers: tuple[str, str]) -> ServerResponse:
    """Return a document."""
    return file("text/html; charset=utf-8", body, status, *headers)


def redirect(target: str, *headers: tuple[str, str]) -> ServerResponse:
    """Return the redirection to a page, to be read with `GET`."""
    return html(b"", 303, ("Location", target), *headers)


def picture(svg: str) -> ServerResponse:
    """Return an SVG picture, whose frame is that of the page."""
    unframed = svg.replace('<rect class="fib-card"', '<rect class="fib-card" style="stroke:none"', 1)
    return file("image/svg+xml", unframed.encode("utf-8", "xmlcharrefreplace"), policy=_PICTURE_POLICY)


def file(
    content_type: str, body: bytes, status: int = 200, *headers: tuple[str, str], policy: str = _POLICY
) -> ServerResponse:
    """Return a response with a body, such as a script or a style sheet."""
    described = [("Content-Type", content_type), ("Content-Length", str(len(body)))]
    return ServerResponse(status, [*described, *_FIXED, ("Content-Security-Policy", policy), *headers], body)
