"""TLS contexts: one per process and set of files of certificates, made at the first https connection."""

from __future__ import annotations

import os
import ssl
import sys
from pathlib import Path
from threading import get_ident
from time import monotonic, sleep

from fibonacci._net.sockets import lacks_descriptor

_MARKS = (b"-----BEGIN CERTIFICATE-----", b"-----BEGIN TRUSTED CERTIFICATE-----", b"-----BEGIN X509 CERTIFICATE-----")
_HEX = frozenset("0123456789abcdef")


def holds_certificate(path: str) -> bool:
    """Whether a PEM file has a certificate in it, or a folder has one in a file that is named by its hash.

    Raises:
        OSError: If no descriptor is left to look.
    """
    place = Path(path)
    try:
        files = [file for file in place.iterdir() if _is_hashed(file.name)] if place.is_dir() else [place]
    except OSError as error:
        raise_if_no_descriptor(error)
        return False
    return any(_is_certificate(file) for file in files)


def version_of(path: str) -> tuple[int, int, int] | None:
    """Return what changes when a file is replaced or rewritten, or None if there is none."""
    try:
        status = Path(path).stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino


def raise_if_no_descriptor(error: Exception) -> None:
    """Raise an error again that isn't about the file: the process or the system has no descriptor left."""
    if not isinstance(error, ssl.SSLError) and lacks_descriptor(error):  # an SSLError has numbers of its own
        raise error


def _is_hashed(name: str) -> bool:
    """Whether a name is one like `0a775a30.0`."""
    stem, _, number = name.partition(".")
    return len(stem) == 8 and _HEX.issuperset(stem) and number.isdecimal()


def _is_certificate(file: Path) -> bool:
    try:
        content = file.read_bytes()
    except OSError as error:
        raise_if_no_descriptor(error)
        return False
    return any(mark in content for mark in _MARKS)


_Ingredients = tuple[str | None, str | tuple[str, ...] | None, tuple[tuple[str, str], ...], tuple[object, ...]]

_VARIABLES = ("SSL_CERT_FILE", "SSL_CERT_DIR")
_BUNDLE = "a PEM file of certificates, or a folder of such files named by `openssl rehash`"
_CLIENT_CERT = "PEM files with a certificate and its private key"


# Contexts by what they are made of, and the threads that make one. Threads that begin together make one, not one each,
# which takes 10 ms and more. They wait for a moment, and not for a lock: whoever holds it may be interrupted by a
# signal's handler that waits for this thread, or be left behind by a fork.
_contexts: dict[_Ingredients, ssl.SSLContext] = {}
_makers: dict[_Ingredients, int] = {}
_MADE_WITHIN = 0.2
_LOOK_AGAIN = 0.002
_MOST_CONTEXTS = 16


def ssl_context(ca_bundle: str | None, client_cert: str | tuple[str, ...] | None = None) -> ssl.SSLContext:
    """Return a context that trusts the system's authorities, and those of `ca_bundle` beside them.

    `SSL_CERT_FILE` and `SSL_CERT_DIR` replace the system's, as everywhere with OpenSSL. A system without any is given
    those of certifi. A file that has been replaced is read again, as certificates are renewed while programs run.

    Args:
        ca_bundle: A PEM file of authorities, or a folder of them. None for none.
        client_cert: A PEM file with certificate and key, or both files, or both and the key's password. None for none.

    Raises:
        ssl.SSLError: If one of them holds nothing usable; it names the option or the variable.
        OSError: If no descriptor is left to read them.
    """
    variables = tuple((name, value) for name in _VARIABLES if (value := os.environ.get(name)))
    certificates = client_cert[:2] if isinstance(client_cert, tuple) else (client_cert,)
    files = (ca_bundle, *certificates, *(value for _, value in variables))
    versions = tuple(version_of(file) for file in files if file is not None)
    ingredients = (ca_bundle, client_cert, variables, versions)
    ends = monotonic() + _MADE_WITHIN
    while (context := _contexts.get(ingredients)) is None:
        if _makers.setdefault(ingredients, get_ident()) == get_ident() or monotonic() >= ends:
            try:
                context = _contexts.setdefault(ingredients, _new_context(ca_bundle, client_cert, variables))
            finally:
                _makers.pop(ingredients, None)
            for oldest in list(_contexts)[:-_MOST_CONTEXTS]:
                _contexts.pop(oldest, None)
            break
        sleep(_LOOK_AGAIN)
    return context


def _new_context(
    ca_bundle: str | None, client_cert: str | tuple[str, ...] | None, variables: tuple[tuple[str, str], ...]
) -> ssl.SSLContext:
    context = _default_context()  # it writes to SSLKEYLOGFILE
    # Python sets this itself, unless it is built to leave it to OpenSSL, as Debian's is.
    context.minimum_version = max(context.minimum_version, ssl.TLSVersion.TLSv1_2)
    context.set_alpn_protocols(["http/1.1"])
    problem = _unusable(variables)
    if not variables and not _has_authorities(context):
        # A Python without a certificate store, as some installers leave it, or a container without ca-certificates.
        import certifi

        context.load_verify_locations(certifi.where())
    if problem is None and ca_bundle is not None:
        problem = _load_bundle(context, ca_bundle)
    if problem is None and client_cert is not None:
        problem = _load_client_cert(context, client_cert)
    if problem is not None:
        # Raised here, so that OpenSSL's exception is not its context: its text says less.
        raise ssl.SSLError(ssl.SSL_ERROR_SSL, problem)
    return context


def _default_context() -> ssl.SSLContext:
    """Return a context that trusts the authorities of the system, or of the variables in their place."""
    paths = ssl.get_default_verify_paths()
    if paths.cafile and sys.platform != "win32":  # Windows has a store of its own
        folders = os.environ.get("SSL_CERT_DIR", paths.capath)  # it may name several, which `paths` does not
        try:
            # By name, for OpenSSL ignores every reason for which it cannot read its default file.
            return ssl.create_default_context(cafile=paths.cafile, capath=folders)
        except OSError as error:
            raise_if_no_descriptor(error)
    return ssl.create_default_context()


def _has_authorities(context: ssl.SSLContext) -> bool:
    # OpenSSL looks into a folder when it verifies, so that a folder's certificates are not in the count.
    folder = ssl.get_default_verify_paths().capath
    return (bool(folder) and holds_certificate(folder)) or context.cert_store_stats()["x509"] > 0


def _unusable(variables: tuple[tuple[str, str], ...]) -> str | None:
    """Return what is wrong with the variables when none of those that are set names a certificate."""
    if not variables or any(
        holds_certificate(path)
        for name, value in variables
        for path in (value.split(os.pathsep) if name == "SSL_CERT_DIR" else [value])
        if path
    ):
        return None
    named = " and ".join(f"{name}={value}" for name, value in variables)
    return f"no certificate authority in {named}: unset it, or name {_BUNDLE}"


def _load_bundle(context: ssl.SSLContext, path: str) -> str | None:
    """Trust the authorities of a file or folder; return what is wrong with it, if anything."""
    try:
        if Path(path).is_dir():
            context.load_verify_locations(capath=path)
            return None if holds_certificate(path) else f"ca_bundle: no certificate in {path!r}. It must be {_BUNDLE}"
        context.load_verify_locations(path)
    except OSError as error:
        raise_if_no_descriptor(error)
        return f"ca_bundle: no certificate in {path!r} ({_reason_of(error)}). It must be {_BUNDLE}"
    return None


def _load_client_cert(context: ssl.SSLContext, files: str | tuple[str, ...]) -> str | None:
    """Load the client's certificate and key; return what is wrong with them, if anything."""
    certificate, key, *passwords = (files, None) if isinstance(files, str) else files
    asked = False

    def password() -> str:
        # Without a function OpenSSL would ask at the terminal.
        nonlocal asked
        asked = True
        return passwords[0] if passwords else ""

    try:
        context.load_cert_chain(certificate, key, password)
    except (OSError, ValueError) as error:
        if asked and not passwords:
            return "client_cert: the key is encrypted. Pass (certificate, key, password)"
        if asked:
            return "client_cert: the password does not decrypt the key"
        raise_if_no_descriptor(error)
        return f"client_cert: {_reason_of(error)}. It must be {_CLIENT_CERT}"
    return None


def _reason_of(error: Exception) -> str:
    text = str(error).partition(" (_ssl.c:")[0]
    return text.partition("] ")[2] if text.startswith("[") else text  # as in "[SSL] PEM lib"
