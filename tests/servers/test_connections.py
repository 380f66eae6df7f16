"""Whatever nginx and haproxy do with their connections, each call succeeds and is carried out once."""

from __future__ import annotations

import pytest

from tests.kit.assertions import check_rows
from tests.kit.mode import Mode
from tests.kit.server import ScriptedServer
from tests.servers.backend import carried_out
from tests.servers.gateways import Gateway
from tests.servers.setups import CONNECTIONS, FEW

FRAMINGS = ("length", "chunked", "close")
CALLS = 6
LARGE = 2 * 1024 * 1024


pytestmark = pytest.mark.xdist_group("gateways")  # each process that has one of these starts them
across = pytest.mark.parametrize(("front", "mode"), [("nginx", "sync"), ("haproxy", "asyncio")], indirect=True)
"""Each gateway, and both halves."""


@across
def test_each_call_succeeds_once(mode: Mode, front: Gateway, behind: ScriptedServer) -> None:
    def check(setup: str) -> None:
        client = mode.client(behind.api_key, base_url=front.base_url(setup), max_retries=0)
        ids = [f"{front.name}-{setup}-{mode.name}-{number}".replace(" ", "-") for number in range(CALLS)]
        for number, call_id in enumerate(ids):
            method, framing = ("GET", "POST")[number % 2], FRAMINGS[number % 3]
            answer = mode.run(client.request(method, f"/calls/{call_id}", params={"framing": framing}))
            assert answer["id"] == call_id
        times = carried_out(behind)
        assert [times[call_id] for call_id in ids] == [1] * CALLS

    check_rows(((setup, setup) for setup in CONNECTIONS), check)


@across
def test_a_connection_carries_as_many_requests_as_the_server_allows(mode: Mode, front: Gateway) -> None:
    def check(count: int) -> None:
        transport = mode.socket_transport()
        url = front.base_url(f"{count} requests per connection")
        client = mode.client("sk-test-0123456789", base_url=url, max_retries=0, transport=transport)
        kept: list[int] = []
        for number in range(2 * count):
            mode.run(client.request("POST", f"/calls/{number}"))
            kept.append(sum(connection.exchanges for connection in mode.connections_of(transport)))
        assert kept == [*range(1, count), 0] * 2

    check_rows(((str(count), count) for count in FEW), check)


@across
def test_large_bodies_both_ways(mode: Mode, front: Gateway) -> None:
    client = mode.client("sk-test-0123456789", base_url=front.base_url("large bodies"), max_retries=0)
    answer = mode.run(client.request("POST", "/calls/large", params={"size": LARGE}, json="x" * LARGE))
    assert (len(answer["text"]), answer["received"]) == (LARGE, LARGE + 2)
