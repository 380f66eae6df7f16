"""TLS contexts: one per process and set of files of certificates, made at the first https connection."""

from __future__ import annotations

import os
import re
import ssl
import sys
from contextlib import suppress
from functools import lru_cache, partial
from pathlib import Path

_VARIABLES = ("SSL_CERT_FILE", "SSL_CERT_DIR")
_BUNDLE = "a PEM file of certificates, or a folder of such files named by `openssl rehash`"
_error = partial(ssl.SSLError, ssl.SSL_ERROR_SSL)
_HASHED = re.compile(r"[0-9a-f]{8}\.[0-9]+")


def ssl_context(ca_bundle: str | None, client_cert: str | tuple[str, ...] | None = None) -> ssl.SSLContext:
    """Return a context that trusts the system's authorities, and those of `ca_bundle` too.

    `SSL_CERT_FILE` and `SSL_CERT_DIR` replace the system's, as everywhere with OpenSSL. A system without any is given
    those of certifi. A file that has been replaced is read again, as certificates are renewed while programs run.

    Args:
        ca_bundle: A PEM file of authorities, or a folder of them. None for none.
        client_cert: A PEM file with certificate and key, or both files, or both and the key's password. None for none.

    Raises:
        ssl.SSLError: If one of them holds nothing usable; it names the option or the variable.
    """
    variables = tuple((name, value) for name in _VARIABLES if (value := os.environ.get(name)))
    certificates = client_cert[:2] if isinstance(client_cert, tuple) else (client_cert,)
    files = (ca_bundle, *certificates, *(value for _, value in variables))
    versions = tuple(_version_of(file) for file in files if file is not None)
    return _context(ca_bundle, client_cert, variables, versions)


@lru_cache(maxsize=16)
def _context(
    ca_bundle: str | None,
    client_cert: str | tuple[str, ...] | None,
    variables: tuple[tuple[str, str], ...],
    versions: tuple[object, ...],
) -> ssl.SSLContext:
    paths = ssl.get_default_verify_paths()
    folders = os.environ.get("SSL_CERT_DIR", paths.capath)  # it may name several, which `paths` does not
    context = ssl.create_default_context()  # it writes to SSLKEYLOGFILE
    if paths.cafile and sys.platform != "win32":  # Windows has a store of its own
        with suppress(OSError):  # by name, for OpenSSL ignores a default file that it cannot read
            context.load_verify_locations(paths.cafile, folders)
    # Python sets this itself, unless it is built to leave it to OpenSSL, as Debian's is.
    context.minimum_version = max(context.minimum_version, ssl.TLSVersion.TLSv1_2)
    context.set_alpn_protocols(["http/1.1"])
    names = dict(variables) or _VARIABLES
    is_in_folder = "SSL_CERT_DIR" in names and any(map(_has_certificate, (folders or "").split(os.pathsep)))
    if not is_in_folder and not ("SSL_CERT_FILE" in names and context.cert_store_stats()["x509"]):
        if variables:
            named = " and ".join(f"{name}={value}" for name, value in variables)
            raise _error(f"no certificate authority in {named}: unset it, or name {_BUNDLE}")
        # A Python without a certificate store, as some installers leave it, or a container without ca-certificates.
        import certifi

        context.load_verify_locations(certifi.where())
    if ca_bundle is not None and Path(ca_bundle).is_dir():
        context.load_verify_locations(capath=ca_bundle)
        if not _has_certificate(ca_bundle):
            raise _error(f"ca_bundle: no certificate in {ca_bundle!r}. It must be {_BUNDLE}")
    elif ca_bundle is not None:
        try:
            context.load_verify_locations(ca_bundle)
        except OSError as error:
            reason = _reason_of(error)
            raise _error(f"ca_bundle: no certificate in {ca_bundle!r} ({reason}). It must be {_BUNDLE}") from None
    if client_cert is not None:
        _load_client_cert(context, client_cert)
    return context


def _version_of(path: str) -> tuple[int, int, int] | None:
    """Return what changes when a file is replaced or rewritten, or None if there is none."""
    with suppress(OSError):
        status = Path(path).stat()
        return status.st_mtime_ns, status.st_size, status.st_ino
    return None


def _has_certificate(folder: str) -> bool:
    """Whether a folder has a file named by its hash: OpenSSL looks for one when it verifies."""
    place = Path(folder)
    return place.is_dir() and any(_HASHED.fullmatch(file.name) and file.is_file() for file in place.iterdir())


def _load_client_cert(context: ssl.SSLContext, files: str | tuple[str, ...]) -> None:
    certificate, key, *passwords = (files, None) if isinstance(files, str) else files
    asked: list[str] = []

    def password() -> str:  # without a function OpenSSL would ask at the terminal
        asked.append("once")
        return passwords[0] if passwords else ""

    try:
        context.load_cert_chain(certificate, key, password)
    except (OSError, ValueError) as error:
        if asked and not passwords:
            reason = "the key is encrypted. Pass (certificate, key, password)"
        elif asked:
            reason = "the password does not decrypt the key"
        else:
            reason = f"{_reason_of(error)}. It must be PEM files with a certificate and its private key"
        raise _error(f"client_cert: {reason}") from None


def _reason_of(error: Exception) -> str:
    text = str(error).partition(" (_ssl.c:")[0]
    return text.partition("] ")[2] if text.startswith("[") else text  # as in "[SSL] PEM lib"
