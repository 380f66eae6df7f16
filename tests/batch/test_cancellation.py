"""Whichever wait of `async with runs` is canceled: the next call has the journal, and no row runs twice."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine
from contextlib import suppress
from functools import partial
from typing import Any

import pytest
import trio

from fibonacci import AsyncFibonacci, Fibonacci
from fibonacci._async.batch.runs import AsyncRuns
from fibonacci.emulator import Emulator
from tests.batch.journals import JournalPlace
from tests.tools.interruptions.injection import CanceledAt

# Some have ended when the request that starts them is answered; others are watched.
ROWS = [{"n": number, "seconds": 0.01 * (number % 2)} for number in range(4)]

Work = Callable[[], Coroutine[Any, Any, None]]


async def _waits_in_asyncio(work: Work, wait: int) -> int:
    async def await_it() -> None:
        await canceled

    task = asyncio.create_task(await_it())
    canceled = CanceledAt(work(), wait, task.cancel, again=True)
    with suppress(asyncio.CancelledError):
        await task
    return canceled.awaits


async def _waits_in_trio(work: Work, wait: int) -> int:
    scope = trio.CancelScope()
    canceled = CanceledAt(work(), wait, scope.cancel, again=True)
    with scope:
        await canceled
    return canceled.awaits


@pytest.mark.parametrize(
    ("loop", "times"),
    [
        ("asyncio", 5),
        ("trio", 5),
        pytest.param("asyncio", 20, marks=pytest.mark.slow),
        pytest.param("trio", 20, marks=pytest.mark.slow),
    ],
)
def test_the_next_call_has_the_journal(
    emulator: Emulator, client: Fibonacci, rester: str, place: JournalPlace, loop: str, times: int
) -> None:
    waits_of = _waits_in_asyncio if loop == "asyncio" else _waits_in_trio

    async def main() -> None:
        async with AsyncFibonacci(emulator.api_key, base_url=emulator.base_url) as client:
            wait = 0
            for time in range(times):
                begin = partial(
                    client.workflows.run_many,
                    rester,
                    [{**row, "time": time} for row in ROWS],
                    journal=f"{place.location}-{time}",
                    concurrency=2,
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
