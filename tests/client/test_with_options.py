"""`with_options`: other options on the same connections; `request` with headers and a timeout of its own."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from fibonacci import ConfigurationError, RateLimitError
from tests.kit.assertions import each_row, refused
from tests.kit.mode import Mode
from tests.kit.server import ScriptedServer
from tests.kit.steps import ok
from tests.kit.transport import ScriptedTransport

USED_UP = {"X-RateLimit-Limit": "60", "X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1800000600"}


def new_key() -> str:
    """Return a key of its own: the limits of a key are those of the whole process."""
    return f"sk-test-{uuid.uuid4().hex}"


class TestKeys:
    def test_another_key_on_the_same_connection(self, mode: Mode) -> None:
        key, other = new_key(), new_key()
        with ScriptedServer(ok) as server:
            client = mode.client(key, base_url=server.base_url)
            clone = client.with_options(api_key=other)
            for each in (client, clone, client):
                mode.run(each.request("GET", "/x"))
        assert [each.one("Authorization") for each in server.requests] == [
            f"Bearer {each}" for each in (key, other, key)
        ]
        assert {each.connection for each in server.requests} == {1}

    @pytest.mark.usefixtures("clock")
    @each_row(
        ("limiter", "options"),
        [
            ("process", {"api_key": new_key()}),
            ("off", {"api_key": new_key()}),
            ("process", {"base_url": "https://other.example/v1/"}),
        ],
    )
    def test_the_rate_limit_of_another_key_or_address_is_its_own(
        self, mode: Mode, limiter: str, options: dict[str, Any]
    ) -> None:
        transport = ScriptedTransport()
        transport.add_response({"data": 1}, headers=USED_UP)
        transport.add_response({"data": 2})
        client = mode.client_of(transport, rate_limiter=limiter)
        other = client.with_options(**options)
        mode.run(client.request("GET", "/x"))
        assert client.with_options(timeout=5).rate_limit.remaining == 0
        assert other.rate_limit is None
        if limiter == "process":
            assert isinstance(mode.end(client.with_options(timeout=5).request, "GET", "/x").error, RateLimitError)
        assert mode.run(other.with_options(timeout=5).request("GET", "/x")) == 2  # not delayed
        assert len(transport.requests) == 2

    def test_closing_either_closes_the_connections_of_both(self, mode: Mode) -> None:
        with ScriptedServer(ok) as server:
            client = mode.client_of(server)
            clone = client.with_options(api_key=new_key())
            mode.run(client.request("GET", "/x"))
            mode.close(clone)
            mode.run(client.request("GET", "/x"))
        assert [each.connection for each in server.requests] == [1, 2]


class TestChecks:
    """The checks are those of the constructor."""

    @each_row(
        ("options", "kind", "text"),
        [
            ({"api_key": ""}, ConfigurationError, "api_key is blank"),
            ({"api_key": None}, ConfigurationError, "api_key must be a str, not None"),
            ({"base_url": "http://other.example"}, ConfigurationError, "base_url is plain http to other.example"),
            ({"base_url": None}, TypeError, "base_url must be a str, not NoneType"),
            ({"headers": {"Authorization": None}}, ConfigurationError, "pass api_key instead"),
            ({"headers": {"X Y": None}}, ConfigurationError, "'X Y' is not a header name"),
            ({"headers": {7: None}}, TypeError, "headers must map str to str, not int"),
            ({"headers": [("X", "y")]}, TypeError, "headers must be a mapping of names to values, not list"),
        ],
    )
    def test_what_is_wrong(self, mode: Mode, options: dict[str, Any], kind: type[Exception], text: str) -> None:
        client = mode.client("key")
        with pytest.raises(kind) as caught:
            client.with_options(**options)
        assert type(caught.value) is kind
        assert text in str(caught.value)

    def test_plain_http_is_allowed_where_the_client_allows_it(self, mode: Mode) -> None:
        client = mode.client("key", allow_insecure=True)
        assert client.with_options(base_url="http://other.example").base_url == "http://other.example"


class TestHeaders:
    def test_none_removes_a_header(self, mode: Mode) -> None:
        with ScriptedServer(ok) as server:
            client = mode.client_of(server, headers={"X-Team": "a", "X-Trace": "b"})
            clone = client.with_options(headers={"x-team": None, "X-More": "c", "X-Absent": None})
            mode.run(clone.request("GET", "/x"))
            mode.run(client.request("GET", "/x"))
        first, second = server.requests
        assert [first.all(name) for name in ("X-Team", "X-Trace", "X-More")] == [[], ["b"], ["c"]]
        assert [second.all(name) for name in ("X-Team", "X-Trace", "X-More")] == [["a"], ["b"], []]

    def test_none_restores_what_was_replaced(self, mode: Mode) -> None:
        own, none = ({"User-Agent": value, "Idempotency-Key": value} for value in ("mine", None))
        with ScriptedServer(ok) as server:
            client = mode.client_of(server, headers=own)
            for each in (client.with_options(headers={"X": "y"}), client.with_options(headers=none)):
                mode.run(each.request("POST", "/x"))
        first, second = server.requests
        assert (first.one("User-Agent"), first.one("Idempotency-Key")) == ("mine", "mine")
        assert second.one("User-Agent").startswith("fibonacci-sdk/")
        assert second.one("Idempotency-Key") != "mine"


class TestRequest:
    def test_headers_of_one_request(self, mode: Mode) -> None:
        with ScriptedServer(ok) as server:
            client = mode.client_of(server, headers={"X-Team": "a"})
            mode.run(client.request("GET", "/x", headers={"X-Trace": "b", "X-Team": None}))
            mode.run(client.request("GET", "/x"))
        first, second = server.requests
        assert [first.all("X-Trace"), first.all("X-Team")] == [["b"], []]
        assert [second.all("X-Trace"), second.all("X-Team")] == [[], ["a"]]
        assert {each.connection for each in server.requests} == {1}

    @pytest.mark.usefixtures("clock")
    @each_row(("timeout", "remaining"), [({}, 60.0), ({"timeout": 5}, 5.0), ({"timeout": None}, None)])
    def test_the_timeout_of_one_request(self, mode: Mode, timeout: dict[str, Any], remaining: float | None) -> None:
        transport = ScriptedTransport()
        transport.add_response({"data": 1})
        mode.run(mode.client_of(transport).request("GET", "/x", **timeout))
        assert transport.remaining == [remaining]

    @each_row(
        ("options", "kind", "text"),
        [
            ({"headers": {"Authorization": "Bearer x"}}, ConfigurationError, "pass api_key instead"),
            ({"headers": {"X": b"y"}}, TypeError, "headers must map str to str, not str to bytes"),
            ({"timeout": 0}, ConfigurationError, "timeout must be above 0 seconds"),
            ({"timeout": "5"}, TypeError, "timeout must be a number of seconds"),
        ],
    )
    def test_what_is_wrong(
        self, mode: Mode, server: ScriptedServer, options: dict[str, Any], kind: type[Exception], text: str
    ) -> None:
        client = mode.client_of(server)
        refused(mode, server, kind, lambda: client.request("GET", "/x", **options), text)
