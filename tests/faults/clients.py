"""What a fault is tried on: the SDK's own connections, and HTTP clients that the user gave."""

from __future__ import annotations

import importlib
import ssl
from typing import Any, Literal

from tests.faults.driving import METHODS, Colour

Client = Literal["own", "httpx2", "httpx"]
GIVEN: tuple[Client, ...] = ("httpx2", "httpx")
GIVEN_COLOURS: tuple[Colour, ...] = ("sync", "asyncio")
_NO_AUTHORITIES = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # loading them would take longer than most faults


def methods_of(client: Client) -> tuple[str, ...]:
    """The methods that are tried: with a given client one that is repeated, and one that is not."""
    return METHODS if client == "own" else ("GET", "POST")


def http_client(client: Client, colour: Colour) -> Any:
    """An HTTP client as a user would give it; None for the SDK's own connections."""
    if client == "own":
        return None
    library: Any = importlib.import_module(client)
    kind = library.Client if colour == "sync" else library.AsyncClient
    return kind(verify=_NO_AUTHORITIES)
