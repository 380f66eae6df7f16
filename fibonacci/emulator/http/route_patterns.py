"""Route patterns such as `POST /workflows/{id}/execute`, which select requests."""

from __future__ import annotations

from typing import Final

from fibonacci.emulator.http.errors import HTTPException
from fibonacci.emulator.http.messages import ServerRequest
from fibonacci.emulator.http.router import API_0_2, API_PREFIX, Router, segments_of

ANY: Final = "*"


class RoutePattern:
    """A method and a path, either of which may be `*`.

    A segment in braces matches any segment, whatever its name; any other matches itself, percent-encoded or not. A
    leading `/v1` is optional; `/api/v1` names the API of 0.2. `*` alone matches every request.

    Args:
        text: The pattern.
        router: The endpoints. The pattern must match one of them, so that a typo is an error.

    Attributes:
        text: The pattern as given.

    Raises:
        ValueError: If it is not a pattern or matches no endpoint; the message names the closest ones.
    """

    def __init__(self, text: str, router: Router[object]) -> None:
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
            methods = router.methods(self._parts)
            if not methods or self._method not in (ANY, *methods):
                raise ValueError(router.unknown(method, path))

    def matches(self, request: ServerRequest) -> bool:
        """Return whether the pattern selects a request."""
        if self._method not in (ANY, request.method):
            return False
        if self._parts is None:
            return True
        try:
            segments = segments_of(request.target.partition("?")[0])
        except HTTPException:
            return False  # a path that cannot be decoded is no endpoint's
        return len(segments) == len(self._parts) and all(map(_segment_matches, self._parts, segments))


def _parts(path: str) -> list[str]:
    try:
        parts = segments_of(path)
    except HTTPException as error:
        raise ValueError(error.message) from None
    return parts if parts[0] == API_PREFIX or path.startswith(API_0_2) else [API_PREFIX, *parts]


def _segment_matches(part: str, segment: str) -> bool:
    return bool(segment) if part.startswith("{") and part.endswith("}") else part == segment
