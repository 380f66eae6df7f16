"""A plain asyncio service: workers take jobs from a queue and run workflows, all with one client.

At the end the workers finish their jobs and take no new ones.
"""

from __future__ import annotations

import asyncio

from fibonacci import AsyncFibonacci, ExecutionFailedError
from fibonacci.emulator import Emulator

WORKERS = 8


async def work(client: AsyncFibonacci, workflow_id: str, jobs: asyncio.Queue[dict[str, str]]) -> int:
    """Run jobs until an empty one is received; return how many succeeded."""
    succeeded = 0
    while True:
        inputs = await jobs.get()
        if not inputs:
            return succeeded
        try:
            await client.workflows.run(workflow_id, inputs=inputs, timeout=60)
            succeeded += 1
        except ExecutionFailedError as error:
            print(f"{error.execution.id} {error.execution.status}: {inputs}")


async def main() -> None:
    node = {"id": "greet", "type": "llm", "instruction": "Greet {{input.name}}"}
    async with Emulator() as emulator, AsyncFibonacci(emulator.api_key, base_url=emulator.base_url) as client:
        workflow = await client.workflows.ensure(name="Greeter", definition={"nodes": [node]})
        jobs: asyncio.Queue[dict[str, str]] = asyncio.Queue(maxsize=100)
        async with asyncio.TaskGroup() as group:
            workers = [group.create_task(work(client, workflow.id, jobs)) for _ in range(WORKERS)]
            for number in range(40):
                await jobs.put({"name": f"guest {number}"})
            await jobs.put({"title": "no name"})  # its node fails; the service continues
            for _ in workers:
                await jobs.put({})  # an empty job ends a worker
        print(f"{sum(worker.result() for worker in workers)} of 41 jobs succeeded")  # prints: 40 of 41 jobs succeeded


if __name__ == "__main__":
    asyncio.run(main())
