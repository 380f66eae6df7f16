"""Certificates: a bad one is tried once, and the error says what to do; a private authority can be trusted."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable

import pytest

from fibonacci import APIConnectionError
from tests.faults.calls import ONE_OF_EACH, call_each
from tests.kit.assertions import check_rows
from tests.kit.certificates import Authority, of_an_unknown_authority, self_signed
from tests.kit.mode import Mode, each_mode
from tests.kit.peer import Peer
from tests.kit.server import ScriptedServer
from tests.kit.steps import head, ok, raw_then_reset


def test_a_bad_certificate_is_tried_once(mode: Mode, authority: Authority) -> None:
    def check(server_side: Callable[[], ssl.SSLContext]) -> None:
        with ScriptedServer(ok, tls=server_side()) as server:
            ended = call_each(mode, server.base_url, ca_bundle=authority.file)
        assert server.requests == []
        assert server.connections == len(ONE_OF_EACH)
        for method in ONE_OF_EACH:
            error = ended[method].api_error
            assert type(error) is APIConnectionError
            assert (error.attempts, error.outcome_unknown) == (1, False)
            for remedy in ("ca_bundle=", "SSL_CERT_FILE", "certificate verify failed"):
                assert remedy in str(error)
            assert ".. If a private CA" not in str(error), "a sentence has one end"

    bad = (authority.expired, authority.for_another_host, self_signed, of_an_unknown_authority)
    check_rows([(server_side.__name__, server_side) for server_side in bad], check)


def test_a_reset_under_tls_is_an_unknown_outcome(mode: Mode, authority: Authority) -> None:
    with ScriptedServer(raw_then_reset(b""), tls=authority.good()) as server:
        ended = call_each(mode, server.base_url, ca_bundle=authority.file)
    assert server.by_method() == {"GET": 3, "POST": 1}
    assert [m for m in ONE_OF_EACH if ended[m].api_error.outcome_unknown] == ["POST"]


@each_mode
@pytest.mark.skipif(not hasattr(socket, "TCP_CORK"), reason="needs a system that can hold bytes back, such as Linux")
def test_surplus_data_after_a_response_under_tls_is_no_response(mode: Mode, authority: Authority) -> None:
    def two_responses(peer: Peer) -> None:
        # Two records that come at once: of the second nothing is decrypted when the first has been read.
        peer.cork(True)
        ok(peer)
        peer.send(head(200, length=13) + b'{"data": 666}')
        peer.cork(False)

    with ScriptedServer(two_responses, tls=authority.good()) as server:
        client = mode.client_of(server, ca_bundle=authority.file)
        for _ in range(5):
            assert mode.end(client.request, "POST", "/x").value == {"fine": True}
    assert len(server.requests) == server.connections == 5
