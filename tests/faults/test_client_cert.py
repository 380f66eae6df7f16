"""Mutual TLS: the client's certificate is shown to the server alone, and what is wrong with it is said once."""

from __future__ import annotations

import copy
import pickle
import socket
import ssl
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import trustme

from fibonacci import APIConnectionError, Fibonacci
from fibonacci._async.transports.connector import AsyncConnector
from fibonacci._core.messages import SENT
from fibonacci._sync.transports.connector import Connector
from fibonacci.transports import (
    AsyncHTTPXTransport,
    AsyncSocketTransport,
    Deadline,
    HTTPRequest,
    HTTPXTransport,
    Phases,
    SocketTransport,
)
from tests.faults.calls import ONE_OF_EACH, all_fine, call_each
from tests.faults.proxies import call_each_elsewhere
from tests.kit.assertions import check_rows, each_row
from tests.kit.certificates import Authority, ClientFiles
from tests.kit.listener import Listener
from tests.kit.mode import Mode, each_mode
from tests.kit.peer import Peer
from tests.kit.server import ScriptedServer
from tests.kit.steps import ok

VERSIONS = (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3)


@pytest.fixture(autouse=True)
def one_authority(authority: Authority, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the system trust one authority: to load more for each certificate takes long."""
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))


@pytest.fixture(scope="module")
def files(authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> ClientFiles:
    return ClientFiles.issued_by(authority.ca, tmp_path_factory.mktemp("client"))


@pytest.fixture(scope="module")
def untrusted(tmp_path_factory: pytest.TempPathFactory) -> ClientFiles:
    return ClientFiles.issued_by(trustme.CA(), tmp_path_factory.mktemp("untrusted"))


@pytest.mark.usefixtures("each_transport")
def test_a_server_that_asks_for_a_certificate(mode: Mode, authority: Authority, files: ClientFiles) -> None:
    forms: dict[str, tuple[Any, ssl.TLSVersion]] = {
        "one file": (files.both, VERSIONS[0]),
        "two files": ((str(files.certificate), files.key), VERSIONS[1]),
        "password": ((files.certificate, files.encrypted_key, files.password), VERSIONS[1]),
    }

    def check(form: tuple[Any, ssl.TLSVersion]) -> None:
        certificate, version = form
        subjects: list[Any] = []

        def step(peer: Peer) -> None:
            subjects.append(peer.tls.getpeercert())
            ok(peer)

        with ScriptedServer(step, tls=authority.asking(version=version)) as server:
            ended = call_each(mode, server.base_url, ca_bundle=authority.file, client_cert=certificate)
        assert all_fine(ended)
        assert len(subjects) == len(ONE_OF_EACH)
        assert all("client.example" in str(subject) for subject in subjects)

    check_rows(forms.items(), check)


@pytest.mark.usefixtures("each_transport")
@each_row("version", VERSIONS)
def test_none_is_given_or_one_that_the_server_does_not_trust(
    mode: Mode, version: ssl.TLSVersion, authority: Authority, untrusted: ClientFiles
) -> None:
    for certificate, said in (
        (None, "The server asks for a client certificate. In Python, pass client_cert="),
        (untrusted.both, "The server does not accept the client certificate. In Python, pass client_cert="),
    ):
        with ScriptedServer(ok, tls=authority.asking(version=version)) as server:
            client = mode.client_of(server, ca_bundle=authority.file, client_cert=certificate)
            error = mode.end(client.request, "POST", "/x").api_error
        assert (server.requests, server.connections) == ([], 1)
        assert type(error) is APIConnectionError
        # With TLS 1.3 the request was written before the server refused: it was not carried out all the same.
        assert (error.attempts, error.outcome_unknown) == (1, False)
        assert said in str(error)


def test_certificate_and_key_that_cannot_be_used(
    mode: Mode, authority: Authority, files: ClientFiles, untrusted: ClientFiles, tmp_path: Path
) -> None:
    empty = tmp_path / "empty.pem"
    empty.touch()
    cases: list[tuple[Any, str]] = [
        (files.certificate, "client_cert: "),
        (empty, "client_cert: "),
        ((files.certificate, empty), "client_cert: "),
        ((files.certificate, untrusted.key), "client_cert: key values mismatch"),
        ((files.certificate, files.encrypted_key), "client_cert: the key is encrypted. Pass (certificate, key, passwo"),
        ((files.certificate, files.encrypted_key, "wrong-8312"), "client_cert: the password does not decrypt the key"),
        ((files.certificate, files.encrypted_key, "x" * 2000), "client_cert: the password does not decrypt the key"),
    ]
    with ScriptedServer(ok, tls=authority.asking()) as server:
        for certificate, said in cases:
            client = mode.client_of(server, ca_bundle=authority.file, client_cert=certificate)
            error = mode.end(client.request, "POST", "/x").api_error
            assert (error.attempts, error.outcome_unknown) == (1, False)
            assert said in str(error)
            assert "authority" not in str(error)
            assert "wrong-8312" not in str(error)
    assert server.connections == 0


def test_files_that_are_replaced_are_read_again(mode: Mode, authority: Authority, tmp_path: Path) -> None:
    # A connection for each call: those that are open keep their certificate.
    with ScriptedServer(ok, tls=authority.asking()) as server:
        old = ClientFiles.issued_by(trustme.CA(), tmp_path)
        client = mode.client_of(server, ca_bundle=authority.file, client_cert=old.both)
        assert isinstance(mode.end(client.request, "GET", "/x").error, APIConnectionError)
        ClientFiles.issued_by(authority.ca, tmp_path)
        assert mode.end(client.request, "GET", "/x").value == {"fine": True}


@pytest.mark.usefixtures("each_transport")
def test_a_proxy_behind_tls_is_not_shown_the_certificate(
    mode: Mode, authority: Authority, files: ClientFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: list[Any] = []

    def step(peer: Peer) -> None:
        shown.append(peer.tls.getpeercert())
        ok(peer)

    with ScriptedServer(step, tls=authority.asking(required=False)) as proxy, ScriptedServer(ok) as server:
        monkeypatch.setenv("HTTP_PROXY", proxy.origin)
        ended = call_each_elsewhere(mode, server, ca_bundle=authority.file, client_cert=files.both)
    assert all_fine(ended)
    assert shown == [None] * len(ONE_OF_EACH)
    assert server.connections == 0


@pytest.mark.parametrize(
    "kind", [SocketTransport, AsyncSocketTransport, HTTPXTransport, AsyncHTTPXTransport, Fibonacci]
)
def test_the_password_is_a_secret(kind: type[Any], files: ClientFiles) -> None:
    certificate = (files.certificate, files.encrypted_key, files.password)
    options: dict[str, Any] = {"api_key": "some-key", "allow_pickled_secrets": True} if kind is Fibonacci else {}
    made = kind(**options, client_cert=certificate)
    assert files.password not in repr(made)
    assert repr(copy.deepcopy(made)) == repr(copy.copy(made)) == repr(made)
    with pytest.raises(TypeError, match="the password in client_cert cannot be pickled: create the client") as raised:
        pickle.dumps(made)
    assert files.password not in str(raised.value)
    without = kind(**options, client_cert=certificate[:2])
    assert repr(pickle.loads(pickle.dumps(without))) == repr(without)


class RefusingServer(Listener):
    """Refuses the handshake of TLS 1.3 for want of a certificate, and resets the connection at once.

    Attributes:
        has_reset: Set when that is done.
    """

    def __init__(self, authority: Authority) -> None:
        super().__init__()
        self._asking = authority.asking()
        self.has_reset = threading.Event()

    def serve(self, sock: socket.socket, number: int) -> None:
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        tls = self._asking.wrap_bio(incoming, outgoing, server_side=True)
        with suppress(ssl.SSLCertVerificationError, ssl.SSLError):
            while True:
                with suppress(ssl.SSLWantReadError):
                    tls.do_handshake()
                sock.sendall(outgoing.read())
                incoming.write(sock.recv(65536))
        sock.sendall(outgoing.read())
        Peer(sock, self.stopped).reset()
        self.has_reset.set()


@each_mode
def test_the_server_has_refused_before_the_request_is_written(mode: Mode, authority: Authority) -> None:
    request = HTTPRequest(
        method="POST", origin="https://127.0.0.1", target="/x", headers=[(b"host", b"127.0.0.1")], body=b""
    )
    with RefusingServer(authority) as server:
        connector = (AsyncConnector if mode.is_async else Connector)(
            f"https://127.0.0.1:{server.port}",
            {"connect_timeout": 5.0, "ca_bundle": str(authority.file), "client_cert": None},
        )
        connection = mode.run(connector.connect(Deadline(5), Phases()))
        assert server.has_reset.wait(5)
        with pytest.raises(ssl.SSLError, match="certificate required"):
            mode.run(connection.exchange(request, Deadline(5), 1000))
        connection.close()
    assert request.phases.current not in SENT
