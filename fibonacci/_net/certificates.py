"""Files and folders of certificates, as OpenSSL reads them."""

from __future__ import annotations

import re
from pathlib import Path

_MARKS = (b"-----BEGIN CERTIFICATE-----", b"-----BEGIN TRUSTED CERTIFICATE-----", b"-----BEGIN X509 CERTIFICATE-----")
_HASHED = re.compile(r"[0-9a-f]{8}\.\d+")


def holds_certificate(path: str) -> bool:
    """Whether a PEM file has a certificate in it, or a folder has one in a file that is named by its hash."""
    place = Path(path)
    try:
        files = [file for file in place.iterdir() if _HASHED.fullmatch(file.name)] if place.is_dir() else [place]
    except OSError:
        return False
    return any(_is_certificate(file) for file in files)


def version_of(path: str) -> tuple[int, int, int] | None:
    """Return what changes when a file is replaced or rewritten; None when there is none."""
    try:
        found = Path(path).stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


def _is_certificate(file: Path) -> bool:
    try:
        content = file.read_bytes()
    except OSError:
        return False
    return any(mark in content for mark in _MARKS)
