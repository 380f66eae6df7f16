"""Certificates: a bad one is tried once; which authorities are trusted, and what is said when there are none."""

from __future__ import annotations

import os
import shutil
import socket
import ssl
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import trustme

from fibonacci import APIConnectionError
from fibonacci._net.tls import ssl_context
from tests.faults.calls import ONE_OF_EACH, all_fine, call_each
from tests.kit.assertions import check_rows, each_row
from tests.kit.certificates import Authority, of_an_unknown_authority, self_signed
from tests.kit.mode import Mode, each_mode
from tests.kit.peer import Peer
from tests.kit.programs import find
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


@pytest.fixture(scope="module")
def folder(authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the authority's certificate under the name that OpenSSL looks for."""
    return _hashed(authority.file, tmp_path_factory.mktemp("hashed"))


def _hashed(certificate: Path, folder: Path) -> Path:
    command = [find("openssl"), "x509", "-noout", "-hash", "-in", str(certificate)]
    name = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    shutil.copy(certificate, folder / f"{name}.0")
    (folder / "README").write_text("Not a certificate.")
    return folder


@pytest.fixture
def unrelated(tmp_path: Path) -> Path:
    """Return the certificate of another authority, at a path that no other test has used."""
    file = tmp_path / "unrelated.pem"
    trustme.CA().cert_pem.write_to_path(str(file))
    return file


@pytest.mark.usefixtures("each_transport")
@each_row("by", ["ca_bundle", "SSL_CERT_FILE", "SSL_CERT_DIR", "a folder as ca_bundle", None])
def test_a_private_authority_is_trusted(by: str | None, mode: Mode, folder: Path, authority: Authority) -> None:
    options = {"ca_bundle": {"ca_bundle": authority.file, "a folder as ca_bundle": folder}.get(str(by))}
    with ScriptedServer(ok, tls=authority.good()) as server, pytest.MonkeyPatch.context() as patch:
        if by == "SSL_CERT_FILE":
            patch.setenv(by, str(authority.file))
        if by == "SSL_CERT_DIR":
            patch.setenv(by, os.pathsep.join(("/no/such/folder", str(folder))))
        ended = call_each(mode, server.base_url, **options)
    assert all_fine(ended) == (by is not None)
    assert len(server.requests) == (len(ONE_OF_EACH) if by else 0)


WITHOUT_CERTIFICATE = [
    ("SSL_CERT_FILE", "nothing"),
    ("SSL_CERT_DIR", "folder without hashes"),
    ("ca_bundle", "empty file"),
    ("ca_bundle", "bad certificate"),
    ("ca_bundle", "empty folder"),
]


@each_row(("name", "made"), WITHOUT_CERTIFICATE)
def test_what_holds_no_certificate_is_named(name: str, made: str, authority: Authority, tmp_path: Path) -> None:
    place = tmp_path / f"{name} {made}"
    if "folder" in made:
        place.mkdir()
        if made == "folder without hashes":
            for file in ("ca.pem", "ca.0"):
                shutil.copy(authority.file, place / file)
    elif made != "nothing":
        place.write_text("-----BEGIN CERTIFICATE-----\nAAAA\n" if made == "bad certificate" else "")
    with pytest.MonkeyPatch.context() as patch:
        if name != "ca_bundle":
            patch.setenv(name, str(place))
        with pytest.raises(ssl.SSLError) as caught:
            ssl_context(str(place) if name == "ca_bundle" else None)
    said = (
        f"ca_bundle: no certificate in '{place}'" if name == "ca_bundle" else f"authority in {name}={place}: unset it"
    )
    assert said in str(caught.value)
    assert "a PEM file of certificates, or a folder" in str(caught.value)


@pytest.mark.usefixtures("each_transport")
def test_without_a_certificate_nothing_is_sent(mode: Mode, authority: Authority, tmp_path: Path) -> None:
    with ScriptedServer(ok, tls=authority.good()) as server:
        client = mode.client_of(server, ca_bundle=tmp_path)
        error = mode.end(client.request, "POST", "/x").api_error
    assert server.connections == 0
    assert type(error) is APIConnectionError
    assert (error.attempts, error.outcome_unknown) == (1, False)
    assert f"ca_bundle: no certificate in '{tmp_path}'" in str(error)
    assert "private CA" not in str(error)


@each_row(
    ("system", "trusts_certifi"),
    [("dangling links", True), ("no folder", True), ("folder", False)],
)
def test_a_system_without_authorities_has_those_of_certifi(
    system: str, trusts_certifi: bool, unrelated: Path, authority: Authority, tmp_path: Path
) -> None:
    place = tmp_path / system
    if system != "no folder":
        place.mkdir()
    if system == "dangling links":
        (place / "0a775a30.0").symlink_to("/no/such/certificate.pem")
    if system == "folder":
        _hashed(unrelated, place)
    found: dict[str, Any] = {"cafile": None, "capath": str(place) if place.exists() else None}
    paths = ssl.get_default_verify_paths()._replace(**found)

    def load_system(context: ssl.SSLContext) -> None:
        context.load_verify_locations(capath=place)

    bundle = tmp_path / f"bundle for {system}.pem"  # no context has been made with it
    shutil.copy(unrelated, bundle)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ssl, "get_default_verify_paths", lambda: paths)
        patch.setattr(ssl.SSLContext, "set_default_verify_paths", load_system)
        patch.setattr("certifi.where", lambda: str(authority.file))
        trusted = _subjects(ssl_context(str(bundle)))
    of_certifi = _subjects(_context_of(authority.file)) if trusts_certifi else []
    assert sorted(trusted) == sorted([*_subjects(_context_of(bundle)), *of_certifi])


def test_certifi_does_not_replace_what_the_user_has_set(
    unrelated: Path, folder: Path, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("certifi.where", lambda: str(authority.file))
    monkeypatch.setenv("SSL_CERT_FILE", str(unrelated))
    monkeypatch.setenv("SSL_CERT_DIR", "/no/such/folder")
    assert _subjects(ssl_context(None)) == _subjects(_context_of(unrelated))
    monkeypatch.setenv("SSL_CERT_FILE", "/no/such/file")
    monkeypatch.setenv("SSL_CERT_DIR", os.pathsep.join(("/no/such/folder", str(folder))))
    assert _subjects(ssl_context(None)) == []  # what is in a folder is read when it is needed


def _context_of(authorities: Path) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=authorities)


def _subjects(context: ssl.SSLContext) -> list[str]:
    return [str(held["subject"]) for held in context.get_ca_certs()]


def test_an_authority_that_is_replaced_is_read_again(mode: Mode, unrelated: Path, authority: Authority) -> None:
    with ScriptedServer(ok, tls=authority.good()) as server:
        client = mode.client_of(server, ca_bundle=unrelated)
        assert isinstance(mode.end(client.request, "GET", "/x").error, APIConnectionError)
        shutil.copy(authority.file, unrelated)
        assert mode.end(client.request, "GET", "/x").value == {"fine": True}


@pytest.mark.usefixtures("each_transport")
def test_the_handshake_offers_http11_and_at_least_tls12(mode: Mode, authority: Authority) -> None:
    selected: list[str | None] = []
    server_side = authority.good()
    server_side.set_alpn_protocols(["h2", "http/1.1"])

    def step(peer: Peer) -> None:
        selected.append(peer.tls.selected_alpn_protocol())
        ok(peer)

    with ScriptedServer(step, tls=server_side) as server:
        assert all_fine(call_each(mode, server.base_url, ca_bundle=authority.file))
    assert selected == ["http/1.1"] * len(ONE_OF_EACH)
    assert ssl_context(str(authority.file)).minimum_version >= ssl.TLSVersion.TLSv1_2


@pytest.mark.usefixtures("each_transport")
def test_sslkeylogfile(mode: Mode, authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bundle = tmp_path / "ca.pem"
    shutil.copy(authority.file, bundle)
    monkeypatch.setenv("SSLKEYLOGFILE", str(tmp_path / "keys.log"))
    with ScriptedServer(ok, tls=authority.good()) as server:
        assert all_fine(call_each(mode, server.base_url, ca_bundle=bundle))
    assert (tmp_path / "keys.log").read_text().count("CLIENT_HANDSHAKE_TRAFFIC_SECRET") == len(ONE_OF_EACH)
