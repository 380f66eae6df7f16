"""Running one row of the table: one server, and a call with each of several methods at the same time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from fibonacci import APIError
from tests.faults.calls import METHODS
from tests.faults.expectations import MAX_RETRIES, End
from tests.faults.table import FaultRow
from tests.faults.transports import TransportName, transport_options
from tests.kit.clock import FakeClock
from tests.kit.mode import Ended, Mode
from tests.kit.peer import Peer
from tests.kit.server import ScriptedServer
from tests.kit.steps import Step


@dataclass(frozen=True)
class Run:
    """The result of a row.

    Attributes:
        server: The server, closed: its counts are final.
        ended: How the call with each method ended.
        requests: How many requests of each method reached the server.
    """

    server: ScriptedServer
    ended: dict[str, Ended]
    requests: dict[str, int]

    def end(self, method: str) -> End:
        """Return the end of one call, as the table writes it."""
        error = self.ended[method].error
        if error is None:
            return End(self.requests[method])
        return End(self.requests[method], type(error), isinstance(error, APIError) and error.outcome_unknown)


def run_row(row: FaultRow, mode: Mode, transport: TransportName = "socket", methods: Sequence[str] = METHODS) -> Run:
    """Carry out a row in one mode on one transport, with a call of each method."""
    server = ScriptedServer(greet=row.steps[0]) if row.greet else ScriptedServer(_by_method(row.steps))
    with server:
        clients = {method: _client(mode, server, row, method, transport) for method in methods}
        calls = {
            method: mode.begin(clients[method].request, method, "/things/1", **_body(row, method)) for method in methods
        }
        ended = {method: call.result() for method, call in calls.items()}
        for client in clients.values():  # rows have many connections in all
            mode.close(client)
    if row.greet:
        # No request is read; connections stand for them.
        expected = {method: row.ends_on(transport)[method].requests for method in ended}
        assert server.connections == sum(expected.values())
        return Run(server, ended, expected)
    return Run(server, ended, dict(server.by_method()))


def _client(mode: Mode, server: ScriptedServer, row: FaultRow, method: str, transport: TransportName) -> Any:
    return mode.client_of(
        server,
        api_key=f"{server.api_key}-{method}",  # a refused key must not delay the other methods
        # Delays take no time, and how many fit into the timeout is no chance where nothing waits for its end.
        clock=FakeClock(runs=row.is_slow),
        timeout=row.timeout,
        max_retries=MAX_RETRIES,
        max_response_bytes=1024 * 1024,
        **transport_options(transport, mode),
    )


def _body(row: FaultRow, method: str) -> dict[str, Any]:
    return {} if method in ("GET", "DELETE") else {"json": {"text": "x" * row.body_size}}


def _by_method(steps: tuple[Step, ...]) -> Step:
    """Take the steps in order for each method, where the requests of several methods are mixed."""
    done: Counter[str] = Counter()

    def step(peer: Peer) -> None:
        method = peer.request.method
        chosen = steps[min(done[method], len(steps) - 1)]
        done[method] += 1
        chosen(peer)

    return step
