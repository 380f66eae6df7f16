"""TLS as nginx and haproxy speak it: session tickets, HTTP/2 on offer, certificates of clients."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.kit.assertions import each_row
from tests.kit.certificates import Authority
from tests.kit.mode import Mode
from tests.kit.server import ScriptedServer
from tests.servers.backend import carried_out
from tests.servers.gateways import Gateway

pytestmark = pytest.mark.xdist_group("gateways")  # each process that has one of these starts them

VERSIONS = ("1.2", "1.3")


@pytest.fixture(scope="module")
def client_cert(tmp_path_factory: pytest.TempPathFactory, authority: Authority) -> Path:
    """Return a PEM file with a client's certificate and its key."""
    file = tmp_path_factory.mktemp("client") / "client.pem"
    authority.ca.issue_cert("client@example.com").private_key_and_cert_chain_pem.write_to_path(str(file))
    return file


@each_row("version", VERSIONS)
def test_http11_is_agreed_on_where_the_server_prefers_http2(
    version: str, mode: Mode, front: Gateway, authority: Authority
) -> None:
    client = _client(mode, front, f"TLS {version}", authority)
    assert mode.run(client.workflows.get("wf-1")).response.headers["x-tls"] == f"TLSv{version} http/1.1"


@pytest.mark.parametrize(("front", "mode"), [("nginx", "sync"), ("haproxy", "asyncio")], indirect=True)
@each_row("version", VERSIONS)
def test_session_tickets_are_no_sign_of_a_closed_connection(
    version: str, mode: Mode, front: Gateway, authority: Authority
) -> None:
    """With TLS 1.3 they come after the handshake, and make an idle connection readable."""
    transport = mode.socket_transport(ca_bundle=authority.file)
    client = _client(mode, front, f"TLS {version}", authority, transport=transport)
    for number in range(5):
        mode.run(client.request("POST", f"/calls/{number}"))
    assert [connection.exchanges for connection in mode.connections_of(transport)] == [5]


@each_row("version", VERSIONS)
def test_a_client_certificate(
    version: str, mode: Mode, front: Gateway, authority: Authority, client_cert: Path
) -> None:
    client = _client(mode, front, f"mutual TLS {version}", authority, client_cert=client_cert)
    assert mode.run(client.request("POST", "/calls/with-certificate"))["id"] == "with-certificate"


@each_row("version", VERSIONS)
def test_a_missing_client_certificate(
    version: str, mode: Mode, front: Gateway, authority: Authority, behind: ScriptedServer
) -> None:
    client = _client(mode, front, f"mutual TLS {version}", authority)
    error = mode.end(client.request, "POST", "/calls/without-certificate").api_error
    assert carried_out(behind)["without-certificate"] == 0
    if front.name == "nginx":  # it makes the connection, and then responds with 400
        assert "No required SSL certificate was sent" in str(error)
    else:
        assert "client_cert" in str(error)
    assert (error.attempts, error.outcome_unknown) == (1, False)


def _client(mode: Mode, front: Gateway, setup: str, authority: Authority, **options: Any) -> Any:
    trust = {} if "transport" in options else {"ca_bundle": authority.file}
    return mode.client("sk-test-0123456789", base_url=front.base_url(setup), **trust, **options)
