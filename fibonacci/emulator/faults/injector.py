"""All failures that were ordered from one emulator: which one is next for a request."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from random import Random
from typing import Final

from fibonacci.emulator.faults.fault import Failure, FailureError, FailureKind, FailureSpec
from fibonacci.emulator.http.messages import ServerRequest
from fibonacci.emulator.http.route_patterns import RoutePattern
from fibonacci.emulator.http.router import Router

CHAOS: Final[tuple[FailureKind, ...]] = ("status", "reset", "no_reply", "cut")
"""What chaos is made of when nobody says: failures that take no time, and that a client may overcome."""


class FaultInjector:
    """The book of orders; safe to use from many threads.

    Attributes:
        any: Whether there is anything to look up: what every request asks.
    """

    def __init__(self, router: Router) -> None:
        self.any: bool = False
        self._router = router
        self._lock = threading.Lock()
        self._ordered: list[Failure] = []
        self._active: list[tuple[RoutePattern, Failure]] = []
        self._chaos: Callable[[ServerRequest], Failure | None] | None = None

    def order(self, order: FailureSpec) -> Failure:
        """Take an order.

        Raises:
            FailureError: When no endpoint fits its route.
        """
        pattern, failure = self._pattern(order.route), Failure(order)
        with self._lock:
            self._ordered.append(failure)
            self._active.append((pattern, failure))
            self.any = True
        return failure

    def chaos(self, seed: int, rate: float, route: str, kinds: Sequence[FailureKind]) -> list[Failure]:
        """Let requests fail at random, in the place of earlier chaos; see `Emulator.chaos`.

        Raises:
            FailureError: When there is no such rate or kind, or no endpoint fits the route.
        """
        if not 0 <= rate <= 1:
            raise FailureError("rate", f"is a share from 0 to 1, not {rate!r}")
        pattern, random = self._pattern(route), Random(seed)
        orders = [
            FailureSpec(route=route, kind=kind, times=None, status=_chaos_status(kind)) for kind in kinds or CHAOS
        ]
        failures = [Failure(order) for order in orders] if rate else []

        def draw(request: ServerRequest) -> Failure | None:
            return random.choice(failures) if pattern.matches(request) and random.random() < rate else None

        with self._lock:
            self._ordered += failures
            self._chaos = draw if failures else None
            self.any = bool(self._active or failures)
        return failures

    def next(self, request: ServerRequest) -> Failure | None:
        """Use up one failure for a request: of the orders that fit, the oldest; else what chaos has for it."""
        with self._lock:
            for entry in self._active:
                pattern, failure = entry
                if pattern.matches(request):
                    failure.take()
                    if failure.remaining == 0:
                        self._active.remove(entry)
                        self.any = bool(self._active or self._chaos)
                    return failure
            return None if self._chaos is None else self._chaos(request)

    def all(self) -> list[Failure]:
        """Return everything that was ordered, the oldest first."""
        with self._lock:
            return list(self._ordered)

    def clear(self) -> None:
        """Take back all orders and the chaos, and forget their counts."""
        with self._lock:
            self._ordered, self._active, self._chaos = [], [], None
            self.any = False

    def _pattern(self, route: str) -> RoutePattern:
        try:
            return RoutePattern(route, self._router)
        except ValueError as error:
            raise FailureError("route", f"fits nothing: {error}") from None


class Failures:
    """The failures that were ordered from an emulator, the oldest first: a live view.

    Example:
        >>> from fibonacci.emulator import Emulator
        >>> emulator = Emulator()
        >>> failure = emulator.fail("GET /tools", status=503, times=2)
        >>> [tool.name for tool in emulator.client().tools.list(limit=1)][0]
        'slack_send_message'
        >>> failure.delivered, emulator.failures.delivered
        (2, 2)
    """

    def __init__(self, faults: FaultInjector) -> None:
        self._faults = faults

    @property
    def delivered(self) -> int:
        """How many have happened, all together."""
        return sum(failure.delivered for failure in self)

    def clear(self) -> None:
        """Take back all orders and the chaos, and forget their counts."""
        self._faults.clear()

    def __len__(self) -> int:
        return len(self._faults.all())

    def __iter__(self) -> Iterator[Failure]:
        return iter(self._faults.all())

    def __getitem__(self, index: int) -> Failure:
        return self._faults.all()[index]

    def __repr__(self) -> str:
        return repr(list(self))


def _chaos_status(kind: FailureKind) -> int | None:
    return 503 if kind == "status" else None
