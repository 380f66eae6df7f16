"""The platform and the network in front of it, over the time of a simulated event loop."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from contextlib import suppress
from contextvars import Context
from dataclasses import dataclass, replace
from functools import partial
from itertools import count
from random import Random
from typing import Any, Literal
from urllib.parse import parse_qsl, urlencode

from fibonacci import AsyncFibonacci
from fibonacci.emulator import Emulator
from fibonacci.emulator.facade import app_of
from fibonacci.emulator.serving.in_process import InProcessTransport
from fibonacci.transports import Deadline, HTTPRequest, HTTPResponse, TransportError
from tests.tools.simulation.conditions import Paging
from tests.tools.simulation.event_loop import SimulatedEventLoop

Fate = Literal["arrives", "refused", "request_lost", "response_lost", "reset", "bad_gateway", "overloaded"]
"""What becomes of a request: `reset` and `request_lost` before, the others after it was carried out."""

# Executions on a page that is by offset.
_PAGE = 3
_EPOCH = 2_000_000_000.0


@dataclass
class SimulatedExchange:
    """A request on its way, and what came of it.

    Attributes:
        begun: When it was sent.
        method: Its method.
        target: Its target.
        body: Its data; None for none.
        fate: What becomes of it.
        status: The status of the response that the client got; None before, and if it got none.
        handled: When the platform carried it out; None before.
        served: The status with which the platform responded; None before.
    """

    begun: float
    method: str
    target: str
    body: Any
    fate: Fate
    status: int | None = None
    handled: float | None = None
    served: int | None = None

    @property
    def starts(self) -> bool:
        """Whether it starts an execution."""
        return self.target.endswith("/execute")

    @property
    def is_open(self) -> bool:
        """Whether the client cannot tell whether it was carried out."""
        return self.fate != "refused" and (self.status is None or self.status >= 500)


@dataclass(frozen=True)
class Network:
    """How messages travel.

    Args:
        delay: Returns the seconds of the next request.
        response_delay: Returns the seconds of the next response.
        fate: Returns what becomes of a request that is sent at a time.
        wait: Returns the seconds of the next `Retry-After`.
    """

    delay: Callable[[], float]
    response_delay: Callable[[], float]
    fate: Callable[[float], Fate] = lambda now: "arrives"
    wait: Callable[[], int] = lambda: 1


class SimulatedPlatform:
    """An emulator whose time is that of an event loop.

    Args:
        loop: The event loop.
        emulator: The emulator, with `time="manual"`.
        honors_keys: Whether it carries out the requests with one `Idempotency-Key` once.
        paging: How the list of executions comes in pages.

    Attributes:
        epoch: The Unix time at which the loop's time was 0.
        exchanges: Every request, in the order in which they were sent.
    """

    def __init__(
        self,
        loop: SimulatedEventLoop,
        emulator: Emulator,
        *,
        honors_keys: bool = True,
        paging: Paging = "by cursor",
    ) -> None:
        self.loop = loop
        self.emulator = emulator
        app_of(emulator).clock.advance_to(_EPOCH)
        self.epoch = emulator.clock.now()
        self.exchanges: list[SimulatedExchange] = []
        self._honors_keys = honors_keys
        self._paging = paging
        self._transport = InProcessTransport(app_of(emulator))
        self._ports = count(1)  # a client of another port shares no limits: it is in another process

    def handle(self, request: HTTPRequest) -> HTTPResponse:
        """Carry out a request now."""
        self.catch_up()
        if not self._honors_keys:
            request = replace(request, headers=[each for each in request.headers if each[0] != b"idempotency-key"])
        if self._paging != "by cursor" and request.target.partition("?")[0].endswith("/executions"):
            return self._page(request)
        return self._transport.send(request, Deadline(None))

    def _page(self, request: HTTPRequest) -> HTTPResponse:
        """Return a page of the list by offset."""
        path, _, query = request.target.partition("?")
        params = dict(parse_qsl(query))
        begin, size = int(params.pop("cursor", "0")), min(_PAGE, int(params.pop("limit", "50")))
        headers = [each for each in request.headers if each[0] != b"accept-encoding"]
        whole = replace(request, target=f"{path}?{urlencode({**params, 'limit': 200})}", headers=headers)
        response = self._transport.send(whole, Deadline(None))
        if response.status != 200:
            return response
        found: list[dict[str, Any]] = json.loads(response.body)["data"]
        if self._paging == "by offset, last change first":
            found.sort(key=lambda execution: str(execution["updated_at"]), reverse=True)
        following = str(begin + size) if begin + size < len(found) else None
        body = json.dumps({"data": found[begin : begin + size], "meta": {"next_cursor": following}}).encode()
        headers = [each for each in response.headers if each[0].lower() != b"content-length"]
        return HTTPResponse(status=200, headers=headers, body=body)

    def catch_up(self) -> None:
        """Advance the emulator to the time of the event loop."""
        self.emulator.clock.advance(max(0.0, self.epoch + self.loop.time() - self.emulator.clock.now()))

    def client(self, network: Network, *, skew: float = 0.0, **options: Any) -> AsyncFibonacci:
        """Return a client of a new process.

        Args:
            network: How its messages travel.
            skew: Seconds by which its clock is ahead of the platform's.
            **options: Other options of the client.
        """
        port = next(self._ports)
        return AsyncFibonacci(
            self.emulator.api_key,
            base_url=f"http://127.0.0.1:{port}/v1",
            transport=SimulatedTransport(self, network),
            clock=SimulatedClock(self.loop, self.epoch + skew, boot=1000.0 + port),
            **options,
        )


class SimulatedClock:
    """The clock of a simulated process.

    Args:
        loop: The event loop.
        epoch: The Unix time that it shows at the begin.
        boot: The monotonic time that it shows at the begin.
    """

    def __init__(self, loop: SimulatedEventLoop, epoch: float, boot: float) -> None:
        self._loop = loop
        self._epoch = epoch
        self._boot = boot

    def monotonic(self) -> float:
        return self._boot + self._loop.time()

    def time(self) -> float:
        return self._epoch + self._loop.time()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


class SimulatedTransport:
    """An `AsyncTransport` whose messages travel through the simulated network; they go on when their sender is killed.

    Args:
        platform: The platform.
        network: How the messages travel.
    """

    def __init__(self, platform: SimulatedPlatform, network: Network) -> None:
        self._platform = platform
        self._network = network

    async def send(self, request: HTTPRequest, deadline: Deadline) -> HTTPResponse:
        loop, network = self._platform.loop, self._network
        body = json.loads(request.body) if request.body else None
        exchange = SimulatedExchange(loop.time(), request.method, request.target, body, network.fate(loop.time()))
        self._platform.exchanges.append(exchange)
        response: asyncio.Future[HTTPResponse] = loop.create_future()
        loop.call_later(network.delay(), partial(self._arrive, request, exchange, response), context=Context())
        try:
            async with asyncio.timeout(deadline.remaining()):
                received = await response
        except TimeoutError:
            raise TransportError("timeout", TimeoutError("timed out")) from None
        exchange.status = received.status
        return received

    async def aclose(self) -> None:
        """Do nothing: there is no connection."""

    def _arrive(
        self, request: HTTPRequest, exchange: SimulatedExchange, response: asyncio.Future[HTTPResponse]
    ) -> None:
        if exchange.fate == "request_lost":
            return
        if exchange.fate == "refused":
            self._fail(response, TransportError("never_sent", ConnectionRefusedError("nothing listens")))
            return
        if exchange.fate == "reset":
            self._fail(response, TransportError("unknown", ConnectionResetError("reset")))
            return
        exchange.handled = self._platform.loop.time()
        received = self._platform.handle(request)
        exchange.served = received.status
        if exchange.fate == "response_lost":
            return
        if exchange.fate == "bad_gateway":
            received = HTTPResponse(status=502, headers=[(b"content-type", b"text/html")], body=b"<h1>Bad Gateway</h1>")
        if exchange.fate == "overloaded":
            wait = str(self._network.wait()).encode()
            received = HTTPResponse(status=503, headers=[(b"retry-after", wait)], body=b"")
        seconds = self._network.response_delay()
        self._platform.loop.call_later(seconds, partial(_resolve, response, received), context=Context())

    def _fail(self, response: asyncio.Future[HTTPResponse], error: TransportError) -> None:
        if not response.done():
            response.set_exception(error)


def _resolve(response: asyncio.Future[HTTPResponse], received: HTTPResponse) -> None:
    with suppress(asyncio.InvalidStateError):  # its time was up
        response.set_result(received)


def even(random: Random, least: float, most: float) -> Callable[[], float]:
    """Return delays that are evenly distributed."""
    return lambda: random.uniform(least, most)
