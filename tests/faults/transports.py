"""The transports that a fault is tried on."""

from __future__ import annotations

import ssl
from typing import Any, Literal

import httpx2

from tests.kit.mode import Mode

TransportName = Literal["socket", "httpx", "httpx2"]
HTTPX: tuple[TransportName, ...] = ("httpx", "httpx2")
NO_AUTHORITIES = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""Trusts nobody: loading authorities would take longer than most faults."""


def transport_options(transport: TransportName, mode: Mode) -> dict[str, Any]:
    """Return the options that make a client use a transport."""
    if transport != "httpx2":
        return {"transport": transport}
    kind = httpx2.AsyncClient if mode.is_async else httpx2.Client
    return {"http_client": mode.close_later(kind(verify=NO_AUTHORITIES))}
