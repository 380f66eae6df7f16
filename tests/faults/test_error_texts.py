"""What an error says: where a connection failed and why, who responded, and the remedy."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest

from fibonacci import APIConnectionError, APIError, APIStatusError, APITimeoutError
from fibonacci._core.error_mapping import other_api
from tests.faults.calls import KEY
from tests.kit.assertions import check_rows, each_row
from tests.kit.mode import MODES, Mode, both_modes
from tests.kit.server import ScriptedServer
from tests.kit.steps import Step, error_body, head, raw_then_close, raw_then_reset, raw_then_stall, respond

HTML = b"<html><h1>Something</h1></html>"
SAYS_HTML = "the response says '<html><h1>Something</h1></html>'"
NOT_HTTP = "the response from {at} is not HTTP/1.1: "
PLAIN_BASE = "If the server uses TLS on this port, the base URL should begin with https://"
BROKE = "the connection to {at} broke before the complete response was received: "
ALERT = b"\x15\x03\x03\x00\x02\x02\x46"  # TLS, fatal, protocol version
SETTINGS = b"\x00\x00\x00\x04\x00\x00\x00\x00\x00"  # the first frame of HTTP/2


class Text(NamedTuple):
    """What a server does with a request, and the beginning of the error's message; `{at}` is host and port."""

    step: Step
    message: str
    timeout: float = 5
    error: type[APIError] = APIConnectionError


CONNECTIONS: dict[str, Text] = {
    "reset": Text(raw_then_reset(b""), BROKE + "Connection reset by peer"),
    "closed": Text(raw_then_close(b""), BROKE + "the server closed the connection before it responded"),
    "cut": Text(raw_then_close(head(200, length=9) + b"{"), BROKE + "peer closed connection without sending complete"),
    "silent": Text(raw_then_stall(b""), "no complete response from {at} within the call's time", 0.2, APITimeoutError),
    "SSH": Text(raw_then_close(b"SSH-2.0-OpenSSH_9.6\r\n\r\n"), NOT_HTTP + "illegal status line"),
    "HTTP/2": Text(raw_then_close(SETTINGS), f"{NOT_HTTP}illegal request line. {PLAIN_BASE}"),
    "TLS alert": Text(raw_then_close(ALERT), f"{NOT_HTTP}illegal request line. {PLAIN_BASE}"),
}


def _error(mode: Mode, base_url: str, path: str = "/x", **options: Any) -> APIError:
    client = mode.client(KEY, base_url=base_url, **{"timeout": 5, "max_retries": 0, **options})
    error = mode.end(client.request, "GET", path).api_error
    assert "ada" not in repr((str(error), error.__cause__))  # the user of a proxy
    return error


@pytest.fixture
def closed_port() -> Iterator[int]:
    """Return a port on which nothing listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield taken.getsockname()[1]


@both_modes
def test_a_failed_connection_says_where_and_why(mode: Mode) -> None:
    def check(text: Text) -> None:
        with ScriptedServer(text.step) as server:
            error = _error(mode, server.base_url, timeout=text.timeout)
        assert server.delivered == 1
        assert type(error) is text.error
        assert error.message.startswith(text.message.format(at=f"127.0.0.1:{server.port}"))

    check_rows(CONNECTIONS.items(), check, at_once=len(CONNECTIONS))


@pytest.mark.parametrize(
    ("transport", "mode"), [*(("socket", mode) for mode in MODES), ("httpx", "asyncio")], indirect=["mode"]
)
def test_a_refused_connection(transport: str, mode: Mode, closed_port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fibonacci._core.redirection.ended", {})  # an earlier test's emulator may have had the port
    error = _error(mode, f"http://127.0.0.1:{closed_port}/v1", transport=transport)
    assert error.message == f"no connection to 127.0.0.1:{closed_port}: Connection refused"


def test_https_to_a_port_for_http(mode: Mode) -> None:
    with ScriptedServer(greet=raw_then_close(b"HTTP/1.1 400 Bad Request\r\n\r\n")) as server:
        error = _error(mode, server.base_url.replace("http:", "https:"))
    assert server.delivered == 1
    assert error.message.startswith(f"no TLS connection to 127.0.0.1:{server.port}: ")
    remedy = "The server does not use TLS on this port: the base URL should begin with http://"
    assert remedy in error.message
    assert "certificate" not in error.message


class TestProxies:
    """A failure on the way through a proxy names the proxy, and never its user and password."""

    @pytest.mark.parametrize("transport", ["socket", "httpx"])
    @pytest.mark.parametrize("scheme", ["http", "https"])
    def test_that_nothing_listens_at(
        self,
        scheme: str,
        transport: str,
        mode: Mode,
        closed_port: int,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setenv(f"{scheme.upper()}_PROXY", f"http://ada:s3cret@127.0.0.1:{closed_port}")
        error = _error(mode, f"{scheme}://api.example/v1", allow_insecure=True, transport=transport)
        port = {"http": 80, "https": 443}[scheme]
        proxy = f"http://127.0.0.1:{closed_port}"
        assert error.message == f"no connection to api.example:{port} through proxy {proxy}: Connection refused"

    @pytest.mark.parametrize("transport", ["socket", "httpx"])
    @each_row(
        ("step", "message"),
        [
            (
                raw_then_close(head(403, length=0)),
                "{status} 403 Whatever. Check HTTPS_PROXY, HTTP_PROXY and ALL_PROXY, and whether the proxy allows this",
            ),
            (raw_then_close(head(407, length=0)), "{status} 407 Whatever. The proxy needs a user"),
            (raw_then_close(head(503, {"X-Squid-Error": "DNS 0"}, length=0)), "{status} 503 Whatever; 'DNS 0'"),
            (raw_then_stall(head(503, length=9)), "{status} 503 Whatever"),
            (raw_then_reset(b""), "Connection reset by peer"),
        ],
    )
    def test_that_makes_no_tunnel(
        self,
        step: Step,
        message: str,
        transport: str,
        mode: Mode,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        """It reads alike on both transports."""
        with ScriptedServer(step) as proxy:
            monkeypatch.setenv("HTTPS_PROXY", f"http://ada:s3cret@127.0.0.1:{proxy.port}")
            error = _error(mode, "https://Bücher.example:8443/v1", transport=transport)
        host = "xn--bcher-kva.example:8443"
        assert [(one.method, one.target) for one in proxy.requests] == [("CONNECT", host)]
        said = message.format(status=f"the proxy responded to CONNECT {host} with status")
        assert error.message.startswith(f"no connection to {host} through proxy {proxy.origin}: {said}")
        assert isinstance(error, APIConnectionError)
        assert (error.phase, error.outcome_unknown) == ("proxy", False)
        assert ("password" in error.message) == ("407" in message)

    def test_that_forwards_a_request_and_fails(self, mode: Mode, monkeypatch: pytest.MonkeyPatch) -> None:
        def check(text: Text) -> None:
            with ScriptedServer(text.step) as proxy:
                monkeypatch.setenv("HTTP_PROXY", f"http://ada:s3cret@127.0.0.1:{proxy.port}")
                error = _error(mode, "http://bücher.example/v1", allow_insecure=True, timeout=text.timeout)
            assert proxy.last.target == "http://xn--bcher-kva.example/v1/x"
            assert proxy.last.one("host") == "xn--bcher-kva.example"
            at = f"xn--bcher-kva.example:80 through proxy {proxy.origin}"
            assert error.message.startswith(text.message.format(at=at))

        check_rows(CONNECTIONS.items(), check)

    def test_whose_name_is_unknown(self, mode: Mode, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("HTTPS_PROXY", "http://ada:s3cret@no-such-proxy.invalid:3128")
        error = _error(mode, "https://api.example/v1")
        at = "api.example:443 through proxy http://no-such-proxy.invalid:3128"
        assert error.message.startswith(f"no connection to {at}, whose name cannot be resolved: ")
        assert ". Check HTTPS_PROXY" in error.message


class Response(NamedTuple):
    """A response, the base URL's path, and the message of the error; `{origin}` is the server's."""

    step: Step
    message: str
    prefix: str = "/v1"
    path: str = "/x"


def _html(status: int, body: bytes = HTML, **headers: str) -> Step:
    return respond(status, body, {name.replace("_", "-"): value for name, value in headers.items()}, content_type="")


def _moved(status: int, location: str) -> Step:
    return respond(status, b"", {"Location": location})


NO_PATH = json.dumps(
    {"error": {"code": "not_found", "message": "There is no GET /x.", "details": [{"field": "path", "message": "x"}]}}
).encode()
LACKS_V1 = f"{SAYS_HTML}. The base URL {{origin}} has no /v1"
GATEWAY = "A gateway or proxy responded, not the platform"
NOT_FOLLOWED = "The SDK doesn't follow redirects, because they could send the API key elsewhere"
TRUST = "If you trust that address, set the base URL to "
TLS_PORT = ". The server uses TLS on this port: the base URL should begin with https://"
RESPONSES: dict[str, Response] = {
    "404 without /v1": Response(_html(404), LACKS_V1, ""),
    "404 of a framework": Response(
        respond(404, b'{"detail": "Not Found"}'),
        f"Not Found{other_api('v1')}",
        "/api",
    ),
    "502 of a framework": Response(respond(502, b'{"detail": "No upstream."}'), f"No upstream. {GATEWAY}"),
    "404 below /v1": Response(_html(404), SAYS_HTML),
    "404 of the platform": Response(respond(404, error_body("not_found", "There is none.")), "There is none.", ""),
    "404 of the platform, about the path": Response(
        respond(404, NO_PATH),
        "There is no GET /x. The base URL {origin} has no /v1",
        "",
    ),
    "404 of the platform below /v1, about the path": Response(
        respond(404, NO_PATH),
        "There is no GET /x.",
    ),
    "502 with HTML": Response(_html(502), f"{SAYS_HTML}. {GATEWAY}"),
    "502 with nothing": Response(_html(502, b""), f"the response has no body. {GATEWAY}"),
    "502 of the platform": Response(respond(502, error_body("x", "Sorry.")), "Sorry."),
    "503 with HTML": Response(_html(503), f"{SAYS_HTML}. {GATEWAY}"),
    "503 of a proxy": Response(_html(503, b"", Proxy_Status="p"), f"the response has no body. {GATEWAY}"),
    "503 with nothing": Response(_html(503, b""), "the response has no body"),
    "500 with HTML": Response(_html(500), SAYS_HTML),
    "407": Response(
        _html(407), "the proxy needs a user and password, as in HTTP_PROXY=http://user:password@proxy.example:3128"
    ),
    "304": Response(
        _moved(304, "https://other.example/v1/x"),
        "the response says that nothing has changed, which the request did not ask. Check the cache in between",
    ),
    "302 to nowhere": Response(_html(302, b""), "the server redirects without saying where"),
    "302 to no URL": Response(_moved(302, "https://[::1"), "the server redirects to something that is not a URL"),
    "301 to https": Response(
        _moved(301, "https://platform.example:444/v1/x?y=1"),
        f"the server redirects to 'https://platform.example:444/v1/x'. {NOT_FOLLOWED}."
        f" {TRUST}'https://platform.example:444/v1'",
        path="/x?y=1",
    ),
    "308 to another path": Response(
        _moved(308, "/api/v1/x"),
        f"the server redirects to '{{origin}}/api/v1/x'. {NOT_FOLLOWED}. {TRUST}'{{origin}}/api/v1'",
    ),
    "302 to a login": Response(
        _moved(302, "https://ada:s3cret@login.example/in?token=s3cret#s3cret"),
        f"the server redirects to 'https://login.example/in'. {NOT_FOLLOWED}",
    ),
    "nginx, TLS port": Response(
        _html(400, b"The plain HTTP request was sent to HTTPS port"),
        f"the response says 'The plain HTTP request was sent to HTTPS port'{TLS_PORT}",
    ),
}


def test_a_response_that_is_not_the_platforms_says_whose_it_may_be(mode: Mode) -> None:
    def check(response: Response) -> None:
        with ScriptedServer(response.step) as server:
            error = _error(mode, f"{server.origin}{response.prefix}", response.path)
        assert server.delivered == 1
        assert isinstance(error, APIStatusError)
        assert error.message == response.message.format(origin=server.origin)
        assert "s3cret" not in str(error)

    check_rows(RESPONSES.items(), check)


@each_row(
    ("message", "details", "text"),
    [
        ("No tool x.", [("tool", "No tool x")], "No tool x; field tool"),
        ("No tool x.", [("tool", "no tool x; there are y and z")], "tool: no tool x; there are y and z"),
        ("It is missing.", [("a", "is missing"), ("b", "is missing")], "It is missing; field a; field b"),
        ("It is wrong.", [], "It is wrong."),
    ],
)
def test_no_text_is_repeated(message: str, details: list[tuple[str, str]], text: str, mode: Mode) -> None:
    named = [{"field": field, "message": said} for field, said in details]
    body = json.dumps({"error": {"code": "c", "message": message, "details": named}}).encode()
    with ScriptedServer(respond(422, body)) as server:
        error = _error(mode, server.base_url)
    assert str(error).startswith(f"GET /x: status 422 c, {text} [1 attempt, ")
