"""The loop that many programs have for many rows: a semaphore, tenacity after a refusal, and polling each execution."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, ParamSpec, TypeVar

from tenacity import AsyncRetrying, retry_if_exception_type, wait_random_exponential

from fibonacci import APIConnectionError, AsyncFibonacci, QuotaExceededError, RateLimitError
from fibonacci.models.executions import Execution

P = ParamSpec("P")
T = TypeVar("T")

CONCURRENCY = 20
"""Rows at a time where nothing else is said."""

_POLL = 2.0  # seconds


async def retried(call: Callable[P, Awaitable[T]], *args: P.args, **kwargs: P.kwargs) -> T:
    """Call without a gate, and again after a refusal, later each time."""
    retrying = AsyncRetrying(
        retry=retry_if_exception_type((RateLimitError, QuotaExceededError, APIConnectionError)),
        wait=wait_random_exponential(max=60),
        sleep=asyncio.sleep,
    )
    return await retrying(call, *args, **kwargs)


async def run_by_habit(
    client: AsyncFibonacci, workflow: str, rows: list[dict[str, Any]], concurrency: int | None = None
) -> int:
    """Run rows.

    Args:
        client: A client without a limiter and retries.
        workflow: The id of the workflow.
        rows: The inputs of each row.
        concurrency: Rows at a time.

    Returns:
        How many have succeeded.
    """
    semaphore = asyncio.Semaphore(CONCURRENCY if concurrency is None else concurrency)

    async def run(row: dict[str, Any]) -> Execution:
        async with semaphore:
            execution = await retried(client.workflows.execute, workflow, inputs=row)
            while not execution.is_terminal:
                await asyncio.sleep(_POLL)
                execution = await retried(client.executions.get, execution.id)
            return execution

    return sum(each.succeeded for each in await asyncio.gather(*map(run, rows)))
