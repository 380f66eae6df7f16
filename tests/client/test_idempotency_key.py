"""The `Idempotency-Key` of a call: the argument's, else that of the client's headers, else a new one."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest

from fibonacci import ConfigurationError, ConflictError, Fibonacci
from fibonacci.emulator import Emulator
from fibonacci.transports import HTTPResponse, TransportError
from tests.kit.assertions import each_row, refused
from tests.kit.clock import FakeClock
from tests.kit.mode import Mode
from tests.kit.nodes import llm
from tests.kit.server import ScriptedServer
from tests.kit.steps import raw_then_reset, respond_json
from tests.kit.transport import ScriptedTransport, http_response

DONE = respond_json({"data": {"execution_id": "exec_1", "status": "completed"}})
OWN = {"Idempotency-Key": "own"}
VISIBLE = "".join(map(chr, range(0x21, 0x7F)))
BAD: list[tuple[Any, type[Exception], str]] = [
    ("", ConfigurationError, "must be 1 to 255 visible ASCII characters without spaces, not ''"),
    ("a b", ConfigurationError, "visible ASCII"),
    ("a\nb", ConfigurationError, "visible ASCII"),
    ("ä", ConfigurationError, "visible ASCII"),
    ("x" * 256, ConfigurationError, "1 to 255"),
    (b"key", TypeError, "must be a str or None, not bytes"),
    (7, TypeError, "must be a str or None, not int"),
]


class TestOnTheWire:
    @each_row(
        ("method", "headers", "argument", "expected"),
        [
            ("execute", OWN, {"idempotency_key": "job-7"}, "job-7"),
            ("execute", OWN, {"idempotency_key": None}, "own"),
            ("execute", {"IDEMPOTENCY-KEY": "own"}, {}, "own"),
            ("execute", {}, {"idempotency_key": VISIBLE}, VISIBLE),
            ("run", {}, {"idempotency_key": "job-7"}, "job-7"),
            ("run", OWN, {}, "own"),
        ],
    )
    def test_the_first_that_is_given(
        self, mode: Mode, method: str, headers: dict[str, str], argument: dict[str, Any], expected: str
    ) -> None:
        with ScriptedServer(DONE) as server:
            client = mode.client_of(server, headers=headers)
            mode.run(getattr(client.workflows, method)("wf-1", **argument))
        assert server.requests[0].one("Idempotency-Key") == expected

    def test_a_new_one_for_each_call(self, mode: Mode) -> None:
        with ScriptedServer(DONE) as server:
            client = mode.client_of(server)
            for _ in range(3):
                mode.run(client.workflows.execute("wf-1"))
        assert len({request.one("Idempotency-Key") for request in server.requests}) == 3

    def test_of_the_headers_on_every_post_and_nothing_else(self, mode: Mode) -> None:
        with ScriptedServer(DONE) as server:
            client = mode.client_of(server, headers=OWN)
            for method in ("GET", "POST", "PUT", "PATCH", "DELETE"):
                mode.run(client.request(method, "/x"))
        sent = {request.method: request.all("Idempotency-Key") for request in server.requests}
        assert sent == {"GET": [], "POST": ["own"], "PUT": [], "PATCH": [], "DELETE": []}

    @pytest.mark.parametrize("transport", ["socket", "httpx"])
    def test_the_error_names_it(self, mode: Mode, transport: str) -> None:
        with ScriptedServer(raw_then_reset(b"")) as server:
            client = mode.client_of(server, transport=transport)
            ended = mode.end(client.workflows.execute, "wf-1", idempotency_key="job-7")
        assert ended.api_error.idempotency_key == server.last.one("Idempotency-Key") == "job-7"
        assert "idempotency key job-7" in str(ended.api_error)


class TestExecutedOnce:
    def test_the_same_key_again_is_the_same_execution(self, mode: Mode, emulator: Emulator) -> None:
        client = mode.client_of(emulator)
        workflow = mode.run(client.workflows.create(name="x", definition={"nodes": [llm("a", "{{input.n}}")]}))
        first, second = (
            mode.run(client.workflows.execute(workflow.id, inputs={"n": 1}, idempotency_key="job:7/a"))
            for _ in range(2)
        )
        third = mode.run(client.workflows.run(workflow.id, inputs={"n": 1}, idempotency_key="job:7/a"))
        assert first.id == second.id == third.id
        assert len(mode.run(client.executions.list())) == 1
        assert mode.run(client.workflows.execute(workflow.id, inputs={"n": 1})).id != first.id

    def test_with_other_inputs_it_is_refused(self, mode: Mode, emulator: Emulator) -> None:
        client = mode.client_of(emulator)
        workflow = mode.run(client.workflows.create(name="x", definition={"nodes": [llm("a", "{{input.n}}")]}))
        mode.run(client.workflows.execute(workflow.id, inputs={"n": 1}, idempotency_key="k"))
        ended = mode.end(client.workflows.execute, workflow.id, inputs={"n": 2}, idempotency_key="k")
        assert isinstance(ended.error, ConflictError)
        assert len(mode.run(client.executions.list())) == 1

    @each_row(
        "then",
        [
            TransportError("never_sent", OSError("nothing listens")),
            http_response({"error": {"code": "unauthorized"}}, 401),
            http_response({"error": {"code": "rate_limit_exceeded"}}, 429, {"retry-after": "3600"}),
        ],
    )
    def test_an_unknown_outcome_stays_unknown_whatever_follows(
        self, mode: Mode, clock: object, then: HTTPResponse | Exception
    ) -> None:
        transport = ScriptedTransport(http_response(b"<h1>Bad Gateway</h1>", 502), then)
        client = mode.client_of(transport, transport=transport, idempotency="server")
        ended = mode.end(client.workflows.execute, "wf-1")
        assert len(transport.requests) > 1
        assert ended.api_error.outcome_unknown


IN_USE = http_response({"error": {"code": "conflict", "message": "The key is in use"}}, 409)


class TestAConflictWithTheCallsOwnEarlierAttempt:
    """The answer to the first attempt is lost. The server, which honors keys, still works on it."""

    def test_the_call_waits_for_the_first_attempt(self, mode: Mode, clock: FakeClock) -> None:
        lost, done = http_response(b"<h1>Bad Gateway</h1>", 502), http_response({"data": {"id": "exec_1"}})
        transport = ScriptedTransport(lost, *[IN_USE] * 8, done)
        client = mode.client_of(transport, idempotency="server", max_retries=1)
        execution = mode.run(client.workflows.execute("wf-1"))
        assert (execution.id, execution.response.attempts) == ("exec_1", 10)
        assert max(clock.slept) <= 20

    def test_at_the_deadline_the_error_says_what_is_unknown(self, mode: Mode, clock: FakeClock) -> None:
        transport = ScriptedTransport(TransportError("unknown", OSError("reset")), IN_USE)
        client = mode.client_of(transport, idempotency="server", timeout=60)
        ended = mode.end(client.workflows.execute, "wf-1", idempotency_key="job-7")
        assert isinstance(ended.error, ConflictError)
        assert ended.error.outcome_unknown
        assert "sent this request again after an unknown outcome, and the server responds with" in str(ended.error)
        assert str(ended.error).endswith("It may have been carried out (idempotency key job-7).")
        assert "The key is in use" in str(ended.error)
        assert ended.error.attempts > 5
        assert sum(clock.slept) <= 60

    @each_row("first", [[], [http_response({}, 429, {"retry-after": "1"})], [TransportError("never_sent", None)]])
    def test_a_conflict_of_the_users_is_raised_at_once(
        self, mode: Mode, clock: FakeClock, first: list[HTTPResponse | Exception]
    ) -> None:
        transport = ScriptedTransport(*first, IN_USE)
        client = mode.client_of(transport, idempotency="server")
        ended = mode.end(client.workflows.execute, "wf-1")
        assert isinstance(ended.error, ConflictError)
        assert (ended.error.message, ended.error.outcome_unknown) == ("The key is in use", False)
        assert len(transport.requests) == len(first) + 1


class TestBadKeys:
    @each_row(("key", "expected", "text"), BAD)
    @each_row("method", ["execute", "run"])
    def test_of_an_argument(
        self, mode: Mode, server: ScriptedServer, caller: Any, method: str, key: Any, expected: Any, text: str
    ) -> None:
        call = partial(getattr(caller.workflows, method), "wf-1", idempotency_key=key)
        refused(mode, server, expected, call, "idempotency_key", text)

    @each_row("key", ["", "a b", "a\tb", "x" * 256])
    def test_a_key_in_a_header_is_checked(self, key: str) -> None:
        with pytest.raises(ConfigurationError, match="headers: 'Idempotency-Key' must be 1 to 255 visible ASCII"):
            Fibonacci("key", headers={"Idempotency-Key": key})
