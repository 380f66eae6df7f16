"""Load: workers that call, pause and call again, and the check that every call ended as it must."""

from __future__ import annotations

import itertools
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, NamedTuple

import anyio

from fibonacci import APIError, FibonacciError
from tests.kit.mode import Ended, Mode

METHODS = ("GET", "POST")


class LoadedCall(NamedTuple):
    """A call that has ended.

    Attributes:
        id: What it is called in its path.
        error: What it raised; None when it succeeded.
    """

    id: str
    method: str
    error: Exception | None


@dataclass(frozen=True)
class Load:
    """What every worker does, until it is stopped.

    Attributes:
        workers: How many threads or tasks call at the same time.
        pauses: The least and the most seconds between two calls of a worker.
    """

    workers: int
    pauses: tuple[float, float]

    def begin(self, mode: Mode, request: Callable[[str, str], Any], stop: threading.Event) -> Iterable[LoadedCall]:
        """Begin the work in a mode.

        Args:
            mode: What runs the workers.
            request: Sends one request; async in the async modes.
            stop: Ends the work.

        Returns:
            The calls, complete once every worker has ended.
        """
        worker = self._work_async if mode.is_async else self._work
        return _Calls([mode.begin(worker, request, stop, number) for number in range(self.workers)])

    def _work(self, request: Callable[[str, str], object], stop: threading.Event, worker: int) -> list[LoadedCall]:
        done: list[LoadedCall] = []
        for call_id, method, pause in self._plan(worker):
            if stop.wait(pause):
                break
            try:
                request(method, f"/calls/{call_id}")
            except Exception as error:
                done.append(LoadedCall(call_id, method, error))
            else:
                done.append(LoadedCall(call_id, method, None))
        return done

    async def _work_async(
        self, request: Callable[[str, str], Any], stop: threading.Event, worker: int
    ) -> list[LoadedCall]:
        done: list[LoadedCall] = []
        for call_id, method, pause in self._plan(worker):
            await anyio.sleep(pause)
            if stop.is_set():
                break
            try:
                await request(method, f"/calls/{call_id}")
            except Exception as error:
                done.append(LoadedCall(call_id, method, error))
            else:
                done.append(LoadedCall(call_id, method, None))
        return done

    def _plan(self, worker: int) -> Iterator[tuple[str, str, float]]:
        chance = random.Random(worker)
        for number in itertools.count():
            yield (
                f"{worker}-{number}-{time.monotonic_ns()}",
                METHODS[(worker + number) % 2],
                chance.uniform(*self.pauses),
            )


class _Calls:
    def __init__(self, workers: list[Future[Ended]]) -> None:
        self._workers = workers

    def __iter__(self) -> Iterator[LoadedCall]:
        for worker in self._workers:
            ended = worker.result()
            if ended.error is not None:
                raise ended.error
            yield from ended.value


def check(calls: Iterable[LoadedCall], carried_out: Counter[str]) -> None:
    """Assert what holds behind every server: what a call says of its outcome is true, and no POST is done twice."""
    for call in calls:
        times = carried_out[call.id]
        if call.error is None:
            assert times >= 1, (call, "succeeded, and was never carried out")
        else:
            assert isinstance(call.error, FibonacciError), call
        if call.method == "POST":
            assert times <= 1, (call, "carried out twice")
            is_unknown = isinstance(call.error, APIError) and call.error.outcome_unknown
            assert call.error is None or is_unknown or times == 0, (call, "carried out, and reported as not")
