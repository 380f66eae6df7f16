"""Running the contract suite against mutants, in process."""

from __future__ import annotations

import functools
import re
import time
from collections.abc import Generator, Iterable, Iterator, Mapping
from contextlib import contextmanager

from fibonacci.emulator import Emulator
from fibonacci.emulator.facade import app_of
from fibonacci.emulator.serving.in_process import InProcessTransport
from fibonacci.testing.contract.check import Check, Result, run
from fibonacci.testing.contract.checks import ALL
from fibonacci.testing.contract.server import Server, is_of
from fibonacci.transports import Deadline, HTTPRequest, HTTPResponse, Transport
from tests.contract.document import Operation, operations
from tests.tools.mutants.mutant import OWNER, Mutant

_URL = "http://127.0.0.1/v1"


class SkippingWaits:
    """The clock of a client of an emulator: its sleeps take no time, and move the emulator's clock too."""

    def __init__(self, emulator: Emulator) -> None:
        self._emulator = emulator
        self._slept = 0.0

    def monotonic(self) -> float:
        return time.monotonic() + self._slept

    def time(self) -> float:
        return time.time() + self._slept

    def sleep(self, seconds: float, /) -> None:
        self._slept += seconds
        self._emulator.clock.advance(seconds)


class BrokenMutant(BaseException):
    """A mutant has failed itself. No error of a call, so that it does not count as detected."""


class MutantTransport:
    """Reaches a mutant: the requests to its endpoint take another way."""

    def __init__(self, inner: Transport, mutant: Mutant) -> None:
        self._inner = inner
        self._endpoint = _endpoint(mutant.operation)
        self._mutant = mutant

    def send(self, request: HTTPRequest, deadline: Deadline) -> HTTPResponse:
        if is_of(self._endpoint, request):
            try:
                return self._mutant.change(request, lambda changed: self._inner.send(changed, deadline))
            except (LookupError, TypeError, ValueError, AttributeError) as error:
                raise BrokenMutant(str(self._mutant)) from error
        return self._inner.send(request, deadline)

    def close(self) -> None:
        self._inner.close()


@contextmanager
def served(mutant: Mutant | None = None) -> Generator[Server]:
    """Serve a mutant, or the emulator itself, in process."""
    emulator = Emulator(api_key=OWNER)
    transport: Transport = InProcessTransport(app_of(emulator))
    server = Server(
        _URL,
        OWNER,
        organization_id="default",
        role_keys={"admin": emulator.key("admin"), "member": emulator.key("member")},
        transport=transport if mutant is None else MutantTransport(transport, mutant),
        clock=SkippingWaits(emulator),
    )
    yield server
    server.close()


def disagreements(mutant: Mutant, *, whole: bool = False) -> Iterator[Result]:
    """Return the results of the checks that catch a mutant.

    Args:
        mutant: The mutant.
        whole: Whether to run every check, rather than those that send something to its endpoint. The others see the
            emulator as it is.
    """
    return _disagreements(mutant, ALL if whole else checks_by_endpoint()[mutant.operation.id])


def _disagreements(mutant: Mutant, checks: Iterable[Check]) -> Iterator[Result]:
    with served(mutant) as server:
        yield from (result for result in run(checks, server) if result.outcome == "disagrees")


def undetected(mutants: Iterable[Mutant]) -> Iterator[Mutant]:
    """Yield the mutants of one endpoint that no check catches.

    Args:
        mutants: The mutants. The check that has caught one is tried first on the next of the same kind.
    """
    last: dict[str, Check] = {}
    for mutant in mutants:
        first = [last[mutant.kind]] if mutant.kind in last else []
        found = next(_disagreements(mutant, [*first, *checks_by_endpoint()[mutant.operation.id]]), None)
        if found is None:
            yield mutant
        else:
            last[mutant.kind] = found.check


@functools.cache
def checks_by_endpoint() -> Mapping[str, tuple[Check, ...]]:
    """Return the checks that send something to each endpoint, those of the endpoint itself first."""
    found: dict[str, list[Check]] = {each.id: [] for each in operations()}
    with served() as server:
        for check in ALL:
            (result,) = run([check], server)
            assert result.outcome == "agrees", result
            for each in operations():
                if any(is_of(_endpoint(each), exchange.request) for exchange in server.wire.exchanges):
                    found[each.id].append(check)
    return {each.id: tuple(sorted(found[each.id], key=functools.partial(_is_foreign, each))) for each in operations()}


def _is_foreign(operation: Operation, check: Check) -> bool:
    return _plain(check.endpoint) != _plain(_endpoint(operation))


def _plain(endpoint: str) -> str:
    return re.sub(r"\{\w+\}", "{}", endpoint)


def _endpoint(operation: Operation) -> str:
    return f"{operation.method} {operation.path}"
