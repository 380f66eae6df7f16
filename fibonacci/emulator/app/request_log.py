"""The record of what was asked: every request under `/v1` with the status that it got."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple
from urllib.parse import parse_qsl

from fibonacci.emulator.http.bodies import read_json
from fibonacci.emulator.http.errors import HTTPException
from fibonacci.emulator.http.messages import ServerRequest
from fibonacci.emulator.http.route_patterns import RoutePattern
from fibonacci.emulator.http.router import PREFIX, Router

KEPT_REQUESTS: Final = 10_000
"""How many requests are kept; the oldest are forgotten first."""

KEPT_BYTES: Final = 16 * 1024 * 1024
"""How large the bodies of all kept requests may be together."""


@dataclass(frozen=True, slots=True)
class RecordedRequest:
    """One request that the emulator got.

    Attributes:
        method: The method.
        path: The path as it was sent, percent-encoded, without `/v1` and without the query.
        template: The endpoint, such as `/workflows/{workflow_id}`; `None` when there is none.
        query: The parameters of the query; the last of several with the same name.
        headers: Values by lower-case name, without the one that holds the key.
        json: The body; `None` when there is none, or none that the emulator can read.
        status: The status of the answer; `None` when an ordered failure let none out.
        time: When it came, in Unix seconds of the emulator's clock.
    """

    method: str
    path: str
    template: str | None
    query: Mapping[str, str]
    headers: Mapping[str, str]
    json: Any
    status: int | None
    time: float


class _Entry(NamedTuple):
    request: ServerRequest
    status: int | None
    time: float


class RequestLog:
    """Keeps requests as they came; what a record shows is worked out when somebody looks."""

    def __init__(self, router: Router) -> None:
        self.router: Final = router
        self._entries: deque[_Entry] = deque()
        self._bytes = 0
        self._lock = threading.Lock()

    def add(self, request: ServerRequest, status: int | None, time: float) -> None:
        """Keep one request, and forget the oldest ones when there are too many."""
        with self._lock:
            self._entries.append(_Entry(request, status, time))
            self._bytes += len(request.body)
            while len(self._entries) > KEPT_REQUESTS or self._bytes > KEPT_BYTES:
                self._bytes -= len(self._entries.popleft().request.body)

    def matching(self, pattern: RoutePattern | None) -> list[_Entry]:
        """Return what fits a pattern, the oldest first."""
        with self._lock:
            entries = list(self._entries)
        return entries if pattern is None else [entry for entry in entries if pattern.matches(entry.request)]

    def forget(self, pattern: RoutePattern | None) -> None:
        """Forget what fits a pattern."""
        with self._lock:
            kept = () if pattern is None else [entry for entry in self._entries if not pattern.matches(entry.request)]
            self._entries = deque(kept)
            self._bytes = sum(len(entry.request.body) for entry in self._entries)


class Requests:
    """The requests that an emulator got, or those to one endpoint: a live view, the oldest first.

    Requests of the control API are not among them. The last 10,000 are kept.

    Example:
        >>> from fibonacci.emulator import Emulator
        >>> emulator = Emulator()
        >>> workflow = emulator.client().workflows.create(name="Greeter")
        >>> emulator.requests.to("POST /workflows").last.json
        {'name': 'Greeter'}
        >>> emulator.requests.to("DELETE /workflows/{id}").count
        0
    """

    def __init__(self, log: RequestLog, pattern: RoutePattern | None = None) -> None:
        self._log = log
        self._pattern = pattern

    def to(self, route: str) -> Requests:
        """Return those to one endpoint.

        Args:
            route: A method and a path, such as `POST /workflows/{id}/execute` or `* /workflows/wf-1`, or `*`.

        Returns:
            A view of those alone; to narrow a view that is narrow already starts again from all requests.

        Raises:
            ValueError: When no endpoint fits the route; the message names the nearest ones.
        """
        return Requests(self._log, RoutePattern(route, self._log.router))

    @property
    def count(self) -> int:
        """How many there are."""
        return len(self)

    @property
    def last(self) -> RecordedRequest:
        """The newest one.

        Raises:
            LookupError: When there is none; the message says what came instead.
        """
        return self[-1]

    def newest(self, number: int) -> list[RecordedRequest]:
        """Return the last so many, the oldest of them first."""
        return [_shown(entry, self._log.router) for entry in self._log.matching(self._pattern)[-number:]]

    def clear(self) -> None:
        """Forget them."""
        self._log.forget(self._pattern)

    def __len__(self) -> int:
        return len(self._log.matching(self._pattern))

    def __iter__(self) -> Iterator[RecordedRequest]:
        return (_shown(entry, self._log.router) for entry in self._log.matching(self._pattern))

    def __getitem__(self, index: int) -> RecordedRequest:
        entries = self._log.matching(self._pattern)
        try:
            return _shown(entries[index], self._log.router)
        except IndexError:
            raise IndexError(f"there is no request {index} among {self!r}") from None

    def __repr__(self) -> str:
        if self._pattern is None:
            return f"<{len(self)} requests>"
        others = [f"{entry.request.method} {entry.request.target}" for entry in self._log.matching(None)[-3:]]
        came = f"; the last of all were {', '.join(others)}" if others else "; none came at all"
        return f"<{len(self)} requests to {self._pattern.text}{came}>"


def _shown(entry: _Entry, router: Router) -> RecordedRequest:
    request = entry.request
    path, _, query = request.target.partition("?")
    return RecordedRequest(
        method=request.method,
        path=path.removeprefix(f"/{PREFIX}") if path.startswith(f"/{PREFIX}/") else path,
        template=_or_none(lambda: router.find(request.method, path).template),
        query=dict(parse_qsl(query, keep_blank_values=True)),
        headers={name: value for name, value in request.headers.items() if name != "authorization"},
        json=_or_none(lambda: read_json(request.body)),
        status=entry.status,
        time=entry.time,
    )


def _or_none(read: Callable[[], Any]) -> Any:
    try:
        return read()
    except HTTPException:
        return None
