"""Whatever the server sends, only a FibonacciError leaves a call, in time, and the client stays usable.

`FIBONACCI_TEST_PROFILE=long` looks for an hour's worth of examples in place of some seconds' worth.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import ExitStack
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fibonacci import APIError, FibonacciError
from fibonacci.models import Execution
from fibonacci.transports import HTTPResponse
from tests.faults.calls import longest
from tests.kit.mode import MODES, Ended, Mode
from tests.kit.peer import Peer
from tests.kit.server import ScriptedServer
from tests.kit.steps import Step, error_body, head, http_date, ok, raw_then_close, respond
from tests.kit.transport import ScriptedTransport

LONG = os.environ.get("FIBONACCI_TEST_PROFILE") == "long"
TIMEOUT = 0.5
# How exactly the time is kept is for the table to show; here nothing may hang.
SLACK = 5.0 if LONG else 1.0
_SETTINGS = settings(
    max_examples=50_000 if LONG else 100,
    deadline=None,
    derandomize=not LONG,
    suppress_health_check=[HealthCheck.too_slow],
    database=None,
)

_NAMES = (
    "Content-Type Content-Encoding Content-Length Transfer-Encoding Connection Location Date Retry-After"
    " Set-Cookie X-Request-Id X-RateLimit-Limit X-RateLimit-Remaining X-RateLimit-Reset Upgrade Trailer"
    " WWW-Authenticate"
)
_TOKENS = "gzip deflate br gzip,gzip chunked close text/html application/json NaN -1 1e999"
_FIELDS = "data meta error code message details items next_cursor pagination page total_pages id status"
_VALUES = st.one_of(
    st.text(st.characters(codec="latin-1", exclude_characters="\r\n"), max_size=30),
    st.sampled_from(_TOKENS.split()),
    st.integers().map(str),
    st.floats().map(str),
    st.builds(http_date, st.floats(0, 4e9)),
    st.datetimes().map(lambda moment: moment.strftime("%a, %d %b %Y %H:%M:%S -0000")),
)
_HEADERS = st.lists(st.tuples(st.sampled_from(_NAMES.split()), _VALUES), max_size=6)
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(_FIELDS.split()) | st.text(max_size=5),
            inner,
            max_size=5,
        )
    ),
    max_leaves=12,
)


def _json_bytes(value: Any) -> bytes:
    return json.dumps(value).encode()


_BODIES = st.one_of(
    st.binary(max_size=200),
    _JSON.map(_json_bytes),
    st.sampled_from([error_body(), error_body("quota"), b"", b"{", b"[" * 5000, b'"\\ud800"', b"9" * 6000, b"1e99999"]),
)
_STATUSES = st.sampled_from([200, 201, 204, 304, 400, 404, 422, 429, 429, 500, 503, 503]) | st.integers(100, 999)


@st.composite
def _responses(draw: st.DrawFn) -> Step:
    """Draw a response whose length is right."""
    return respond(
        draw(_STATUSES), draw(_BODIES), draw(_HEADERS), content_type=draw(st.sampled_from(["", "text/plain"]))
    )


@st.composite
def _mangled(draw: st.DrawFn) -> Step:
    """Draw a response that was cut, changed by some bytes, or chunked by chance."""
    body = draw(_BODIES)
    chunked = draw(st.booleans())
    headers = [*draw(_HEADERS), *([("Transfer-Encoding", "chunked")] if chunked else [])]
    data = head(draw(_STATUSES), headers, length=None if chunked else draw(st.integers(0, 300))) + body
    at = draw(st.integers(0, len(data)))
    data = data[:at] + draw(st.binary(max_size=8)) + data[at + draw(st.integers(0, 8)) :]
    return raw_then_close(data)


_STEPS = st.one_of(_responses(), _mangled(), st.binary(max_size=300).map(raw_then_close))
_CALLS = ("untyped", "typed", "list", "delete", "execute")


class FaultServer:
    """One server whose next steps are set at will, and a client of each mode."""

    def __init__(self, stack: ExitStack) -> None:
        self._step: Step = ok
        self.server = stack.enter_context(ScriptedServer(self._do))
        self._number = 0
        modes = [stack.enter_context(Mode(name)) for name in MODES]
        options = {"api_key": self._key, "timeout": TIMEOUT, "max_retries": 1}
        self._clients = [(mode, mode.client_of(self.server, **options)) for mode in modes]

    def _key(self) -> str:
        """Return a key of its own for each example: refusals in one must not delay the next."""
        return f"sk-example-{self._number}"

    def _do(self, peer: Peer) -> None:
        self._step(peer)

    def call(self, step: Step, kind: str) -> list[Ended]:
        """Call once in each mode while the server does this."""
        self._step = step
        self._number += 1
        calls: list[Future[Ended]] = []
        for mode, client in self._clients:
            method, *given = {
                "untyped": (client.request, "PATCH", "/x"),
                "typed": (client.executions.get, "exec_1"),
                "list": (client.tools.list().first,),
                "delete": (client.workflows.delete, "wf-1"),
                "execute": (client.workflows.execute, "wf-1"),
            }[kind]
            calls.append(mode.begin(method, *given))
        return [call.result() for call in calls]


@pytest.fixture(scope="module")
def laboratory() -> Iterator[FaultServer]:
    with ExitStack() as stack:
        laboratory = FaultServer(stack)
        # What is imported late is imported here: Hypothesis moves the recursion limit about, which imports in other
        # threads do not bear.
        for step in (ok, respond(404), respond(200, b""), raw_then_close(b"")):
            for kind in _CALLS:
                laboratory.call(step, kind)
        yield laboratory


@pytest.mark.slow
@pytest.mark.timeout(7200 if LONG else 120)
def test_only_fibonacci_errors_leave_a_call(laboratory: FaultServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fibonacci._core.retry.uniform", min)  # the delays before retries
    outcomes: set[str] = set()

    @_SETTINGS
    @given(_STEPS, st.sampled_from(_CALLS))
    def look(step: Step, kind: str) -> None:
        for ended in laboratory.call(step, kind):
            assert ended.seconds <= longest(TIMEOUT) + SLACK
            if ended.error is None:
                outcomes.add("success")
                continue
            assert isinstance(ended.error, FibonacciError), repr(ended.error)
            assert isinstance(ended.error, APIError)
            assert str(ended.error)
            outcomes.add(type(ended.error).__name__)

    before = len(laboratory.server.requests)
    look()
    assert len(laboratory.server.requests) - before >= len(MODES) * 80
    # The examples were not all of a kind.
    assert {"APIConnectionError", "ServerError"} < outcomes
    for kind in _CALLS:
        fine = respond(200, b'{"data":[]}' if kind == "list" else b'{"id": "exec_1", "status": "new"}')
        assert [ended.error for ended in laboratory.call(fine, kind)] == [None] * len(MODES)


@given(_JSON)
def test_any_json_is_an_execution_or_an_error(value: Any) -> None:
    transport = ScriptedTransport(HTTPResponse(status=200, headers=[], body=_json_bytes({"data": value})))
    with Mode("sync") as mode:
        ended = mode.end(mode.client_of(transport, max_response_bytes=10_000).executions.get, "exec_1")
    assert isinstance(ended.value, Execution) != isinstance(ended.error, FibonacciError)
