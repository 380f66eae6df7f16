"""Files and folders of certificates, as OpenSSL reads them."""

from __future__ import annotations

import ssl
from pathlib import Path

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
    """Return what changes when a file is replaced or rewritten; None when there is none."""
    try:
        found = Path(path).stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


def raise_if_no_descriptor(error: Exception) -> None:
    """Raise an error again that is not about the file: the process or the system has no descriptor left."""
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
