"""Cancels a task at each of its awaits."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Coroutine
from typing import Any

from fibonacci import AsyncFibonacci, FibonacciError
from tests.tools.interruptions.injection import CanceledAt
from tests.tools.interruptions.scripts import TIMEOUT, InterruptedClient, Trial, rows


async def _list(client: AsyncFibonacci, subject: InterruptedClient) -> None:
    items = client.executions.list(page_size=2)
    numbers = itertools.count()
    async for _ in items:
        if next(numbers) == 4:
            break


async def _batch(client: AsyncFibonacci, subject: InterruptedClient) -> None:
    results = client.workflows.run_many(subject.batch_workflow, rows(), journal=str(subject.journal))
    async with results:
        async for _ in results:
            pass


_SCRIPTS: dict[str, Callable[[AsyncFibonacci, InterruptedClient], Coroutine[Any, Any, object]]] = {
    "call": lambda client, subject: client.workflows.get(subject.workflow),
    "start": lambda client, subject: client.workflows.execute(subject.workflow),
    "wait": lambda client, subject: client.executions.wait(subject.execution),
    "list": _list,
    "batch": _batch,
}


async def _attempt(subject: InterruptedClient, script: str, number: int) -> tuple[bool, list[str]]:
    async with AsyncFibonacci(subject.emulator.api_key, base_url=subject.emulator.base_url, timeout=TIMEOUT) as client:

        async def run() -> None:
            await canceled

        found: list[str] = []
        task = asyncio.create_task(run())
        canceled = CanceledAt(_SCRIPTS[script](client, subject), number, task.cancel)
        try:
            await asyncio.wait_for(asyncio.wait([task]), TIMEOUT)
            task.result()
        except TimeoutError:
            return True, ["it does not end"]
        except asyncio.CancelledError:
            pass
        except (Exception, BaseExceptionGroup) as error:
            found.append(f"it raises {error!r}")
        is_reached = canceled.awaits >= number
        for _ in range(2):  # a connection that was cut off is noticed by the first one
            try:
                await client.workflows.get(subject.workflow)
            except FibonacciError as error:
                found.append(f"the next call fails: {error!r}")
        return is_reached, [*found, *subject.use_of(client)]


def attempt_canceled(subject: InterruptedClient, script: str, number: int) -> Trial:
    """Run a script whose task is canceled at one of its awaits."""
    subject.renew(script)
    is_reached, found = asyncio.run(_attempt(subject, script, number))
    return Trial(f"await {number}" if is_reached else "", [*found, *subject.journal_faults()])
