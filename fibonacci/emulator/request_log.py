"""The request log: every request of the API, without credentials, with its response."""

from __future__ import annotations

import re
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import count
from typing import Any, Final, overload
from urllib.parse import parse_qsl, unquote

from fibonacci.definitions.json_types import is_array, is_object
from fibonacci.emulator.engine.variables import REDACTED
from fibonacci.emulator.http.messages import HTTPException, ServerRequest, ServerResponse, read_json
from fibonacci.emulator.http.router import API_0_2, API_PREFIX, RoutePattern, Router
from fibonacci.emulator.state.json_encoding import to_json

CREDENTIAL_HEADERS: Final = frozenset({"authorization", "cookie", "proxy-authorization", "x-api-key"})
"""The headers that no record and no page shows, in lower case."""


def without_secrets(request: ServerRequest) -> ServerRequest:
    """Return a request without the values in its body that may be secrets.

    Below `/tools`, only requests that connect a tool have a body, and one with a misspelled path may have secrets too.
    In the API of 0.2, logins and keys have secrets as well, and the `secrets` of a run are replaced.
    """
    if not request.body:
        return request
    path = unquote(request.target.partition("?")[0])
    is_of_workflows = f"{API_0_2}workflows/" in path
    if not (is_of_workflows or _SECRET_PATHS.match(path)):
        return request
    try:
        content = read_json(request.body)
    except HTTPException:
        return replace(request, body=REDACTED.encode())
    if not is_of_workflows:
        return replace(request, body=to_json(_redacted(content)))
    if not is_object(content) or "secrets" not in content:
        return request
    return replace(request, body=to_json({**content, "secrets": _redacted(content["secrets"])}))


_SECRET_PATHS: Final = re.compile(rf"(/[^/]*)?/tools(/|$)|.*?{API_0_2}(?!workflows|memory)", re.IGNORECASE)
"""Matches the paths of requests whose bodies have secrets. A path in the wrong case is a 404, but its body has them
too."""


def _redacted(value: Any) -> Any:
    if is_object(value):
        return {name: _redacted(inner) for name, inner in value.items()}
    if is_array(value):
        return [_redacted(inner) for inner in value]
    return REDACTED


KEPT_REQUESTS: Final = 10_000
"""The largest number of recorded requests. The oldest are dropped first."""

KEPT_BYTES: Final = 16 * 1024 * 1024
"""The largest total size of the bodies of recorded requests and their responses.

The oldest responses are dropped first, then the oldest requests: large responses must not push requests out of the log.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedRequest:
    """A request that the emulator received, as `emulator.requests` lists it.

    Attributes:
        method: The HTTP method, in capitals.
        path: The path as received, percent-encoded, without `/v1` and without the query. For clients with
            `api_version="0.2"`, `path` and `template` begin with `/api/v1`.
        template: The endpoint, such as `/workflows/{workflow_id}`, or `None` if no endpoint matches.
        query: The query parameters by name. If a name occurs more than once, the last one counts.
        headers: The values by lower-case name, without `Authorization` and other credentials.
        json: The body as JSON, or `None` if it is empty or not JSON. If the request connects a tool, each value that it
            passes is `***`.
        status: The HTTP status code of the response, or `None` if an injected failure suppressed it.
        time: When the request arrived, in Unix seconds of the emulator's clock.
        response_json: The body of the response as JSON, or `None` if it isn't JSON, wasn't sent, or isn't kept.

    Example:
        >>> from fibonacci.emulator import Emulator
        >>> emulator = Emulator()
        >>> healthy = emulator.client().health.check()
        >>> request = emulator.requests.last
        >>> request.method, request.path, request.status, request.response_json["data"]["status"]
        ('GET', '/health', 200, 'healthy')
    """

    method: str
    path: str
    template: str | None
    query: Mapping[str, str]
    headers: Mapping[str, str]
    json: Any
    status: int | None
    time: float
    response_json: Any = None


@dataclass(slots=True)
class LogEntry:
    """One request as it is kept.

    Attributes:
        number: Its permanent number, which is higher for later requests.
        request: The request.
        status: The status of the response, or `None` if an injected failure suppressed it.
        time: The time of the request, in Unix seconds.
        response: The body of the response, or `None` if it was not sent or is not kept any more.
        seconds: How long it took to handle it, in real seconds.
    """

    number: int
    request: ServerRequest
    status: int | None
    time: float
    response: bytes | None
    seconds: float


class RequestLog:
    """Keeps requests as received, and makes a `RecordedRequest` when one is read."""

    def __init__(self, router: Router[object]) -> None:
        self.router: Final = router
        self._entries: deque[LogEntry] = deque()
        self._responses: deque[LogEntry] = deque()  # the entries whose responses are kept
        self._bytes = 0
        self._numbers = count(1)
        self._lock = threading.Lock()

    def add(self, request: ServerRequest, response: ServerResponse | None, time: float, seconds: float = 0.0) -> None:
        """Keep one request, and drop the oldest bodies and requests beyond the limits.

        Args:
            request: The request.
            response: Its response, or `None` if an injected failure suppresses it.
            time: The time of the request, in Unix seconds.
            seconds: How long it took to handle it, in real seconds.
        """
        request = without_secrets(request)
        status, body = (None, None) if response is None else (response.status, response.body)
        with self._lock:
            entry = LogEntry(next(self._numbers), request, status, time, body, seconds)
            self._entries.append(entry)
            self._bytes += len(request.body)
            if body:
                self._responses.append(entry)
                self._bytes += len(body)
            while self._bytes > KEPT_BYTES and self._responses:
                self._drop_response()
            while len(self._entries) > KEPT_REQUESTS or self._bytes > KEPT_BYTES:
                self._drop_entry()

    def _drop_response(self) -> None:
        entry = self._responses.popleft()
        self._bytes -= len(entry.response or b"")
        entry.response = None

    def _drop_entry(self) -> None:
        entry = self._entries.popleft()
        self._bytes -= len(entry.request.body)
        if self._responses and self._responses[0] is entry:
            self._drop_response()

    def find(self, number: int) -> LogEntry | None:
        """Return the entry with a number, or `None` if it is not kept."""
        with self._lock:
            return next((entry for entry in self._entries if entry.number == number), None)

    def newest(self, before: int | None = None) -> list[LogEntry]:
        """Return the entries, the newest first, or only those with a number smaller than `before`."""
        with self._lock:
            entries = list(reversed(self._entries))
        return entries if before is None else [entry for entry in entries if entry.number < before]

    def matching(self, pattern: RoutePattern | None) -> list[LogEntry]:
        """Return the entries that a pattern selects, the oldest first."""
        with self._lock:
            entries = list(self._entries)
        return entries if pattern is None else [entry for entry in entries if pattern.matches(entry.request)]

    def drop(self, pattern: RoutePattern | None) -> None:
        """Drop the entries that a pattern selects."""
        with self._lock:
            kept = () if pattern is None else [entry for entry in self._entries if not pattern.matches(entry.request)]
            self._entries = deque(kept)
            self._responses = deque(entry for entry in kept if entry.response)
            self._bytes = sum(len(entry.request.body) + len(entry.response or b"") for entry in kept)


class Requests:
    """The requests that an emulator received, or those to one endpoint: a live view, the oldest first.

    It has at most the last 10,000 requests, and fewer if their bodies are large. Requests to the control API, over
    which other programs control the emulator, aren't listed.

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
        """Select the requests to one endpoint.

        Args:
            route: A method and a path, such as `POST /workflows/{id}/execute` or `* /workflows/wf-1`, or `*` for all.

        Returns:
            A view of these requests. Its own `to` selects from all requests again, not only from these.

        Raises:
            ValueError: If no endpoint matches the route. The message names the closest ones.
        """
        return Requests(self._log, RoutePattern(route, self._log.router))

    @property
    def count(self) -> int:
        """The number of requests in this view."""
        return len(self)

    @property
    def last(self) -> RecordedRequest:
        """The newest request.

        Raises:
            LookupError: If there is none. The message names the last requests to other endpoints.
        """
        return self[-1]

    def clear(self) -> None:
        """Forget the requests of this view."""
        self._log.drop(self._pattern)

    def __len__(self) -> int:
        return len(self._log.matching(self._pattern))

    def __iter__(self) -> Iterator[RecordedRequest]:
        return (shown(entry, self._log.router) for entry in self._log.matching(self._pattern))

    @overload
    def __getitem__(self, index: int) -> RecordedRequest: ...

    @overload
    def __getitem__(self, index: slice) -> list[RecordedRequest]: ...

    def __getitem__(self, index: int | slice) -> RecordedRequest | list[RecordedRequest]:
        entries = self._log.matching(self._pattern)
        if isinstance(index, slice):
            return [shown(entry, self._log.router) for entry in entries[index]]
        try:
            return shown(entries[index], self._log.router)
        except IndexError:
            raise IndexError(f"there is no request {index} in {self!r}") from None

    def __repr__(self) -> str:
        if self._pattern is None:
            return f"<{len(self)} requests>"
        others = [f"{entry.request.method} {entry.request.target}" for entry in self._log.matching(None)[-3:]]
        came = f". The last requests of all: {', '.join(others)}" if others else ". No request was received"
        return f"<{len(self)} requests to {self._pattern.text}{came}>"


def shown(entry: LogEntry, router: Router[object]) -> RecordedRequest:
    """Return the public form of an entry."""
    request, response = entry.request, entry.response
    path, _, query = request.target.partition("?")
    return RecordedRequest(
        method=request.method,
        path=path.removeprefix(f"/{API_PREFIX}") if path.startswith(f"/{API_PREFIX}/") else path,
        template=router.template_of(request.method, path),
        query=dict(parse_qsl(query, keep_blank_values=True)),
        headers={name: value for name, value in request.headers.items() if name not in CREDENTIAL_HEADERS},
        json=_or_none(lambda: read_json(request.body)),
        status=entry.status,
        time=entry.time,
        response_json=None if response is None else _or_none(lambda: read_json(response)),
    )


def _or_none(read: Callable[[], Any]) -> Any:
    try:
        return read()
    except HTTPException:
        return None
