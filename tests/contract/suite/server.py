"""The server under test: a client, raw requests and what went over the wire, and fixtures."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode, urlsplit

from fibonacci import Fibonacci, NotFoundError
from fibonacci._sync.clock import Clock
from fibonacci.models import Execution, Workflow
from fibonacci.transports import Deadline, HTTPRequest, HTTPResponse, SocketTransport, Transport
from tests.contract.suite.values import Values

if TYPE_CHECKING:
    from fibonacci._core.config import ApiVersion


class Disagreement(Exception):
    """The server does not behave as expected."""


class Skipped(Exception):
    """The check does not apply to this server, and the message says why."""


class NotHonored(Exception):
    """The server does without something that it need not have, which the message names."""


class NotInThisAPI(Exception):
    """The check is about a fact that the API under test does not have, which the message names."""


_SHOWN: Final = 2_000
_HEADERS: Final = ("content-type", "retry-after")


@dataclass(frozen=True, slots=True)
class RecordedExchange:
    """One request and its response."""

    request: HTTPRequest
    """The request."""

    response: HTTPResponse
    """The response."""

    @property
    def headers(self) -> Mapping[str, str]:
        """The headers of the response, names in lower case."""
        return {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in self.response.headers}

    def describe(self) -> list[str]:
        """Return lines that show the exchange, without the headers of the request: the API key is among them."""
        sent, received = self.request.body, self.response.body
        shown = {
            name: text for name, text in self.headers.items() if name in _HEADERS or name.startswith("x-ratelimit")
        }
        lines = [f"> {self.request.method} {self.request.url}"]
        lines += [f"> {_text(sent)}"] if sent else []
        lines += [f"< {self.response.status}", *(f"< {name}: {text}" for name, text in shown.items())]
        lines += [f"< {_text(received)}"] if received else []
        return lines


def is_of(endpoint: str, request: HTTPRequest) -> bool:
    """Return whether a request is to an endpoint, whatever the path of the base URL is.

    Args:
        endpoint: The endpoint, such as `GET /workflows/{workflow_id}`.
        request: The request.

    Example:
        >>> target = "/v1/tools/wait?limit=1"
        >>> request = HTTPRequest(method="GET", origin="http://a", target=target, headers=[], body=b"")
        >>> is_of("GET /tools/{tool_name}", request)
        True
    """
    method, _, template = endpoint.partition(" ")
    wanted, parts = template.split("/")[1:], request.target.partition("?")[0].split("/")
    below = parts[-len(wanted) :]
    return request.method == method and len(below) == len(wanted) and all(map(_matches, wanted, below))


def _matches(wanted: str, part: str) -> bool:
    return wanted == part or wanted.startswith("{")


class RecordingTransport:
    """Sends through another transport, and keeps the exchanges.

    Args:
        inner: The other transport.

    Attributes:
        exchanges: The exchanges since they were last cleared.
    """

    def __init__(self, inner: Transport) -> None:
        self._inner = inner
        self.exchanges: Final[list[RecordedExchange]] = []

    def send(self, request: HTTPRequest, deadline: Deadline) -> HTTPResponse:
        """Send a request (see `Transport.send`)."""
        response = self._inner.send(request, deadline)
        self.exchanges.append(RecordedExchange(request, response))
        return response

    def close(self) -> None:
        """Close the other transport."""
        self._inner.close()


def _text(content: bytes) -> str:
    text = content.decode(errors="replace")
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}... ({len(content)} bytes)"


TIMEOUT: Final = 60.0
"""The timeout of one request in seconds."""

LONGEST_WAIT: Final = 60.0
"""The longest wait after a 429 in seconds: the window of the rate limits is a minute."""


@dataclass(frozen=True, slots=True)
class RawResponse:
    """A response as it was received."""

    status: int
    """The HTTP status code."""

    headers: Mapping[str, str]
    """The headers, names in lower case."""

    body: bytes
    """The body, not decoded."""

    @property
    def json(self) -> Any:
        """The body, decoded as JSON."""
        return json.loads(self.body)


class RawRequests:
    """Sends requests to one server.

    Args:
        base_url: The base URL of the server.
        api_key: The API key.
        transport: Sends the requests.
        sleep: Waits for a number of seconds.
    """

    def __init__(
        self, base_url: str, api_key: str, transport: Transport, *, sleep: Callable[[float], object] = time.sleep
    ) -> None:
        parts = urlsplit(base_url.rstrip("/"))
        self._origin, self._base_path = f"{parts.scheme}://{parts.netloc}", parts.path
        self._api_key = api_key
        self._transport = transport
        self._sleep = sleep

    def __call__(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str | int] | None = None,
        json_body: Any = None,
        body: bytes | None = None,
        authorization: str | None = "",
        headers: Mapping[str, str] | None = None,
    ) -> RawResponse:
        """Send one request.

        Args:
            method: The method.
            path: The path below the base URL, percent-encoded.
            query: The query parameters.
            json_body: The body, to be encoded as JSON.
            body: The body as bytes, in place of `json_body`.
            authorization: The `Authorization` header in place of the one with the key, or None.
            headers: Further headers.

        Returns:
            The response, whatever its status.

        Raises:
            TransportError: If no response is received.
        """
        content = body if body is not None else b"" if json_body is None else json.dumps(json_body).encode()
        target = f"{self._base_path}{path}{'?' if query else ''}{urlencode(query or {})}"
        sent = {"host": urlsplit(self._origin).netloc, "content-type": "application/json", **(headers or {})}
        if authorization is not None:
            sent["authorization"] = authorization or f"Bearer {self._api_key}"
        if content or method != "GET":
            sent["content-length"] = str(len(content))
        lines = [(name.encode(), value.encode()) for name, value in sent.items()]
        request = HTTPRequest(method=method, origin=self._origin, target=target, headers=lines, body=content)
        response = self._send(request)
        if response.status == 429:  # over the rate limit: once more, after the reset
            self._sleep(_wait(response.headers))
            response = self._send(request)
        return response

    def _send(self, request: HTTPRequest) -> RawResponse:
        response = self._transport.send(request, Deadline(TIMEOUT))
        return RawResponse(response.status, _lower(response), response.body)


def _wait(headers: Mapping[str, str]) -> float:
    seconds = headers.get("retry-after", "")
    return min(float(seconds), LONGEST_WAIT) if seconds.isdecimal() else LONGEST_WAIT


def _lower(response: HTTPResponse) -> dict[str, str]:
    return {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in response.headers}


Node = Mapping[str, Any]


def holds(name: str, *after: str, **fields: Any) -> dict[str, Any]:
    """Return a conditional that holds.

    Args:
        name: Its ID.
        after: The nodes that it depends on.
        fields: Further fields, which replace others.
    """
    node = {"id": name, "type": "conditional", "left_value": "a", "operator": "equals", "right_value": "a"}
    return {**node, **({"dependencies": [*after]} if after else {}), **fields}


def fails(name: str, *after: str, **fields: Any) -> dict[str, Any]:
    """Return a conditional that fails: what it compares as numbers is none.

    Args:
        name: Its ID.
        after: The nodes that it depends on.
        fields: Further fields.
    """
    return holds(name, *after, left_value="many", operator="greater_than", right_value="5", **fields)


def waits(name: str, seconds: Any, *after: str, **fields: Any) -> dict[str, Any]:
    """Return a node that waits.

    Args:
        name: Its ID.
        seconds: How long.
        after: The nodes that it depends on.
        fields: Further fields.
    """
    node = {"id": name, "type": "tool", "tool": "wait", "params": {"seconds": seconds}}
    return {**node, **({"dependencies": [*after]} if after else {}), **fields}


CHEAP: Final[Mapping[str, Any]] = {
    "nodes": [
        holds("ask", left_value="{{input.word}}", right_value="yes", true_branch=["taken"], false_branch=["left"]),
        *(holds("taken"), holds("left")),
    ]
}
"""A definition of conditionals only: it calls no model and no tool, so that running it costs nothing."""


class Server:
    """The server under test.

    Args:
        base_url: The base URL of the server.
        api_key: The API key of an owner.
        api_version: The API that it is checked for.
        organization_id: The ID of the organization whose settings are checked.
        role_keys: The keys of other roles, such as `{"member": ...}`. Checks that need a missing one are skipped.
        transport: Sends the requests. Default: the SDK's own connections.
        clock: The source of time. Default: the machine's.
        seed: What the generated values are made from.

    Attributes:
        api_version: The API that it is checked for.
        client: A client of the server.
        requests: Sends requests without the client, below the paths of the API.
        wire: What went over the wire.
        organization_id: The ID of the organization whose settings are checked.
        sleep: Sleeps for a number of seconds.
        now: Returns the time in Unix seconds.
        seed: What the generated values are made from.
        values: Makes the values of the present check.
    """

    def __init__(
        self,
        base_url: str,
        api_key: str,
        *,
        organization_id: str,
        role_keys: Mapping[str, str] | None = None,
        transport: Transport | None = None,
        clock: Clock | None = None,
        api_version: ApiVersion = "v1",
        seed: int = 1,
    ) -> None:
        self.seed: Final = seed
        self.values: Values = Values(str(seed))
        self.wire: Final = RecordingTransport(SocketTransport() if transport is None else transport)
        self.client: Final = Fibonacci(
            api_key, base_url=base_url, api_version=api_version, timeout=120, transport=self.wire, clock=clock
        )
        self.sleep: Final[Callable[[float], object]] = time.sleep if clock is None else clock.sleep
        self.now: Final[Callable[[], float]] = time.time if clock is None else clock.time
        prefix = "/api/v1" if api_version == "0.2" else ""
        self.requests: Final = RawRequests(self.client.base_url + prefix, api_key, self.wire, sleep=self.sleep)
        self.api_version: Final = api_version
        self.organization_id: Final = organization_id
        self._role_keys = role_keys or {}
        self._keys = [api_key, *self._role_keys.values()]
        self._undo = ExitStack()

    @property
    def raw(self) -> RawRequests:
        """Sends requests of the documented API without the client.

        Raises:
            NotInThisAPI: When the server is checked for another API.
        """
        self.require_documented("the form of a request or response")
        return self.requests

    def require_documented(self, fact: str) -> None:
        """Raise `NotInThisAPI` unless the server is checked for the documented API.

        Args:
            fact: What another API does not have.
        """
        if self.api_version != "v1":
            raise NotInThisAPI(fact)

    def authorization_of(self, role: str) -> str:
        """Return the `Authorization` header of a role.

        Args:
            role: The role.

        Raises:
            Skipped: If there is no key with this role.
        """
        self.require_documented("roles")
        if role not in self._role_keys:
            raise Skipped(f"no key for the role {role}: pass --role-key {role}=KEY")
        return f"Bearer {self._role_keys[role]}"

    def redact(self, text: str) -> str:
        """Return a text with `***` in the place of every key.

        Args:
            text: The text.
        """
        for key in sorted(self._keys, key=len, reverse=True):  # the key of a role may begin with the owner's
            text = text.replace(key, "***")
        return text

    def create_workflow(self, name: str = "Contract suite", **body: Any) -> Workflow:
        """Create a workflow that is deleted after the check.

        Args:
            name: The name of the workflow.
            body: Further fields of the request.
        """
        workflow = self.client.workflows.create(name=name, **body)
        self.add_cleanup(self.client.workflows.delete, workflow.id)
        return workflow

    def run_workflow(self, word: str = "yes") -> Execution:
        """Run a workflow without cost to its end.

        Args:
            word: The input that decides the branch.
        """
        return self.run_definition(CHEAP, {"word": word})

    def run_definition(self, definition: Mapping[str, Any] | None, inputs: Mapping[str, Any]) -> Execution:
        """Run a workflow of a definition to its end, whether it fails or not.

        Args:
            definition: The definition.
            inputs: The inputs by name.
        """
        workflow = self.create_workflow(definition=definition)
        execution = self.client.workflows.execute(workflow.id, inputs=dict(inputs))
        return execution if execution.is_terminal else self.client.executions.wait(execution.id, timeout=180)

    def memory_key(self, name: str, **place: Any) -> str:
        """Return a memory key that is deleted after the check.

        Args:
            name: The end of the key.
            place: The scope, and the user or workflow.
        """
        key = f"contract-suite-{name}"
        self.add_cleanup(self.client.memory.delete, key, **place)
        return key

    def path(self, rest: str) -> str:
        """Return the path of a resource of the organization.

        Args:
            rest: The path after the ID of the organization.
        """
        return f"/organizations/{self.organization_id}/{rest}"

    def wait_for_requests(self, count: int) -> None:
        """Wait for the next window of the rate limit unless enough requests are left in this one.

        Waiting in the middle of a check would end what it runs.

        Args:
            count: How many requests.
        """
        headers: Mapping[str, str] = self.wire.exchanges[-1].headers if self.wire.exchanges else {}
        left, reset = (headers.get(f"x-ratelimit-{name}", "") for name in ("remaining", "reset"))
        if left.isdecimal() and reset.isdecimal() and int(left) < count:
            self.sleep(max(0.0, min(int(reset) - self.now() + 1, LONGEST_WAIT)))

    def add_cleanup(self, undo: Callable[..., object], *arguments: Any, **options: Any) -> None:
        """Register a cleanup to call after the check, which may find its resource already gone.

        Args:
            undo: The function to call.
            arguments: Its positional arguments.
            options: Its keyword arguments.
        """

        def undo_if_present() -> None:
            with suppress(NotFoundError):
                undo(*arguments, **options)

        self._undo.callback(undo_if_present)

    def do_cleanups(self) -> None:
        """Call the registered cleanups, the last first."""
        self._undo.close()

    def close(self) -> None:
        """Close the client and the connections."""
        self.client.close()
        self.wire.close()


def require_tool(server: Server, name: str) -> None:
    """Skip the check unless there is a tool.

    Args:
        server: The server.
        name: Its name.

    Raises:
        Skipped: When there is none.
    """
    if name not in [tool.name for tool in server.client.tools.list()]:
        raise Skipped(f"there is no tool {name}")
