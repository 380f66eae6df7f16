"""What a fault is tried on: the SDK's own connections, watched or not, and HTTP clients that the user gave."""

from __future__ import annotations

import functools
import importlib
import ssl
from typing import Any, Literal

import httpx
import pytest

from tests.faults.driving import METHODS, Colour

Client = Literal["own", "watched", "httpx2", "httpx"]
GIVEN: tuple[Client, ...] = ("httpx2", "httpx")
OTHER_COLOURS: tuple[Colour, ...] = ("sync", "asyncio")
_NO_AUTHORITIES = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # loading them would take longer than most faults


def methods_of(client: Client) -> tuple[str, ...]:
    """The methods that are tried: on all but the plain connections one that is repeated, and one that is not."""
    return METHODS if client == "own" else ("GET", "POST")


def http_client(client: Client, colour: Colour) -> Any:
    """An HTTP client as a user would give it; None for the SDK's own connections."""
    if client not in GIVEN:
        return None
    library: Any = importlib.import_module(client)
    kind = library.Client if colour == "sync" else library.AsyncClient
    return kind(verify=_NO_AUTHORITIES)


def watch(patch: pytest.MonkeyPatch) -> None:
    """Watch httpx as tools do that trace calls: with functions of theirs in place of its own."""
    for kind in (httpx.Client, httpx.AsyncClient):
        patch.setattr(kind, "send", _passing_on(kind.send))


def _passing_on(send: Any) -> Any:
    @functools.wraps(send)
    def passing_on(client: Any, request: Any, **options: Any) -> Any:
        return send(client, request, **options)

    return passing_on
