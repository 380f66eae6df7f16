"""Carrying out one row of the table: one server, and a call with each method at the same time."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from fibonacci import APIError
from tests.faults.driving import KEY, METHODS, Colour, Driver, Ended
from tests.faults.expectations import MAX_RETRIES, End
from tests.faults.server import Act, FaultServer, Peer
from tests.faults.table import Row


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


def run_row(row: Row, colour: Colour) -> Run:
    """Carry out a row in one colour."""
    server = FaultServer(greet=row.acts[0]) if row.greet else FaultServer(_by_method(row.acts))
    body = {"text": "x" * row.body_size}
    with server, Driver(colour) as driver:
        calls = {
            # A key of its own for each method: one that is refused must not hold the others up.
            method: driver.begin(
                driver.client(
                    server.base_url,
                    api_key=f"{KEY}-{method}",
                    timeout=row.timeout,
                    max_retries=MAX_RETRIES,
                    max_response_bytes=1024 * 1024,
                ).request,
                method,
                "/things/1",
                **({"json": body} if method not in ("GET", "DELETE") else {}),
            )
            for method in METHODS
        }
        ended = {method: call.result() for method, call in calls.items()}
    if row.greet:
        # No request is read; connections stand for them.
        assert server.connections == sum(end.requests for end in row.ends.values())
        return Run(server, ended, {method: end.requests for method, end in row.ends.items()})
    return Run(server, ended, dict(server.by_method()))


def _by_method(acts: tuple[Act, ...]) -> Act:
    """The acts in their order for each method, where the requests of several methods are mixed."""
    done: Counter[str] = Counter()

    def act(peer: Peer) -> None:
        method = peer.request.method
        chosen = acts[min(done[method], len(acts) - 1)]
        done[method] += 1
        chosen(peer)

    return act
