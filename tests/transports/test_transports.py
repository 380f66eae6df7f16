"""Which transport a client uses, who closes it, and what one of the user's own may do."""

from __future__ import annotations

import pickle
from typing import Any

import httpx
import httpx2
import pytest

from fibonacci import APIConnectionError, APIResponseError, APITimeoutError, ConfigurationError, Fibonacci
from fibonacci.transports import (
    AsyncHTTPXTransport,
    AsyncSocketTransport,
    HTTPRequest,
    HTTPResponse,
    HTTPXTransport,
    SocketTransport,
    TransportError,
    TransportErrorKind,
)
from tests.faults.transports import NO_AUTHORITIES
from tests.kit.assertions import each_row
from tests.kit.mode import Mode
from tests.kit.server import ScriptedServer
from tests.kit.transport import ScriptedTransport

WORKFLOW = b'{"data": {"id": "wf-1"}}'
UNTYPED: Any = HTTPResponse
"""As a user without a type checker makes one."""


@pytest.fixture
def marked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Record the libraries whose clients are made."""
    made: list[str] = []
    for library in (httpx, httpx2):
        for name in ("Client", "AsyncClient"):
            monkeypatch.setattr(library, name, _marking(getattr(library, name), library.__name__, made))
    return made


def _marking(kind: Any, library: str, made: list[str]) -> type:
    def init(self: Any, *args: Any, **options: Any) -> None:
        made.append(library)
        kind.__init__(self, *args, **options)

    return type(kind.__name__, (kind,), {"__init__": init})


class TestChoice:
    @each_row(
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
    def test_a_transport_is_chosen_by_its_name_or_by_the_environment(
        self,
        mode: Mode,
        server: ScriptedServer,
        marked: list[str],
        transport: Any,
        environment: str | None,
        libraries: list[str],
    ) -> None:
        marked.clear()
        before = server.connections
        with pytest.MonkeyPatch.context() as patch:
            if environment is not None:
                patch.setenv("FIBONACCI_TRANSPORT", environment)
            client = mode.client_of(server, transport=transport)
        for _ in range(2):
            server.add_response({"data": {"id": "wf-1"}})
            assert mode.run(client.workflows.get("wf-1")).id == "wf-1"
        assert marked == libraries
        assert server.connections == before + 1

    @each_row(("library", "option"), [(httpx, "http_client"), (httpx2, "http_client"), (httpx, "transport")])
    def test_an_http_client_of_the_user(
        self, mode: Mode, server: ScriptedServer, library: Any, option: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("FIBONACCI_TRANSPORT", "socket")  # an argument precedes it
        kind = library.AsyncClient if mode.is_async else library.Client
        http = kind(headers={"X-Team": "tests"}, verify=NO_AUTHORITIES)
        wrapped = AsyncHTTPXTransport(http) if mode.is_async else HTTPXTransport(http)
        options = {option: http if option == "http_client" else wrapped}
        client = mode.client_of(server, **options)
        server.add_response({"data": {"id": "wf-1"}})
        assert mode.run(client.workflows.get("wf-1")).id == "wf-1"
        assert server.last.one("X-Team") == "tests"
        mode.close(client)
        assert not http.is_closed
        mode.close(http)

    def test_an_object(self, mode: Mode, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("FIBONACCI_TRANSPORT", "nonsense")  # it is not read
        transport = ScriptedTransport(HTTPResponse(status=200, headers=[(b"X-Request-Id", b"req_1")], body=WORKFLOW))
        client = mode.client("sk-1", transport=transport, timeout=30)
        workflow = mode.run(client.workflows.create(name="Mine"))
        assert (workflow.id, workflow.response.request_id) == ("wf-1", "req_1")
        (request,) = transport.requests
        assert (request.method, request.url, request.body) == (
            "POST",
            "https://api.fibonacci.dev/v1/workflows",
            b'{"name":"Mine"}',
        )
        assert (b"authorization", b"Bearer sk-1") in request.headers
        assert "sk-1" not in repr(request)
        (remaining,) = transport.remaining
        assert remaining is not None
        assert 29 < remaining <= 30

    def test_a_clone_has_the_same(self, mode: Mode) -> None:
        transport = ScriptedTransport(HTTPResponse(status=200, headers=[], body=WORKFLOW))
        clone = mode.client("sk-1", transport=transport).with_options(timeout=1)
        mode.run(clone.workflows.get("wf-1"))
        assert len(transport.requests) == 1

    @each_row(
        ("options", "message"),
        [
            ({"transport": "http"}, 'transport must be "socket" or "httpx", not \'http\''),
            ({"transport": 7}, "transport must be .*an object with the methods send and a?close .*not int"),
            ({"transport": object()}, "see fibonacci.transports.*not object"),
            ({"transport": httpx.Client()}, "pass it as http_client="),
            ({"transport": SocketTransport}, "transport must be an object, not the class SocketTransport: call it"),
        ],
    )
    def test_a_wrong_one_is_refused(self, mode: Mode, options: dict[str, Any], message: str) -> None:
        with pytest.raises(ConfigurationError, match=message):
            mode.client("sk-1", **options)

    def test_two_are_refused(self, mode: Mode) -> None:
        http = httpx.AsyncClient() if mode.is_async else httpx.Client()
        with pytest.raises(ConfigurationError, match="pass transport or http_client, not both"):
            mode.client("sk-1", transport="socket", http_client=http)
        mode.close(http)

    def test_one_of_the_other_mode_is_refused(self, mode: Mode) -> None:
        other = SocketTransport() if mode.is_async else AsyncSocketTransport()
        with pytest.raises(ConfigurationError, match=f"send and {'aclose' if mode.is_async else 'close'}"):
            mode.client("sk-1", transport=other)

    def test_a_wrong_name_in_the_environment_is_refused(self, mode: Mode, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("FIBONACCI_TRANSPORT", "curl")
        with pytest.raises(ConfigurationError, match=r"FIBONACCI_TRANSPORT must be .socket. or .httpx., not 'curl'"):
            mode.client("sk-1")


WRONG_CONNECTION_OPTIONS: list[tuple[dict[str, Any], type[Exception], str]] = [
    (
        {"client_cert": "/no/such.pem"},
        ConfigurationError,
        r"client_cert: there is no file '/no/such.pem'. Pass",
    ),
    ({"client_cert": (__file__, "/no/such.pem")}, ConfigurationError, "client_cert: there is no file '/no/such.pem'"),
    ({"client_cert": (__file__,)}, TypeError, "client_cert must be .*, not a tuple of 1"),
    ({"client_cert": 3}, TypeError, "client_cert must be the path of a PEM file, .*, not int"),
    ({"client_cert": (__file__, __file__, 3)}, TypeError, "client_cert must be .*, but the password is int"),
    ({"connect_timeout": 0}, ConfigurationError, "connect_timeout must be above 0 seconds, not 0"),
    ({"connect_timeout": float("inf")}, ConfigurationError, "connect_timeout must be above 0 seconds, not inf"),
    ({"connect_timeout": None}, TypeError, "connect_timeout must be a number of seconds, not None"),
    ({"max_idle_connections": -1}, ConfigurationError, "max_idle_connections must be 0 or more, not -1"),
    ({"max_idle_connections": 1.5}, TypeError, "max_idle_connections must be an int, not float"),
]


class TestArguments:
    @each_row(
        ("arguments", "error", "message"),
        [
            ({"max_connections": 0}, ConfigurationError, "max_connections must be above 0, not 0"),
            ({"max_connections": "10"}, TypeError, "max_connections must be an int, not str"),
            ({"max_response_bytes": True}, TypeError, "max_response_bytes must be an int, not bool"),
            ({"idle_timeout": -1}, ConfigurationError, "idle_timeout must be 0 or more seconds, not -1"),
            ({"idle_timeout": "15"}, TypeError, "idle_timeout must be a number of seconds, not str"),
            ({"ca_bundle": "/no/such.pem"}, ConfigurationError, "there is no file '/no/such.pem'"),
            *WRONG_CONNECTION_OPTIONS,
        ],
    )
    def test_a_wrong_one_of_the_socket_transport_is_refused(
        self, mode: Mode, arguments: dict[str, Any], error: type[Exception], message: str
    ) -> None:
        with pytest.raises(error, match=message):
            mode.socket_transport(**arguments)

    @each_row(
        ("arguments", "error", "message"),
        [
            ({"client": 3}, ConfigurationError, "client must be an? (Async)?Client of httpx or httpx2, not int"),
            ({"max_response_bytes": -1}, ConfigurationError, "max_response_bytes must be above 0, not -1"),
            ({"ca_bundle": "/no/such.pem"}, ConfigurationError, "there is no file '/no/such.pem'"),
            *WRONG_CONNECTION_OPTIONS,
        ],
    )
    def test_a_wrong_one_of_the_httpx_transport_is_refused(
        self, mode: Mode, arguments: dict[str, Any], error: type[Exception], message: str
    ) -> None:
        with pytest.raises(error, match=message):
            (AsyncHTTPXTransport if mode.is_async else HTTPXTransport)(**arguments)

    @each_row("kind", [SocketTransport, AsyncSocketTransport, HTTPXTransport, AsyncHTTPXTransport])
    def test_a_transport_shows_its_options_and_can_be_pickled(self, kind: type[Any]) -> None:
        text = repr(kind(max_response_bytes=1000))
        assert text.startswith(f"{kind.__name__}(")
        assert "max_response_bytes=1000" in text
        assert repr(pickle.loads(pickle.dumps(kind(max_response_bytes=1000)))) == text

    def test_a_transport_is_closed_by_with(self, server: ScriptedServer) -> None:
        own: Any = SocketTransport()
        with own as transport:
            server.add_response({"data": 1})
            Fibonacci(server.api_key, base_url=server.base_url, transport=transport).request("GET", "/x")
            assert len(transport._connections) == 1
        assert transport._connections == []

    @each_row(
        "option",
        [
            {"ca_bundle": __file__},
            {"client_cert": (__file__, __file__, "secret")},
            {"connect_timeout": 1},
            {"max_connections": 5},
            {"max_idle_connections": 0},
        ],
    )
    def test_a_connection_option_beside_a_transport_is_refused(self, mode: Mode, option: dict[str, Any]) -> None:
        with pytest.raises(ConfigurationError, match=f"{next(iter(option))} does not apply to a transport"):
            mode.client("sk-1", transport=mode.socket_transport(), **option)

    @each_row(("arguments", "error", "message"), WRONG_CONNECTION_OPTIONS)
    def test_the_client_refuses_the_same(
        self, mode: Mode, arguments: dict[str, Any], error: type[Exception], message: str
    ) -> None:
        with pytest.raises(error, match=message):
            mode.client("sk-1", **arguments)


class TestClosing:
    def test_an_object_is_never_closed(self, mode: Mode) -> None:
        transport = ScriptedTransport(HTTPResponse(status=200, headers=[], body=WORKFLOW))
        client = mode.client("sk-1", transport=transport)
        mode.run(client.workflows.get("wf-1"))
        mode.close(client)
        assert transport.closed == 0
        mode.run(client.workflows.get("wf-1"))  # a closed client may be used again

    @pytest.mark.parametrize("name", ["socket", "httpx"])
    def test_one_made_from_a_name_is_closed(self, mode: Mode, server: ScriptedServer, name: str) -> None:
        client = mode.client_of(server, transport=name)
        for connections in (1, 2):
            server.add_response({"data": 1})
            mode.run(client.request("GET", "/x"))
            assert server.connections == connections
            mode.close(client)

    def test_a_transport_is_shared_by_clients_and_outlives_them(self, mode: Mode, server: ScriptedServer) -> None:
        transport = mode.socket_transport()
        for _ in range(3):
            client = mode.client_of(server, transport=transport)
            server.add_response({"data": 1})
            mode.run(client.request("GET", "/x"))
            mode.close(client)
        assert server.connections == 1


class TestErrors:
    @each_row(
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
        mode: Mode,
        clock: object,
        kind: TransportErrorKind,
        requests: int,
        error: type[APIConnectionError],
        unknown: bool,
    ) -> None:
        transport = ScriptedTransport(TransportError(kind, OSError("the cause")))
        client = mode.client("sk-1", transport=transport, max_retries=2)
        with pytest.raises(APIConnectionError) as caught:
            mode.run(client.workflows.create(name="x"))
        assert type(caught.value) is error
        assert (len(transport.requests), caught.value.attempts, caught.value.outcome_unknown) == (
            requests,
            requests,
            unknown,
        )

    @each_row("failure", [OSError("reset"), KeyError("bug"), EOFError()])
    def test_nothing_else_leaves_a_call(self, mode: Mode, failure: Exception) -> None:
        client = mode.client("sk-1", transport=ScriptedTransport(failure), max_retries=0)
        with pytest.raises(APIConnectionError) as caught:
            mode.run(client.workflows.create(name="x"))
        assert caught.value.outcome_unknown
        assert caught.value.__cause__ is failure

    @each_row(
        ("response", "message"),
        [
            (None, "TypeError: a transport must return an HTTPResponse, not NoneType"),
            (UNTYPED(status="200", headers=[], body=WORKFLOW), "the status of an HTTPResponse must be an int"),
            (
                HTTPResponse(status=99, headers=[], body=WORKFLOW),
                "the status of an HTTPResponse must be an int from 100 to 999, not 99",
            ),
            (UNTYPED(status=200, headers=[], body="text"), "the body of an HTTPResponse must be bytes, not str"),
            (UNTYPED(status=200, headers=[("X", "y")], body=WORKFLOW), "AttributeError"),
            (UNTYPED(status=200, headers=None, body=WORKFLOW), "TypeError"),
        ],
    )
    def test_a_response_of_a_wrong_type_is_refused_and_blocks_nothing(
        self, mode: Mode, response: Any, message: str
    ) -> None:
        transport = ScriptedTransport(*[response] * 3, HTTPResponse(status=200, headers=[], body=WORKFLOW))
        client = mode.client_of(transport)
        for _ in range(3):
            with pytest.raises(APIConnectionError, match=message) as caught:
                mode.run(client.workflows.create(name="x"))
            assert (caught.value.outcome_unknown, caught.value.attempts) == (True, 1)
        assert mode.run(client.workflows.get("wf-1")).id == "wf-1"

    @each_row(("kind", "cause"), [("nosuch", None), ("unknown", "text")])
    def test_a_wrong_transport_error_cannot_be_made(self, kind: Any, cause: Any) -> None:
        with pytest.raises((ValueError, TypeError), match="must be"):
            TransportError(kind, cause)

    def test_a_body_above_the_limit_is_refused(self, mode: Mode) -> None:
        transport = ScriptedTransport(HTTPResponse(status=200, headers=[], body=WORKFLOW))
        client = mode.client("sk-1", transport=transport, max_response_bytes=len(WORKFLOW) - 1)
        with pytest.raises(APIResponseError, match="max_response_bytes"):
            mode.run(client.workflows.get("wf-1"))


def test_requests_are_equal_whoever_is_told_that_they_wait() -> None:
    def request(**more: Any) -> HTTPRequest:
        return HTTPRequest(method="GET", origin="http://127.0.0.1:9", target="/x", headers=[], body=b"", **more)

    assert request() == request(on_wait=print)
    assert request() != request(is_repeatable=True)
