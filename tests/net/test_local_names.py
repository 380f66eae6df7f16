"""Names of this machine: plain http goes to them without leave, so they have to be this machine (RFC 6761)."""

from __future__ import annotations

import socket
from typing import Any

import pytest

from fibonacci import APIConnectionError
from tests.faults.transports import TransportName, transport_options
from tests.kit.mode import MODES, Mode
from tests.kit.names import NameService
from tests.kit.server import ScriptedServer
from tests.kit.steps import ok


def own_address() -> str:
    """Return an address of this machine that others can reach."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        try:
            sock.connect(("192.0.2.1", 9))  # sends nothing
        except OSError:
            pytest.skip("this machine has no network")
        address: str = sock.getsockname()[0]
        return address


@pytest.mark.parametrize(
    ("transport", "mode"),
    [*(("socket", mode) for mode in MODES), ("httpx", "asyncio"), ("httpx2", "sync")],
    indirect=["mode"],
)
def test_a_name_of_this_machine_that_is_another_gets_no_request(
    mode: Mode, transport: TransportName, names: NameService
) -> None:
    with ScriptedServer(ok, host="0.0.0.0") as server:
        for name, address, is_fine in (
            ("platform.localhost", own_address(), False),
            ("localhost", own_address(), False),
            ("platform.localhost", "127.0.0.1", True),
        ):
            names.add(name, address)
            options: dict[str, Any] = transport_options(transport, mode)
            url = f"http://{name}:{server.port}/v1"
            for more in ({}, {"allow_insecure": True}):
                ended = mode.end(mode.client("some-key", base_url=url, **options, **more).request, "GET", "/x")
                assert (ended.error is None) == is_fine
                if not is_fine:
                    assert isinstance(ended.error, APIConnectionError)
                    text = f"{name} is a name for this machine, but DNS resolves it to {address}, so the API key would"
                    assert text in str(ended.error)
                    assert ended.error.attempts == 1
    assert len(server.requests) == 2
