"""Certificates: a bad one is tried once, and the error says what to do; a private authority can be trusted."""

from __future__ import annotations

import os
import socket
import ssl
import subprocess
import sys

import pytest

from fibonacci import APIConnectionError
from tests.faults.calls import METHODS, all_fine, call_each
from tests.kit.certificates import Authority, of_an_unknown_authority, self_signed
from tests.kit.mode import Mode
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


def test_a_private_authority_by_ca_bundle(mode: Mode, authority: Authority) -> None:
    with ScriptedServer(ok, tls=authority.good()) as server:
        trusting = call_each(mode, server.base_url, ca_bundle=authority.file)
        suspicious = call_each(mode, server.base_url, ca_bundle=None)
    assert all_fine(trusting)
    assert all(isinstance(ended.error, APIConnectionError) for ended in suspicious.values())
    assert len(server.requests) == len(METHODS)


def test_a_reset_under_tls_is_an_unknown_outcome(mode: Mode, authority: Authority) -> None:
    with ScriptedServer(raw_then_reset(b""), tls=authority.good()) as server:
        ended = call_each(mode, server.base_url, ca_bundle=authority.file)
    assert server.by_method() == {"GET": 3, "PUT": 3, "DELETE": 3, "POST": 1, "PATCH": 1}
    assert [m for m in METHODS if ended[m].api_error.outcome_unknown] == ["POST", "PATCH"]


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


_PROGRAM = """
import asyncio, sys
import fibonacci

def sync():
    with fibonacci.Fibonacci("key", base_url=sys.argv[1]) as client:
        return client.request("GET", "/x")

async def main():
    async with fibonacci.AsyncFibonacci("key", base_url=sys.argv[1]) as client:
        return await client.request("GET", "/x")

assert sync() == asyncio.run(main()) == {"fine": True}
"""


@pytest.mark.parametrize("trusted", [True, False])
def test_a_private_authority_by_ssl_cert_file(trusted: bool, authority: Authority) -> None:
    with ScriptedServer(ok, tls=authority.good()) as server:
        run = subprocess.run(
            [sys.executable, "-W", "error", "-X", "dev", "-c", _PROGRAM, server.base_url],
            env={**os.environ, **({"SSL_CERT_FILE": str(authority.file)} if trusted else {})},
            capture_output=True,
            text=True,
            timeout=60,
        )
    assert (run.returncode == 0) == trusted, run.stderr
    assert len(server.requests) == (2 if trusted else 0)
    assert ("APIConnectionError" in run.stderr) != trusted
