"""Whichever wait of `async with runs` is canceled: the next call has the journal, and no row runs twice."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine, Generator
from contextlib import suppress
from functools import partial
from typing import Any

import pytest
import trio

from fibonacci import AsyncFibonacci, Fibonacci
from fibonacci._async.batch.runs import AsyncRuns
from fibonacci.emulator import Emulator
from tests.batch.journals import JournalPlace

# Some have ended when the request that starts them is answered; others are watched.
ROWS = [{"n": number, "seconds": 0.01 * (number % 2)} for number in range(5)]

Work = Callable[[], Coroutine[Any, Any, None]]


class CanceledAtWait:
    """Awaits a coroutine, and cancels it at one of its waits and at each later one.

    Args:
        coroutine: What is canceled.
        wait: The number of the wait, from 1.
        cancel: Cancels the task.

    Attributes:
        waits: How many waits there were.
    """

    def __init__(self, coroutine: Coroutine[Any, Any, None], wait: int, cancel: Callable[[], object]) -> None:
        self.waits: int = 0
        self._coroutine = coroutine
        self._wait = wait
        self._cancel = cancel

    def __await__(self) -> Generator[Any, Any, None]:
        proceed: Callable[[], Any] = partial(self._coroutine.send, None)
        while True:
            try:
                trap = proceed()
            except StopIteration:
                return
            self.waits += 1
            if self.waits >= self._wait:
                self._cancel()
            try:
                value = yield trap
            except BaseException as error:
                proceed = partial(self._coroutine.throw, error)
            else:
                proceed = partial(self._coroutine.send, value)


async def _waits_in_asyncio(work: Work, wait: int) -> int:
    async def await_it() -> None:
        await canceled

    task = asyncio.create_task(await_it())
    canceled = CanceledAtWait(work(), wait, task.cancel)
    with suppress(asyncio.CancelledError):
        await task
    return canceled.waits


async def _waits_in_trio(work: Work, wait: int) -> int:
    scope = trio.CancelScope()
    canceled = CanceledAtWait(work(), wait, scope.cancel)
    with scope:
        await canceled
    return canceled.waits


@pytest.mark.parametrize(
    ("place", "times"),
    [
        ("file", 10),
        pytest.param("file", 40, marks=pytest.mark.slow),  # each wait twice
        pytest.param("redis", 30, marks=pytest.mark.slow),
    ],
    indirect=["place"],
)
@pytest.mark.parametrize("loop", ["asyncio", "trio"])
def test_the_next_call_has_the_journal(
    emulator: Emulator, client: Fibonacci, rester: str, place: JournalPlace, loop: str, times: int
) -> None:
    waits_of = _waits_in_asyncio if loop == "asyncio" else _waits_in_trio

    name, separator, option = place.location.partition("&")
    options = f"{separator}{option}"

    async def main() -> None:
        async with AsyncFibonacci(emulator.api_key, base_url=emulator.base_url) as client:
            wait = 0
            for time in range(times):
                begin = partial(
                    client.workflows.run_many,
                    rester,
                    [{**row, "time": time} for row in ROWS],
                    journal=f"{name}-{time}{options}",
                    concurrency=3,
                )
                wait += 1
                if await waits_of(partial(_iterate, begin), wait) < wait:
                    wait = 0  # none of the waits was canceled: begin with the first again
                results = await begin().results()
                assert [result.status for result in results] == ["completed"] * len(ROWS), f"canceled at wait {wait}"

    if loop == "asyncio":
        asyncio.run(main())
    else:
        trio.run(main)
    inputs = [execution.inputs or {} for execution in client.executions.list(workflow_id=rester)]
    ran = Counter((each["time"], each["n"]) for each in inputs)
    assert len(ran) == times * len(ROWS)
    assert set(ran.values()) == {1}


async def _iterate(begin: Callable[[], AsyncRuns]) -> None:
    async with begin() as runs:
        async for _ in runs:
            pass
