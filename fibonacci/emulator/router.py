"""From a method and a path to a handler."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Final
from urllib.parse import unquote

from fibonacci.emulator.call import Handler
from fibonacci.emulator.errors import ApiError, bad_request, method_not_allowed

PREFIX: Final = "v1"


@dataclass(slots=True)
class _Route:
    template: str
    parts: list[str]
    handlers: dict[str, Handler]

    def match(self, segments: list[str]) -> dict[str, str] | None:
        """Return the parameters when the path fits."""
        values: dict[str, str] = {}
        for part, segment in zip(self.parts, segments, strict=True):
            if part[0] == "{":
                if not segment:
                    return None  # an empty id must not reach an object's own endpoint
                values[part[1:-1]] = segment
            elif part != segment:
                return None
        return values


class Router:
    """The table of all endpoints."""

    def __init__(self, endpoints: Iterable[tuple[str, str, Handler]]) -> None:
        self._routes: dict[str, _Route] = {}
        self._by_shape: dict[tuple[int, str], list[_Route]] = {}
        for method, template, handler in endpoints:
            route = self._routes.get(template)
            if route is None:
                route = self._routes[template] = _Route(template, template[1:].split("/"), {})
                self._by_shape.setdefault((len(route.parts), route.parts[0]), []).append(route)
            route.handlers[method] = handler

    def find(self, method: str, path: str) -> tuple[Handler, dict[str, str]]:
        """Find the handler of a raw path.

        Args:
            method: The method.
            path: The path, still percent-encoded.

        Returns:
            The handler and the decoded parameters of the path.

        Raises:
            ApiError: 400 for a path that is not UTF-8, 404 for one that is not there, 405 for another method.
        """
        segments = _segments(path)
        if segments[:1] == [PREFIX] and len(segments) > 1:
            for route in self._by_shape.get((len(segments) - 1, segments[1]), ()):
                values = route.match(segments[1:])
                if values is not None:
                    if method not in route.handlers:
                        raise method_not_allowed(method, list(route.handlers))
                    return route.handlers[method], values
        raise self._unknown(method, path)

    def _unknown(self, method: str, path: str) -> ApiError:
        shown = path[:100]  # comparing long texts takes long
        near = get_close_matches(shown.removeprefix(f"/{PREFIX}"), self._routes, n=3, cutoff=0.4)
        names = [f"{name} /{PREFIX}{template}" for template in near for name in self._routes[template].handlers]
        hint = f" Near it are: {', '.join(names)}." if names else f" Every path begins with /{PREFIX}."
        return ApiError(404, "not_found", f"There is no {method} {shown}.{hint}")


def _segments(path: str) -> list[str]:
    """Split first and decode then, so that an encoded slash stays inside its segment."""
    if not path.startswith("/"):
        return []  # `*`, or the host and port of a CONNECT
    if "%" not in path:
        return path[1:].split("/")
    try:
        return [unquote(segment, errors="strict") for segment in path[1:].split("/")]
    except UnicodeDecodeError:
        raise bad_request("The path is not percent-encoded UTF-8.") from None
