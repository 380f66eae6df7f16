"""Which transport a client uses, who closes it, and what one of the user's own may do."""

from __future__ import annotations

from typing import Any

import httpx
import httpx2
import pytest

from fibonacci import APIConnectionError, APIResponseError, APITimeoutError, ConfigurationError
from fibonacci.transports import (
    AsyncHTTPXTransport,
    AsyncSocketTransport,
    Deadline,
    DeadlineExceeded,
    HTTPRequest,
    HTTPResponse,
    HTTPXTransport,
    SocketTransport,
    TransportError,
    TransportErrorKind,
    transport_error_from,
)
from tests.colours import Colour
from tests.endpoints.recorder import Recorder

WORKFLOW = b'{"data": {"id": "wf-1"}}'


class CannedTransport:
    """Returns or raises what it is given, in order; the last is repeated."""

    def __init__(self, *results: HTTPResponse | Exception) -> None:
        self._results = list(results)
        self.requests: list[HTTPRequest] = []
        self.deadlines: list[Deadline] = []
        self.closed = 0

    def send(self, request: HTTPRequest, deadline: Deadline) -> HTTPResponse:
        self.requests.append(request)
        self.deadlines.append(deadline)
        result = self._results.pop(0) if len(self._results) > 1 else self._results[0]
        if isinstance(result, Exception):
            raise result
        return result

    def close(self) -> None:
        self.closed += 1


class AsyncCannedTransport(CannedTransport):
    async def send(self, request: HTTPRequest, deadline: Deadline) -> HTTPResponse:  # type: ignore[override]
        return super().send(request, deadline)

    async def aclose(self) -> None:
        self.close()


def canned(colour: Colour, *results: HTTPResponse | Exception) -> Any:
    return (AsyncCannedTransport if colour.is_async else CannedTransport)(*results)


@pytest.fixture
def marked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Record the libraries whose clients are made."""
    made: list[str] = []
    for library in (httpx, httpx2):
        for name in ("Client", "AsyncClient"):
            kind = getattr(library, name)

            class Marked(kind):  # type: ignore[misc,valid-type]
                def __init__(self, *args: Any, library: str = library.__name__, **options: Any) -> None:
                    made.append(library)
                    super().__init__(*args, **options)

            monkeypatch.setattr(library, name, Marked)
    return made


class TestChoice:
    @pytest.mark.parametrize(
        ("transport", "environment", "libraries"),
        [
            (None, None, []),
            (None, "httpx", ["httpx"]),
            (None, "socket", []),
            ("socket", "httpx", []),
            ("httpx", "socket", ["httpx"]),
            ("httpx", None, ["httpx"]),
        ],
    )
    def test_by_name(
        self,
        colour: Colour,
        recorder: Recorder,
        marked: list[str],
        monkeypatch: pytest.MonkeyPatch,
        transport: Any,
        environment: str | None,
        libraries: list[str],
    ) -> None:
        if environment is not None:
            monkeypatch.setenv("FIBONACCI_TRANSPORT", environment)
        client = colour.client(recorder.api_key, base_url=recorder.base_url, transport=transport)
        for _ in range(2):
            recorder.give({"data": {"id": "wf-1"}})
            assert colour.run(client.workflows.get("wf-1")).id == "wf-1"
        assert marked == libraries
        assert recorder.connections == 1

    @pytest.mark.parametrize("library", [httpx, httpx2])
    @pytest.mark.parametrize("option", ["http_client", "transport"])
    def test_an_http_client_of_the_user(
        self, colour: Colour, recorder: Recorder, library: Any, option: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("FIBONACCI_TRANSPORT", "socket")  # an argument precedes it
        kind = library.AsyncClient if colour.is_async else library.Client
        http = kind(headers={"X-Team": "tests"})
        wrapped = AsyncHTTPXTransport(http) if colour.is_async else HTTPXTransport(http)
        options = {option: http if option == "http_client" else wrapped}
        client = colour.client(recorder.api_key, base_url=recorder.base_url, **options)
        recorder.give({"data": {"id": "wf-1"}})
        assert colour.run(client.workflows.get("wf-1")).id == "wf-1"
        assert recorder.last.one("X-Team") == "tests"
        colour.shut(client)
        assert not http.is_closed
        colour.shut(http)

    def test_an_object(self, colour: Colour, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("FIBONACCI_TRANSPORT", "nonsense")  # it is not read
        transport = canned(colour, HTTPResponse(200, [(b"X-Request-Id", b"req_1")], WORKFLOW))
        client = colour.client("sk-1", transport=transport, timeout=30)
        workflow = colour.run(client.workflows.create(name="Mine"))
        assert (workflow.id, workflow.response.request_id) == ("wf-1", "req_1")
        (request,) = transport.requests
        assert (request.method, request.url, request.body) == (
            "POST",
            "https://api.fibonacci.dev/v1/workflows",
            b'{"name":"Mine"}',
        )
        assert (b"authorization", b"Bearer sk-1") in request.headers
        assert "sk-1" not in repr(request)
        remaining = transport.deadlines[0].remaining()
        assert remaining is not None
        assert 29 < remaining <= 30

    def test_a_clone_has_the_same(self, colour: Colour) -> None:
        transport = canned(colour, HTTPResponse(200, [], WORKFLOW))
        clone = colour.client("sk-1", transport=transport).with_options(timeout=1)
        colour.run(clone.workflows.get("wf-1"))
        assert len(transport.requests) == 1

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"transport": "http"}, 'transport must be "socket" or "httpx", not \'http\''),
            ({"transport": 7}, "transport must be .*an object with the methods send and a?close .*not int"),
            ({"transport": object()}, "see fibonacci.transports.*not object"),
            ({"transport": httpx.Client()}, "pass it as http_client="),
        ],
    )
    def test_a_wrong_one_is_refused(self, colour: Colour, options: dict[str, Any], message: str) -> None:
        with pytest.raises(ConfigurationError, match=message):
            colour.client("sk-1", **options)

    def test_two_are_refused(self, colour: Colour) -> None:
        http = httpx.AsyncClient() if colour.is_async else httpx.Client()
        with pytest.raises(ConfigurationError, match="pass transport or http_client, not both"):
            colour.client("sk-1", transport="socket", http_client=http)
        colour.shut(http)

    def test_one_of_the_other_mode_is_refused(self, colour: Colour) -> None:
        other = SocketTransport() if colour.is_async else AsyncSocketTransport()
        with pytest.raises(ConfigurationError, match=f"send and {'aclose' if colour.is_async else 'close'}"):
            colour.client("sk-1", transport=other)

    def test_a_wrong_name_in_the_environment_is_refused(self, colour: Colour, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("FIBONACCI_TRANSPORT", "curl")
        with pytest.raises(ConfigurationError, match=r"FIBONACCI_TRANSPORT must be .socket. or .httpx., not 'curl'"):
            colour.client("sk-1")


class TestClosing:
    def test_an_object_is_never_closed(self, colour: Colour) -> None:
        transport = canned(colour, HTTPResponse(200, [], WORKFLOW))
        client = colour.client("sk-1", transport=transport)
        colour.run(client.workflows.get("wf-1"))
        colour.shut(client)
        assert transport.closed == 0
        colour.run(client.workflows.get("wf-1"))  # a closed client may be used again

    @pytest.mark.parametrize("name", ["socket", "httpx"])
    def test_one_made_from_a_name_is_closed(self, colour: Colour, recorder: Recorder, name: str) -> None:
        client = colour.client(recorder.api_key, base_url=recorder.base_url, transport=name)
        for connections in (1, 2):
            recorder.give({"data": 1})
            colour.run(client.request("GET", "/x"))
            assert recorder.connections == connections
            colour.shut(client)

    def test_a_transport_is_shared_by_clients_and_outlives_them(self, colour: Colour, recorder: Recorder) -> None:
        transport: Any = AsyncSocketTransport() if colour.is_async else SocketTransport()
        colour.close_later(transport)
        for _ in range(3):
            client = colour.client(recorder.api_key, base_url=recorder.base_url, transport=transport)
            recorder.give({"data": 1})
            colour.run(client.request("GET", "/x"))
            colour.shut(client)
        assert recorder.connections == 1


class TestErrors:
    @pytest.mark.parametrize(
        ("kind", "requests", "error", "unknown"),
        [
            ("never_sent", 3, APIConnectionError, False),
            ("timeout_never_sent", 3, APITimeoutError, False),
            ("unknown", 1, APIConnectionError, True),
            ("timeout", 1, APITimeoutError, True),
            ("too_large", 1, APIConnectionError, False),
            ("tls", 1, APIConnectionError, False),
            ("name", 1, APIConnectionError, False),
            ("proxy", 1, APIConnectionError, False),
            ("invalid", 1, APIConnectionError, False),
            ("broken", 1, APIConnectionError, True),
        ],
    )
    def test_each_kind_decides_about_a_retry(
        self,
        colour: Colour,
        clock: object,
        kind: TransportErrorKind,
        requests: int,
        error: type[APIConnectionError],
        unknown: bool,
    ) -> None:
        transport = canned(colour, TransportError(kind, OSError("the cause")))
        client = colour.client("sk-1", transport=transport, max_retries=2)
        with pytest.raises(APIConnectionError) as caught:
            colour.run(client.workflows.create(name="x"))
        assert type(caught.value) is error
        assert (len(transport.requests), caught.value.attempts, caught.value.outcome_unknown) == (
            requests,
            requests,
            unknown,
        )

    @pytest.mark.parametrize("failure", [OSError("reset"), KeyError("bug"), EOFError()])
    def test_nothing_else_leaves_a_call(self, colour: Colour, failure: Exception) -> None:
        client = colour.client("sk-1", transport=canned(colour, failure), max_retries=0)
        with pytest.raises(APIConnectionError) as caught:
            colour.run(client.workflows.create(name="x"))
        assert caught.value.outcome_unknown
        assert caught.value.__cause__ is failure

    def test_a_body_above_the_limit_is_refused(self, colour: Colour) -> None:
        transport = canned(colour, HTTPResponse(200, [], WORKFLOW))
        client = colour.client("sk-1", transport=transport, max_response_bytes=len(WORKFLOW) - 1)
        with pytest.raises(APIResponseError, match="max_response_bytes"):
            colour.run(client.workflows.get("wf-1"))

    def test_an_exception_of_a_library_is_classified(self) -> None:
        kinds = [
            (ConnectionResetError(), "unknown"),
            (DeadlineExceeded(), "timeout"),
            (httpx.ConnectError("refused"), "never_sent"),
            (httpx2.ReadTimeout("slow"), "timeout"),
            (ZeroDivisionError(), "broken"),
        ]
        assert [transport_error_from(error).kind for error, _ in kinds] == [kind for _, kind in kinds]
