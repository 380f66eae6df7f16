"""Patterns such as `POST /workflows/{id}/execute`, by which failures are ordered and requests are looked up."""

from __future__ import annotations

from typing import Final

from fibonacci.emulator.http.errors import HTTPException
from fibonacci.emulator.http.messages import ServerRequest
from fibonacci.emulator.http.router import PREFIX, Router, segments_of

ANY: Final = "*"


class RoutePattern:
    """A method and a path, either of which may be `*`.

    A segment in braces fits anything, whatever its name; any other fits itself, percent-encoded or not. A leading `/v1`
    may be left out. `*` alone is every request.

    Attributes:
        text: The pattern as it was given.
    """

    def __init__(self, text: str, router: Router) -> None:
        """Read a pattern.

        Args:
            text: The pattern.
            router: The endpoints; one of them must fit, so that a misspelt pattern is not one that never fits.

        Raises:
            ValueError: When it is not a pattern, or fits no endpoint; the message names the nearest ones.
        """
        self.text: Final = text
        method, _, path = text.strip().partition(" ")
        path = path.strip()
        if method == ANY and not path:
            path = ANY
        if path != ANY and not path.startswith("/"):
            raise ValueError(f"a route is '*', or a method and a path such as 'GET /workflows/{{id}}', not {text!r}")
        self._method: Final = method.upper()
        self._parts: Final = None if path == ANY else _parts(path)
        if self._parts is not None:
            methods = router.methods(self._parts[1:])
            if not methods or self._method not in (ANY, *methods):
                raise ValueError(router.unknown(method, path))

    def matches(self, request: ServerRequest) -> bool:
        """Tell whether a request is one of those."""
        if self._method not in (ANY, request.method):
            return False
        if self._parts is None:
            return True
        try:
            segments = segments_of(request.target.partition("?")[0])
        except HTTPException:
            return False  # a path that cannot be read is none of the endpoints
        return len(segments) == len(self._parts) and all(map(_fits, self._parts, segments))


def _parts(path: str) -> list[str]:
    try:
        parts = segments_of(path)
    except HTTPException as error:
        raise ValueError(error.message) from None
    return parts if parts[0] == PREFIX else [PREFIX, *parts]


def _fits(part: str, segment: str) -> bool:
    return bool(segment) if part.startswith("{") and part.endswith("}") else part == segment
