"""Certificates: a bad one is tried once, and the error says what to do; a private authority can be trusted."""

from __future__ import annotations

import socket
import ssl

import pytest

from fibonacci import APIConnectionError
from tests.faults.calls import METHODS, all_fine, call_each
from tests.kit.certificates import Authority, of_an_unknown_authority, self_signed
from tests.kit.mode import Mode, each_mode
from tests.kit.peer import Peer
from tests.kit.server import ScriptedServer
from tests.kit.steps import head, ok, raw_then_reset

BAD = ["expired", "for another host", "self-signed", "of an unknown authority"]


def _bad_server_side(name: str, authority: Authority) -> ssl.SSLContext:
    return {
        "expired": authority.expired,
        "for another host": authority.for_another_host,
        "self-signed": self_signed,
        "of an unknown authority": of_an_unknown_authority,
    }[name]()


@pytest.mark.parametrize("name", BAD)
def test_a_bad_certificate_is_tried_once(name: str, mode: Mode, authority: Authority) -> None:
    with ScriptedServer(ok, tls=_bad_server_side(name, authority)) as server:
        ended = call_each(mode, server.base_url, ca_bundle=authority.file)
    assert server.requests == []
    assert server.connections == len(METHODS)
    for method in METHODS:
        error = ended[method].api_error
        assert type(error) is APIConnectionError
        assert (error.attempts, error.outcome_unknown) == (1, False)
        for remedy in ("ca_bundle=", "SSL_CERT_FILE", "certificate verify failed"):
            assert remedy in str(error)


@each_mode
def test_a_private_authority_by_ca_bundle(mode: Mode, authority: Authority) -> None:
    with ScriptedServer(ok, tls=authority.good()) as server:
        trusting = call_each(mode, server.base_url, ca_bundle=authority.file)
        suspicious = call_each(mode, server.base_url, ca_bundle=None)
    assert all_fine(trusting)
    assert all(isinstance(ended.error, APIConnectionError) for ended in suspicious.values())
    assert len(server.requests) == len(METHODS)


@each_mode
def test_a_reset_under_tls_is_an_unknown_outcome(mode: Mode, authority: Authority) -> None:
    with ScriptedServer(raw_then_reset(b""), tls=authority.good()) as server:
        ended = call_each(mode, server.base_url, ca_bundle=authority.file)
    assert server.by_method() == {"GET": 3, "PUT": 3, "DELETE": 3, "POST": 1, "PATCH": 1}
    assert [m for m in METHODS if ended[m].api_error.outcome_unknown] == ["POST", "PATCH"]


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


@pytest.mark.parametrize("name", ["SSL_CERT_FILE", "UNRELATED"])
def test_a_private_authority_by_ssl_cert_file(name: str, authority: Authority, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, str(authority.file))
    with ScriptedServer(ok, tls=authority.good()) as server, Mode("asyncio") as mode:
        ended = call_each(mode, server.base_url)
    assert all_fine(ended) == (name == "SSL_CERT_FILE")
    assert len(server.requests) == (len(METHODS) if name == "SSL_CERT_FILE" else 0)
