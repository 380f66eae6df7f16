"""The transports that a fault is tried on."""

from __future__ import annotations

import ssl
from typing import Any, Literal

import httpx2

from tests.faults.driving import METHODS, Colour, Driver

Transport = Literal["socket", "httpx", "httpx2"]
HTTPX: tuple[Transport, ...] = ("httpx", "httpx2")
OTHER_COLOURS: tuple[Colour, ...] = ("sync", "asyncio")
_NO_AUTHORITIES = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # loading them would take longer than most faults


def methods_of(transport: Transport) -> tuple[str, ...]:
    """Return the methods to try: on httpx, one that can be retried and one that cannot."""
    return METHODS if transport == "socket" else ("GET", "POST")


def transport_options(transport: Transport, driver: Driver) -> dict[str, Any]:
    """Return the options that make a client use a transport."""
    if transport != "httpx2":
        return {"transport": transport}
    kind = httpx2.Client if driver.colour == "sync" else httpx2.AsyncClient
    client = kind(verify=_NO_AUTHORITIES)
    driver.close_later(client)
    return {"http_client": client}
