"""The error that a response becomes."""

from __future__ import annotations

from typing import get_args

import httpx
import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fibonacci import APIStatusError
from fibonacci._core.error_mapping import connection_error, describe, status_error, too_large_error
from fibonacci._core.messages import DeadlineExceeded, HTTPResponse
from fibonacci._core.response import TEXT_LIMIT, APIResponse
from fibonacci._core.transport_errors import TransportErrorKind, transport_error_from
from fibonacci.transports import TransportError
from tests.core.responses import api_response
from tests.kit.assertions import each_row
from tests.kit.clock import START

BASE_URL = "https://api.example.com/v1"
KINDS: tuple[TransportErrorKind, ...] = get_args(TransportErrorKind)
TIME_UP = DeadlineExceeded("the call's time is up")
CONNECT_TIMEOUT = DeadlineExceeded("no connection within connect_timeout (5 s)")


@given(status=st.integers(300, 599), body=st.binary(max_size=60) | st.just(b'{"error": {}}'))
def test_any_response_makes_an_error_with_a_text(status: int, body: bytes) -> None:
    error = status_error(api_response(body, status))
    assert isinstance(error, APIStatusError)
    assert error.status_code == status
    assert error.message


def test_an_exception_of_a_library_is_classified() -> None:
    kinds = [
        (ConnectionResetError(), "unknown"),
        (DeadlineExceeded(), "timeout"),
        (TimeoutError(), "timeout"),
        (TimeoutError(110, "timed out by the system"), "unknown"),
        (httpx.ConnectError("refused"), "never_sent"),
        (httpx2.ReadTimeout("slow"), "timeout"),
        (ZeroDivisionError(), "broken"),
    ]
    assert [transport_error_from(error).kind for error, _ in kinds] == [kind for _, kind in kinds]


def _nested(*texts: str) -> Exception:
    """Return an exception that is caused by another, and that by a third."""
    error = OSError(texts[-1])
    for text in reversed(texts[:-1]):
        outer = OSError(text)
        outer.__cause__ = error
        error = outer
    return error


@each_row("kind", KINDS)
def test_each_kind_says_where(kind: TransportErrorKind) -> None:
    error = TransportError(kind, OSError(7, "Why"), proxy="http://proxy.example:3128")
    message = connection_error(error, base_url=BASE_URL, is_time_up=False).message
    assert "api.example.com:443 through proxy http://proxy.example:3128" in message
    assert message.count("Why") == 1
    assert "the server" in describe(error)
    assert len(describe(error)) < 90
    assert str(error) == f"{kind} through proxy http://proxy.example:3128: Why"


@each_row(
    ("error", "is_time_up", "message"),
    [
        (TransportError("timeout", TIME_UP), True, "no complete response from {at} within the call's time"),
        (TransportError("timeout"), True, "no complete response from {at} within the call's time"),
        (TransportError("timeout"), False, "no complete response from {at} in time"),
        (
            TransportError("timeout", OSError("The read operation timed out")),
            False,
            "no complete response from {at}: The read operation timed out",
        ),
        (
            TransportError("timeout", DeadlineExceeded("no response on an idle connection")),
            True,
            "no complete response from {at} within the call's time: no response on an idle connection",
        ),
        (TransportError("timeout_never_sent", TIME_UP), True, "no connection to {at} within the call's time"),
        (
            TransportError("timeout_never_sent", DeadlineExceeded(f"{TIME_UP}: no response from 127.0.0.2")),
            True,
            "no connection to {at} within the call's time: no response from 127.0.0.2",
        ),
        (
            TransportError("timeout_never_sent", CONNECT_TIMEOUT),
            True,
            "no connection to {at} within connect_timeout (5 s)",
        ),
        (TransportError("never_sent"), False, "no connection to {at}"),
        (TransportError("never_sent", OSError()), False, "no connection to {at}: OSError"),
        (TransportError("never_sent", _nested("outer", "", "inner")), False, "no connection to {at}: inner"),
        (TransportError("never_sent", _nested("outer", "", "")), False, "no connection to {at}: outer"),
        (
            TransportError("never_sent", ExceptionGroup("two", [OSError(1, "a"), OSError(1, "a"), OSError(2, "b")])),
            False,
            "no connection to {at}: a; b",
        ),
        (TransportError("broken", KeyError("x")), False, "the transport failed in a request to {at}: KeyError: 'x'"),
    ],
)
def test_the_reason_is_the_most_telling_one(error: TransportError, is_time_up: bool, message: str) -> None:
    made = connection_error(error, base_url=BASE_URL, is_time_up=is_time_up)
    assert made.message == message.format(at="api.example.com:443")
    assert made.__cause__ is error.cause


def test_a_reason_that_is_hidden_is_not_shown() -> None:
    error = DeadlineExceeded("what counts")
    error.__context__ = OSError("why not")
    error.__suppress_context__ = True
    assert str(TransportError("unknown", error)) == "unknown: what counts"


@each_row(
    ("base_url", "at"),
    [
        ("http://api.example.com", "api.example.com:80"),
        ("http://[::1]:8080/v1", "[::1]:8080"),
        ("https://[::1]/v1", "[::1]:443"),
    ],
)
def test_an_error_names_host_and_port(base_url: str, at: str) -> None:
    made = connection_error(TransportError("never_sent"), base_url=base_url, is_time_up=False)
    assert made.message == f"no connection to {at}"


@each_row(
    ("base_url", "is_told"),
    [("http://api.example:8443", True), ("http://api.example:8080", False), ("https://api.example:443", False)],
)
def test_a_port_for_https_that_http_is_spoken_to(base_url: str, is_told: bool) -> None:
    made = connection_error(TransportError("unknown", EOFError("closed")), base_url=base_url, is_time_up=False)
    assert ("If the server uses TLS on this port, the base URL should begin with https://" in made.message) == is_told


def test_the_text_of_a_large_body_ends_before_a_part_of_the_key() -> None:
    key = "secret-key-of-the-test"
    for place in range(TEXT_LIMIT - 2, TEXT_LIMIT + len(key) + 2):
        body = (b"x" * (place - len(key)) + key.encode()).ljust(2 * TEXT_LIMIT, b"x")
        text = APIResponse(
            HTTPResponse(status=400, headers=[], body=body), received_at=START, limit=len(body), api_key=key
        ).text()
        assert "x[" in text or set(text) == {"x"}
        assert "secret" not in text
        assert TEXT_LIMIT - len(key) <= len(text) <= TEXT_LIMIT


def test_the_text_of_a_large_body_costs_no_more_than_its_beginning(monkeypatch: pytest.MonkeyPatch) -> None:
    redacted: list[int] = []

    def redact_bytes(data: bytes, key: bytes) -> bytes:
        redacted.append(len(data))
        return data

    monkeypatch.setattr("fibonacci._core.response.redact_bytes", redact_bytes)
    too_large_error(
        HTTPResponse(status=200, headers=[], body=bytes(20 * TEXT_LIMIT)), received_at=START, api_key="some-key"
    )
    assert redacted == [TEXT_LIMIT + len("some-key")]
