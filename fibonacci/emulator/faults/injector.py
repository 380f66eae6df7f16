"""Which failure is injected into which request."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from random import Random
from typing import Final

from fibonacci.emulator.faults.fault import ActiveFailure, FailureError, FailureKind, FailureSpec, InjectedFailure
from fibonacci.emulator.http.messages import ServerRequest
from fibonacci.emulator.http.route_patterns import RoutePattern
from fibonacci.emulator.http.router import Router

CHAOS: Final[tuple[FailureKind, ...]] = ("status", "reset", "no_reply", "cut")
"""The default kinds of chaos: failures that take no time and that a client can recover from."""


class FaultInjector:
    """Registry of injected failures; safe to use from many threads.

    Args:
        router: The endpoints, to check routes against.

    Attributes:
        is_active: Whether any failure may be injected; read for every request, without the lock.
    """

    def __init__(self, router: Router[object]) -> None:
        self.is_active: bool = False
        self._router = router
        self._lock = threading.Lock()
        self._registered: list[ActiveFailure] = []
        self._pending: list[tuple[RoutePattern, ActiveFailure]] = []
        self._chaos: Callable[[ServerRequest], ActiveFailure | None] | None = None

    def inject(self, spec: FailureSpec) -> ActiveFailure:
        """Register a failure for the next requests to its route.

        Raises:
            FailureError: If no endpoint matches its route.
        """
        pattern, failure = self._pattern(spec.route), ActiveFailure(spec)
        with self._lock:
            self._registered.append(failure)
            self._pending.append((pattern, failure))
            self.is_active = True
        return failure

    def chaos(self, random_seed: int, rate: float, route: str, kinds: Sequence[FailureKind]) -> list[ActiveFailure]:
        """Replace the present chaos: random failures; see `Emulator.chaos`.

        Raises:
            FailureError: If the rate or a kind is not valid, or no endpoint matches the route.
        """
        if not 0 <= rate <= 1:
            raise FailureError("rate", f"is a share from 0 to 1, not {rate!r}")
        pattern, random = self._pattern(route), Random(random_seed)
        specs = [FailureSpec(route=route, kind=kind, times=None, status=_chaos_status(kind)) for kind in kinds or CHAOS]
        failures = [ActiveFailure(spec) for spec in specs] if rate else []

        def draw(request: ServerRequest) -> ActiveFailure | None:
            return random.choice(failures) if pattern.matches(request) and random.random() < rate else None

        with self._lock:
            self._registered += failures
            self._chaos = draw if failures else None
            self.is_active = bool(self._pending or failures)
        return failures

    def take(self, request: ServerRequest) -> ActiveFailure | None:
        """Use up one failure for a request: the oldest pending one that matches, else one of the chaos."""
        with self._lock:
            for entry in self._pending:
                pattern, failure = entry
                if pattern.matches(request):
                    failure.take()
                    if failure.remaining == 0:
                        self._pending.remove(entry)
                        self.is_active = bool(self._pending or self._chaos)
                    return failure
            return None if self._chaos is None else self._chaos(request)

    def all(self) -> list[ActiveFailure]:
        """Return every registered failure, the oldest first."""
        with self._lock:
            return list(self._registered)

    def clear(self) -> None:
        """Remove all failures and the chaos, with their counts."""
        with self._lock:
            self._registered, self._pending, self._chaos = [], [], None
            self.is_active = False

    def _pattern(self, route: str) -> RoutePattern:
        try:
            return RoutePattern(route, self._router)
        except ValueError as error:
            raise FailureError("route", f"fits nothing: {error}") from None


class InjectedFailures:
    """The failures injected into an emulator, the oldest first: a live view.

    Example:
        >>> from fibonacci.emulator import Emulator
        >>> emulator = Emulator()
        >>> failure = emulator.fail("GET /tools", status=503, times=2)
        >>> [tool.name for tool in emulator.client().tools.list(page_size=1)][0]
        'slack_send_message'
        >>> failure.delivered, emulator.failures.delivered
        (2, 2)
    """

    def __init__(self, injector: FaultInjector) -> None:
        self._injector = injector

    @property
    def delivered(self) -> int:
        """How many requests have failed, over all failures."""
        return sum(failure.delivered for failure in self)

    def clear(self) -> None:
        """Remove all failures and the chaos, with their counts."""
        self._injector.clear()

    def __len__(self) -> int:
        return len(self._injector.all())

    def __iter__(self) -> Iterator[InjectedFailure]:
        return iter(self._injector.all())

    def __getitem__(self, index: int) -> InjectedFailure:
        return self._injector.all()[index]

    def __repr__(self) -> str:
        return repr(list(self))


def _chaos_status(kind: FailureKind) -> int | None:
    return 503 if kind == "status" else None
