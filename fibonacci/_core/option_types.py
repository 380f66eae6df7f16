"""The types of a client's options: what annotations name, and no call needs."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable

ApiKey = str | Callable[[], str]
"""An API key, or a function that returns one and is called for each attempt."""

AsyncApiKey = ApiKey | Callable[[], Awaitable[str]]
"""An API key, or a function, async or not, that returns one and is called for each attempt."""

ClientCert = (
    str
    | os.PathLike[str]
    | tuple[str | os.PathLike[str], str | os.PathLike[str]]
    | tuple[str | os.PathLike[str], str | os.PathLike[str], str]
)
"""The client's certificate for mutual TLS.

The path of a PEM file that holds certificate and key, or `(certificate, key)`, or `(certificate, key, password)`.
"""
