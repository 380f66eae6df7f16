"""Routing from a method and a path to a handler, and the patterns that select requests.

The targets of routes are a type parameter: the router doesn't call them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from typing import Final, Generic, TypeVar
from urllib.parse import unquote

from fibonacci.emulator.http.messages import HTTPException, ServerRequest, bad_request, refused

TargetT = TypeVar("TargetT", covariant=True)

API_PREFIX: Final = "v1"
CONTROL_PREFIX: Final = "_emulator"

API_0_2: Final = "/api/v1/"
"""How the paths of the API of fibonacci-sdk 0.2 begin, and the templates of its endpoints."""


class _Route(Generic[TargetT]):
    def __init__(self, template: str, parts: list[str]) -> None:
        self.template: Final = template
        self.parts: Final = parts
        self.targets: Final[dict[str, TargetT]] = {}
        self._fixed = [(place, part) for place, part in enumerate(parts) if part[0] != "{"]
        self._names = [(place, part[1:-1]) for place, part in enumerate(parts) if part[0] == "{"]

    def match(self, segments: Sequence[str]) -> dict[str, str] | None:
        """Return the parameters if the whole path, which has as many segments, matches."""
        for place, part in self._fixed:
            if segments[place] != part:
                return None
        values = {name: segments[place] for place, name in self._names}
        return values if all(values.values()) else None  # an empty id must not reach an object's own endpoint


class Router(Generic[TargetT]):
    """The table of all endpoints under a prefix, and of those of the API of 0.2.

    Args:
        endpoints: Method, path template and target of each endpoint.
        prefix: The first segment of every path, unless the template begins with that of the API of 0.2.

    Attributes:
        prefix: As passed to the constructor.
    """

    def __init__(self, endpoints: Iterable[tuple[str, str, TargetT]], prefix: str = API_PREFIX) -> None:
        self.prefix: Final = prefix
        self._routes: dict[str, _Route[TargetT]] = {}
        self._by_shape: dict[tuple[int, *tuple[str, ...]], list[_Route[TargetT]]] = {}
        for method, template, target in endpoints:
            route = self._routes.get(template)
            if route is None:
                path = template if template.startswith(API_0_2) else f"/{prefix}{template}"
                route = self._routes[template] = _Route(template, path[1:].split("/"))
                self._by_shape.setdefault(_shape(route.parts), []).append(route)
            route.targets[method] = target

    def find(self, method: str, path: str) -> tuple[TargetT, dict[str, str]]:
        """Return what a raw path leads to, and the decoded path parameters by name.

        Args:
            method: The method.
            path: The path, still percent-encoded.

        Raises:
            HTTPException: 400 if the path is not UTF-8, 404 if there is none, 405 if it has only other methods.
        """
        matched = self._match(segments_of(path))
        if matched is None:
            raise refused(404, "not_found", "path", self.unknown(method, path))
        route, values = matched
        if method not in route.targets:
            names = ", ".join(sorted(route.targets))
            message = f"{method} is not allowed here, only {names}."
            raise refused(405, "method_not_allowed", "method", message, {"Allow": names})
        return route.targets[method], values

    def template_of(self, method: str, path: str) -> str | None:
        """Return the template that a method and a raw path match, or `None`."""
        try:
            matched = self._match(segments_of(path))
        except HTTPException:
            return None
        return None if matched is None or method not in matched[0].targets else matched[0].template

    def methods(self, segments: Sequence[str]) -> Sequence[str]:
        """Return the methods of a whole path, or none if the path doesn't exist."""
        matched = self._match(segments)
        return list(matched[0].targets) if matched else []

    def unknown(self, method: str, path: str) -> str:
        """Return the message for an endpoint that does not exist, with the closest ones."""
        shown = path[:100]  # comparing long texts takes long
        is_of_0_2 = shown.startswith(API_0_2)
        start = API_0_2[:-1] if is_of_0_2 else f"/{self.prefix}"
        routes = {"/".join(["", *route.parts]).removeprefix(start): route for route in self._routes.values()}
        below = [path for path, route in routes.items() if route.template.startswith(API_0_2) == is_of_0_2]
        near = get_close_matches(shown.removeprefix(start), below, n=3, cutoff=0.4)
        names = [f"{name} {start}{path}" for path in near for name in routes[path].targets]
        hint = f" Similar ones are: {', '.join(names)}." if names else f" Every path begins with {start}."
        more = " From the API of 0.2, the emulator has workflows, runs, memory and tools." if is_of_0_2 else ""
        return f"There is no {method} {shown}.{hint}{more}"

    def _match(self, segments: Sequence[str]) -> tuple[_Route[TargetT], dict[str, str]] | None:
        for route in self._by_shape.get(_shape(segments), ()):
            values = route.match(segments)
            if values is not None:
                return route, values
        return None


def _shape(parts: Sequence[str]) -> tuple[int, *tuple[str, ...]]:
    """Return what tells most paths apart: the number of segments, and the first two, which are never parameters."""
    return len(parts), *parts[:2]


def segments_of(path: str) -> list[str]:
    """Return the decoded segments of a path. It is split first, so that an encoded slash stays in its segment.

    Raises:
        HTTPException: 400 if the path is not UTF-8.
    """
    if not path.startswith("/"):
        return []  # `*`, or the host and port of a CONNECT
    if "%" not in path:
        return path[1:].split("/")
    try:
        return [unquote(segment, errors="strict") for segment in path[1:].split("/")]
    except UnicodeDecodeError:
        raise bad_request("The path is not percent-encoded UTF-8.", "path") from None


ANY: Final = "*"


class RoutePattern:
    """A method and a path. Either may be `*`.

    A segment in braces matches any segment, whatever its name. Any other matches itself, percent-encoded or not. A
    leading `/v1` is optional. `/api/v1` names the API of 0.2. `*` alone matches every request.

    Args:
        text: The pattern.
        router: The endpoints. The pattern must match one of them, so that a typo is an error.

    Attributes:
        text: The pattern as given.

    Raises:
        ValueError: If it is not a pattern or matches no endpoint. The message names the closest ones.
    """

    def __init__(self, text: str, router: Router[object]) -> None:
        self.text: Final = text
        method, _, path = text.strip().partition(" ")
        path = path.strip()
        if method == ANY and not path:
            path = ANY
        if path != ANY and not path.startswith("/"):
            raise ValueError(
                f"a route must be '*', or a method and a path such as 'GET /workflows/{{id}}', not {text!r}"
            )
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
            return False  # a path that cannot be decoded belongs to no endpoint
        return len(segments) == len(self._parts) and all(map(_segment_matches, self._parts, segments))


def _parts(path: str) -> list[str]:
    try:
        parts = segments_of(path)
    except HTTPException as error:
        raise ValueError(error.message) from None
    return parts if parts[0] == API_PREFIX or path.startswith(API_0_2) else [API_PREFIX, *parts]


def _segment_matches(part: str, segment: str) -> bool:
    return bool(segment) if part.startswith("{") and part.endswith("}") else part == segment
