"""The TLS context: one per process and set of authorities, made at the first https connection."""

from __future__ import annotations

import os
import ssl
from functools import lru_cache


def ssl_context(ca_bundle: str | None) -> ssl.SSLContext:
    """Return a context that trusts the system's authorities, and those of `ca_bundle` beside them.

    `SSL_CERT_FILE` and `SSL_CERT_DIR` replace the system's, as everywhere with OpenSSL.
    """
    return _context(ca_bundle, os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR"))


@lru_cache(maxsize=16)
def _context(ca_bundle: str | None, cert_file: str | None, cert_dir: str | None) -> ssl.SSLContext:
    context = ssl.create_default_context()
    paths = ssl.get_default_verify_paths()
    if not (cert_file or cert_dir or paths.cafile or paths.capath or context.cert_store_stats()["x509_ca"]):
        # A Python without a certificate store, as some installers leave it; httpx depends on certifi.
        import certifi

        context.load_verify_locations(certifi.where())
    if ca_bundle is not None:
        context.load_verify_locations(ca_bundle)
    return context
