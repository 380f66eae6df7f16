"""Which pages of a browser may call the emulator, and read what it says (CORS)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fibonacci.emulator import Emulator
from fibonacci.emulator.facade import app_of
from fibonacci.emulator.http.messages import ServerRequest
from fibonacci.emulator.origins import Hosts, Origins
from tests.emulator.api import ApiResponse
from tests.kit.assertions import each_row

PAGE = "http://localhost:5173"
CORS = ("Access-Control-Allow-Origin", "Access-Control-Expose-Headers")
EXPOSED = "X-Request-Id, X-RateLimit-Limit, X-RateLimit-Remaining, X-RateLimit-Reset, Retry-After"


def send(emulator: Emulator, method: str, target: str, body: str = "", **headers: str) -> ApiResponse:
    """Send a request with the owner's key to `localhost:8787`."""
    given = {"host": "localhost:8787", "authorization": f"Bearer {emulator.api_key}"}
    given |= {name.replace("_", "-"): value for name, value in headers.items()}
    response = app_of(emulator).handle(ServerRequest(method, target, given, body.encode()))
    return ApiResponse(response.status, dict(response.headers), response.body)


def put(emulator: Emulator, **headers: str) -> str:
    """Change something; return `carried out`, or the code of the refusal."""
    response = send(emulator, "PUT", "/v1/memory/k", '{"value": 1}', **headers)
    return "carried out" if response.status == 200 else response.code


@each_row(
    "headers",
    [
        {},
        {"sec_fetch_site": "same-origin"},
        {"origin": "http://LOCALHOST:8787"},
        {"host": "localhost", "origin": "http://localhost:80"},
        {"host": "[::1]:8787", "origin": "http://[::1]:8787"},
        {"origin": PAGE, "sec_fetch_site": "same-site"},
        {"origin": "https://app.example:443"},
    ],
)
def test_its_own_pages_and_those_of_named_origins_may_change_something(headers: dict[str, str]) -> None:
    emulator = Emulator(origins=[PAGE, "https://app.example"])
    assert [put(emulator, **headers) for _ in range(2)] == ["carried out"] * 2


@each_row(
    "headers",
    [
        *({"origin": text} for text in ("null", "", "*", "http://evil.example", "file://", f"{PAGE} {PAGE}")),
        *({"origin": f"http://localhost{port}"} for port in ("", ":5174")),  # another port than that of the host
        *({"origin": text} for text in ("https://localhost:8787", "http://127.0.0.1:8787", "http://app.example")),
        *({"origin": f"https://{text}"} for text in ("app.example.evil.example", "app.example@evil.example")),
        {"origin": "http://localhost:8787", "host": "localhost:9999"},
        *({"sec_fetch_site": text} for text in ("cross-site", "same-site", "what")),
    ],
)
def test_foreign_pages_may_change_nothing(headers: dict[str, str]) -> None:
    emulator = Emulator(origins=[PAGE, "https://app.example"])
    failure = emulator.fail("*", "reset")
    before = emulator.snapshot()
    for method, target in (
        ("PUT", "/v1/memory/k"),
        ("PATCH", "/v1/organizations/default/quota"),
        ("POST", "/_emulator/reset"),
        ("DELETE", "/_emulator/failures"),
        ("WHAT", "/form"),
    ):
        refused = send(emulator, method, target, '{"value": 1}', **headers)
        assert (refused.status, refused.code) == (403, "origin_not_allowed")
    assert (emulator.snapshot(), emulator.requests.count, failure.remaining) == (before, 0, 1)
    assert send(emulator, "GET", "/_emulator/failures", **headers).status == 200  # reading changes nothing


def test_the_refusal_names_the_remedy() -> None:
    emulator = Emulator()
    response = send(emulator, "POST", "/_emulator/reset", origin="http://localhost:3000")
    assert "--origin http://localhost:3000" in response.json["error"]["message"]
    for headers in ({"origin": "null"}, {"sec_fetch_site": "cross-site"}):
        assert "--origin" not in send(emulator, "POST", "/_emulator/reset", **headers).json["error"]["message"]


@given(st.text(max_size=60), st.text(max_size=30))
def test_whatever_the_headers_are_nothing_foreign_is_carried_out(origin: str, host: str) -> None:
    allowed = Origins(Hosts(), [PAGE])
    response = app_of(Emulator()).handle(ServerRequest("PUT", "/v1/memory/k", {"host": host, "origin": origin}))
    assert response.status in (400, 403)
    request = ServerRequest("GET", "/v1/health", {"host": host, "origin": origin})
    assert dict(allowed.headers(request)) == {"Vary": "Origin"}


@each_row(
    "origin",
    [
        *("", "*", "null", "localhost:5173", "//localhost", "http://", "http://localhost/", "http://a?b", "http://a#b"),
        *("http://u@a", "http://a b", "http://*.test", "http://a:65536", "ftp://a", f"{PAGE},{PAGE}", "HTTP://a"),
        "http://ä",
    ],
)
def test_a_malformed_origin_is_refused_at_the_start(origin: str) -> None:
    with pytest.raises(
        ValueError, match=r"origins must list origins as a browser sends them: .*'http://localhost:5173'"
    ):
        Emulator(origins=[origin])


def test_a_preflight_request_of_a_named_origin() -> None:
    emulator = Emulator(origins=[PAGE, "http://other.test"], rate_limit=(1, 60))
    failure = emulator.fail()
    asked = {"access_control_request_method": "PATCH", "access_control_request_headers": "authorization,content-type"}
    for target in ("/v1/workflows", "/v1/nowhere", "/_emulator/snapshot"):
        response = send(emulator, "OPTIONS", target, authorization="", origin=PAGE, **asked)
        assert (response.status, response.body) == (204, b"")
        assert response.headers == {
            "Vary": "Origin",
            "Access-Control-Allow-Origin": PAGE,
            "Access-Control-Expose-Headers": EXPOSED,
            "Access-Control-Allow-Methods": "GET, POST, PUT, PATCH, DELETE",
            "Access-Control-Allow-Headers": "authorization,content-type",
            "Access-Control-Max-Age": "600",
        }
    assert (emulator.requests.count, failure.remaining) == (0, 1)


@each_row(
    ("target", "headers"),
    [
        ("/v1/workflows", {"origin": "http://evil.example", "access_control_request_method": "PUT"}),
        ("/v1/workflows", {"origin": "http://localhost:8787", "access_control_request_method": "PUT"}),
        ("/v2/", {"origin": PAGE, "access_control_request_method": "PUT"}),
    ],
)
def test_no_other_preflight_request_is_answered(target: str, headers: dict[str, str]) -> None:
    response = send(Emulator(origins=[PAGE]), "OPTIONS", target, **headers)
    assert response.status in (404, 405)
    assert response.headers["Vary"] == "Origin"
    assert not [name for name in response.headers if name.startswith("Access-Control")]


def test_a_named_origin_may_read_every_response() -> None:
    emulator = Emulator(origins=[PAGE], rate_limit=(3, 60))
    emulator.fail("GET /tools", "html")
    for method, target, status in (
        ("GET", "/v1/health", 200),
        ("OPTIONS", "/v1/health", 405),
        ("GET", "/v1/nowhere", 404),
        ("GET", "/v1/health", 429),
        ("GET", "/v1/tools", 200),
        ("GET", "/_emulator/failures", 200),
        ("POST", "/_emulator/reset", 204),
    ):
        response = send(emulator, method, target, origin=PAGE)
        assert response.status == status
        assert [response.headers[name] for name in CORS] == [PAGE, EXPOSED]
        assert response.headers["Vary"] == "Origin"
        assert "Access-Control-Allow-Credentials" not in response.headers
    for headers in ({}, {"origin": "http://evil.example"}, {"origin": "null"}):
        response = send(emulator, "GET", "/v1/health", **headers)
        assert response.headers["Vary"] == "Origin"
        assert not [name for name in response.headers if name.startswith("Access-Control")]
    assert "Access-Control-Allow-Origin" not in send(emulator, "GET", "/", origin=PAGE).headers


def test_without_named_origins_no_response_has_a_header_of_cors() -> None:
    headers = send(Emulator(), "GET", "/v1/health", origin="http://localhost:8787").headers
    assert not [name for name in headers if name == "Vary" or name.startswith("Access-Control")]
