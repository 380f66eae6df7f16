"""Redis over TLS: the limiter, and certificates that are wrong."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from fibonacci import APIConnectionError, Fibonacci
from fibonacci._core.shared_limits import StoreError
from fibonacci._core.stored_window import WindowMessage
from fibonacci._net.redis_client import RedisStore
from fibonacci.emulator import Emulator
from tests.faults.relay import Relay
from tests.kit.certificates import Authority, ServerFiles
from tests.kit.mode import Mode
from tests.kit.redis import RedisServer

# Each process that has one of these starts the servers.
pytestmark = pytest.mark.xdist_group("redis")

PASSWORD = "swordfish-7"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("tls")


@pytest.fixture(scope="module")
def authority(folder: Path) -> Authority:
    return Authority.made_in(folder)


@pytest.fixture(scope="module")
def server(authority: Authority, folder: Path) -> Iterator[RedisServer]:
    """Return a server with a certificate of the authority."""
    server = RedisServer(password=PASSWORD, tls=ServerFiles.issued_by(authority.ca, folder))
    with server.running():
        yield server


def limiter(url: str) -> object:
    return RedisStore(url, "x").exchange(WindowMessage([], 1))


def test_the_url_names_the_authority(server: RedisServer, authority: Authority) -> None:
    assert limiter(f"{server.url}?ssl_ca_certs={authority.file}")


def test_the_environment_names_the_authority(
    server: RedisServer, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))
    assert limiter(server.url)


@contextmanager
def tried_once(server: RedisServer) -> Generator[str]:
    """Return a URL of the server, to which one connection is made while the block lasts."""
    with Relay(server.port) as relay:  # it forgets none of them
        yield server.url.replace(str(server.port), str(relay.port))
    assert relay.connections == 1


def refused(server: RedisServer, options: str = "") -> str:
    """Return the text of an error that another try does not change, and before which there is one try."""
    with tried_once(server) as url, pytest.raises(StoreError) as caught:
        limiter(url + options)
    assert caught.value.is_lasting
    assert PASSWORD not in str(caught.value)
    return str(caught.value)


def test_an_authority_that_nothing_trusts(server: RedisServer) -> None:
    text = refused(server)
    assert "CERTIFICATE_VERIFY_FAILED" in text
    assert "name the file of its CA with ?ssl_ca_certs= in the URL, or with SSL_CERT_FILE" in text


def test_a_certificate_of_another_host(authority: Authority, folder: Path) -> None:
    server = RedisServer(tls=ServerFiles.issued_by(authority.ca, folder, "another-host.example"))
    with server.running():
        assert "IP address mismatch" in refused(server, f"?ssl_ca_certs={authority.file}")


def test_clients_with_a_limiter_over_tls(
    mode: Mode, emulator: Emulator, server: RedisServer, authority: Authority
) -> None:
    url = f"{server.url}?ssl_ca_certs={authority.file}"
    client = mode.client_of(emulator, rate_limiter=url)
    assert mode.run(client.health.check()).healthy


def test_a_limiter_with_a_wrong_certificate_sends_nothing(emulator: Emulator, server: RedisServer) -> None:
    with tried_once(server) as url:
        client = Fibonacci(emulator.api_key, base_url=emulator.base_url, rate_limiter=url)
        with client, pytest.raises(APIConnectionError, match=r"CERTIFICATE_VERIFY_FAILED.*ssl_ca_certs"):
            client.health.check()
    assert emulator.requests.count == 0
