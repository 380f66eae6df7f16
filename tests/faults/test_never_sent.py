"""Failures before anything is sent: any method is repeated; but a bad certificate or name is tried once."""

from __future__ import annotations

import socket
import threading

import pytest

from fibonacci import APIConnectionError
from tests.faults.calls import KEY, ONE_OF_EACH, always, call_each
from tests.faults.expectations import MAX_RETRIES
from tests.kit.assertions import each_row
from tests.kit.mode import Mode
from tests.kit.peer import Peer
from tests.kit.server import ScriptedServer
from tests.kit.steps import Step, ok, raw_then_close, raw_then_reset, respond


def test_a_server_that_starts_to_listen_in_time(mode: Mode, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fibonacci._core.retry.uniform", always(0.3))
    with socket.socket() as late:
        late.bind(("127.0.0.1", 0))
        client = mode.client(KEY, base_url=f"http://127.0.0.1:{late.getsockname()[1]}/v1", timeout=5)
        calls = [mode.begin(client.request, method, "/things") for method in ONE_OF_EACH]
        with pytest.raises(TimeoutError):
            calls[0].result(0.15)
        late.listen()
        late.settimeout(10)
        for _ in ONE_OF_EACH:
            connection, _ = late.accept()
            with connection:
                peer = Peer(connection, threading.Event())
                assert peer.read_request()
                respond(headers={"Connection": "close"})(peer)  # else another call may take it before it is closed
        assert [call.result().value for call in calls] == [{"fine": True}] * len(ONE_OF_EACH)


@each_row("end", [raw_then_reset(b""), raw_then_close(b"")])
def test_a_connection_that_ends_during_the_tls_handshake(end: Step, mode: Mode) -> None:
    with ScriptedServer(greet=end) as server:
        ended = call_each(mode, server.base_url.replace("http:", "https:"), json={})
    for method in ONE_OF_EACH:
        error = ended[method].api_error
        assert type(error) is APIConnectionError
        assert (error.attempts, error.outcome_unknown) == (1 + MAX_RETRIES, False)
    assert server.delivered == server.connections == len(ONE_OF_EACH) * (1 + MAX_RETRIES)


@each_row("host", ["no-such-host.invalid", "a" * 70 + ".invalid"])
def test_an_unknown_name_is_tried_once(mode: Mode, host: str) -> None:
    for method, ended in call_each(mode, f"https://{host}/v1", json={}).items():
        error = ended.api_error
        assert type(error) is APIConnectionError, method
        assert (error.attempts, error.outcome_unknown) == (1, False)
        assert "name cannot be resolved" in str(error)
        assert "Check the base URL" in str(error)


@pytest.mark.usefixtures("each_transport")
def test_after_a_421_a_request_is_repeated_on_a_new_connection(mode: Mode) -> None:
    misdirected = respond(421, b"not here", content_type="text/plain")
    with ScriptedServer(ok, misdirected, ok, misdirected, ok) as server:
        client = mode.client_of(server)
        for method in ("GET", "PUT"):
            assert mode.end(client.request, method, "/x").value == {"fine": True}
        error = mode.end(client.request, "POST", "/x").api_error
        assert (error.attempts, error.outcome_unknown) == (1, False)
        assert mode.end(client.request, "POST", "/x").value == {"fine": True}
    assert [request.connection for request in server.requests] == [1, 1, 2, 2, 3]
