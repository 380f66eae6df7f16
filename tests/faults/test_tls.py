"""Certificates: a bad one is tried once, and the error says what to do; a private authority can be trusted."""

from __future__ import annotations

import os
import ssl
import subprocess
import sys
from pathlib import Path

import pytest

from fibonacci import APIConnectionError
from tests.faults.certificates import Authority, of_an_unknown_authority, self_signed
from tests.faults.driving import COLOURS, KEY, METHODS, Colour, Driver, Ended
from tests.faults.faults import ok, raw_then_reset
from tests.faults.server import FaultServer

BAD = ["expired", "for another host", "self-signed", "of an unknown authority"]


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority.made_in(tmp_path_factory.mktemp("authority"))


def _call(colour: Colour, server: FaultServer, ca_bundle: Path | None) -> dict[str, Ended]:
    with Driver(colour) as driver:
        calls = {
            method: driver.begin(
                driver.client(server.base_url, api_key=f"{KEY}-{method}", ca_bundle=ca_bundle).request, method, "/x"
            )
            for method in METHODS
        }
        return {method: call.result() for method, call in calls.items()}


def _bad_server_side(name: str, authority: Authority) -> ssl.SSLContext:
    return {
        "expired": authority.expired,
        "for another host": authority.for_another_host,
        "self-signed": self_signed,
        "of an unknown authority": of_an_unknown_authority,
    }[name]()


@pytest.mark.parametrize("colour", COLOURS)
@pytest.mark.parametrize("name", BAD)
def test_a_bad_certificate_is_tried_once(name: str, colour: Colour, authority: Authority) -> None:
    with FaultServer(ok, tls=_bad_server_side(name, authority)) as server:
        ended = _call(colour, server, authority.file)
    assert server.requests == []
    assert server.connections == len(METHODS)
    for method in METHODS:
        error = ended[method].api_error
        assert type(error) is APIConnectionError
        assert (error.attempts, error.outcome_unknown) == (1, False)
        for remedy in ("ca_bundle=", "SSL_CERT_FILE", "certificate verify failed"):
            assert remedy in str(error)


@pytest.mark.parametrize("colour", COLOURS)
def test_a_private_authority_by_ca_bundle(colour: Colour, authority: Authority) -> None:
    with FaultServer(ok, tls=authority.good()) as server:
        trusting = _call(colour, server, authority.file)
        suspicious = _call(colour, server, None)
    assert [ended.value for ended in trusting.values()] == [{"fine": True}] * len(METHODS)
    assert all(isinstance(ended.error, APIConnectionError) for ended in suspicious.values())
    assert len(server.requests) == len(METHODS)


@pytest.mark.parametrize("colour", COLOURS)
def test_a_reset_under_tls_is_an_unknown_outcome(colour: Colour, authority: Authority) -> None:
    with FaultServer(raw_then_reset(b""), tls=authority.good()) as server:
        ended = _call(colour, server, authority.file)
    assert server.by_method() == {"GET": 3, "PUT": 3, "DELETE": 3, "POST": 1, "PATCH": 1}
    assert [m for m in METHODS if ended[m].api_error.outcome_unknown] == ["POST", "PATCH"]


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
    with FaultServer(ok, tls=authority.good()) as server:
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
