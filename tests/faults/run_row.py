"""Carrying out one row of the table: one server, and a call with each method at the same time."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import Future
from dataclasses import dataclass

from fibonacci import APIError
from tests.faults.driving import KEY, Colour, Driver, Ended
from tests.faults.expectations import MAX_RETRIES, End
from tests.faults.server import Act, FaultServer, Peer
from tests.faults.table import FaultRow
from tests.faults.transports import Transport, methods_of, transport_options


@dataclass(frozen=True)
class Run:
    """What came of a row.

    Attributes:
        server: The server, closed: its counts are final.
        ended: How the call with each method ended.
        requests: How many requests of each method reached the server.
    """

    server: FaultServer
    ended: dict[str, Ended]
    requests: dict[str, int]

    def end(self, method: str) -> End:
        """The end of one call, as the table writes it."""
        error = self.ended[method].error
        if error is None:
            return End(self.requests[method])
        return End(self.requests[method], type(error), isinstance(error, APIError) and error.outcome_unknown)


def run_row(row: FaultRow, colour: Colour, transport: Transport = "socket") -> Run:
    """Carry out a row in one colour on one transport."""
    server = FaultServer(greet=row.acts[0]) if row.greet else FaultServer(_by_method(row.acts))
    with server, Driver(colour) as driver:
        calls = {method: _begin(driver, server, row, method, transport) for method in methods_of(transport)}
        ended = {method: call.result() for method, call in calls.items()}
    if row.greet:
        # No request is read; connections stand for them.
        expected = {method: row.ends_on(transport)[method].requests for method in ended}
        assert server.connections == sum(expected.values())
        return Run(server, ended, expected)
    return Run(server, ended, dict(server.by_method()))


def _begin(driver: Driver, server: FaultServer, row: FaultRow, method: str, transport: Transport) -> Future[Ended]:
    made = driver.client(
        server.base_url,
        api_key=f"{KEY}-{method}",  # one of its own: a key that is refused must not hold the other methods up
        timeout=row.timeout,
        max_retries=MAX_RETRIES,
        max_response_bytes=1024 * 1024,
        **transport_options(transport, driver),
    )
    body = {} if method in ("GET", "DELETE") else {"json": {"text": "x" * row.body_size}}
    return driver.begin(made.request, method, "/things/1", **body)


def _by_method(acts: tuple[Act, ...]) -> Act:
    """The acts in their order for each method, where the requests of several methods are mixed."""
    done: Counter[str] = Counter()

    def act(peer: Peer) -> None:
        method = peer.request.method
        chosen = acts[min(done[method], len(acts) - 1)]
        done[method] += 1
        chosen(peer)

    return act
