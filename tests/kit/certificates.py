"""Certificates of every kind that a server may show."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import trustme
from cryptography.hazmat.primitives import serialization


@dataclass(frozen=True)
class Authority:
    """A private authority, its file, and server sides with certificates that it signed."""

    ca: trustme.CA
    file: Path

    @classmethod
    def made_in(cls, directory: Path) -> Authority:
        """Make one, and write its certificate into a directory."""
        ca = trustme.CA()
        file = directory / "ca.pem"
        ca.cert_pem.write_to_path(str(file))
        return cls(ca, file)

    def good(self) -> ssl.SSLContext:
        return _server_side(self.ca.issue_cert("127.0.0.1", "localhost", "0.0.0.0"))

    def asking(
        self, *, required: bool = True, version: ssl.TLSVersion = ssl.TLSVersion.MAXIMUM_SUPPORTED
    ) -> ssl.SSLContext:
        """Return a server side that asks for a client's certificate of this authority, in TLS of this version."""
        context = self.good()
        context.maximum_version = version
        context.verify_mode = ssl.CERT_REQUIRED if required else ssl.CERT_OPTIONAL
        context.load_verify_locations(self.file)
        return context

    def expired(self) -> ssl.SSLContext:
        before, after = datetime(2020, 1, 1, tzinfo=UTC), datetime(2020, 2, 1, tzinfo=UTC)
        return _server_side(self.ca.issue_cert("127.0.0.1", not_before=before, not_after=after))

    def for_another_host(self) -> ssl.SSLContext:
        return _server_side(self.ca.issue_cert("another-host.example"))


@dataclass(frozen=True)
class ServerFiles:
    """A server's certificate and its key in files, for a server that is another program."""

    certificate: Path
    key: Path

    @classmethod
    def issued_by(cls, ca: trustme.CA, directory: Path, host: str = "127.0.0.1") -> ServerFiles:
        """Have an authority issue one for a host, and write it into a directory."""
        issued = ca.issue_cert(host)
        files = cls(directory / f"{host}-certificate.pem", directory / f"{host}-key.pem")
        files.certificate.write_bytes(b"".join(each.bytes() for each in issued.cert_chain_pems))
        files.key.write_bytes(issued.private_key_pem.bytes())
        return files


@dataclass(frozen=True)
class ClientFiles:
    """A client's certificate in files: with its key in one, apart from it, and apart with an encrypted key."""

    both: Path
    certificate: Path
    key: Path
    encrypted_key: Path

    #: What opens the encrypted key.
    password = "open-sesame-8312"

    @classmethod
    def issued_by(cls, ca: trustme.CA, directory: Path) -> ClientFiles:
        """Have an authority issue one, and write it into a directory."""
        issued = ca.issue_cert("client.example")
        key = issued.private_key_pem.bytes()
        encryption = serialization.BestAvailableEncryption(cls.password.encode())
        encrypted = serialization.load_pem_private_key(key, None).private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption
        )
        files = cls(*(directory / f"{name}.pem" for name in ("both", "certificate", "key", "encrypted_key")))
        files.both.write_bytes(issued.private_key_and_cert_chain_pem.bytes())
        files.certificate.write_bytes(issued.cert_chain_pems[0].bytes())
        files.key.write_bytes(key)
        files.encrypted_key.write_bytes(encrypted)
        return files


def self_signed() -> ssl.SSLContext:
    """Return a server side with a self-signed certificate."""
    ca = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with ca.cert_pem.tempfile() as certificate, ca.private_key_pem.tempfile() as key:
        context.load_cert_chain(certificate, key)
    return context


def of_an_unknown_authority() -> ssl.SSLContext:
    """Return a server side with a certificate for the right host from an authority that nothing trusts."""
    return _server_side(trustme.CA().issue_cert("127.0.0.1"))


def _server_side(certificate: trustme.LeafCert) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)  # pyright: ignore[reportUnknownMemberType]
    return context
