"""Run several workflows at a time with `asyncio` and one client.

Without FIBONACCI_API_KEY it uses an emulator of the platform that it starts itself.
"""

from __future__ import annotations

import asyncio
import os

from fibonacci import AsyncFibonacci
from fibonacci.emulator import Emulator

DEFINITION = {
    "nodes": [{"id": "greet", "type": "llm", "instruction": "Greet {{input.name}} in one sentence."}],
    "outputs": {"greeting": "{{greet}}"},
}
NAMES = ["Ada", "Grace", "Katherine", "Mary"]


async def tour(client: AsyncFibonacci) -> None:
    # A new one, for it is deleted at the end: `ensure` would use, and change, a Greeter that exists.
    workflow = await client.workflows.create(name="Greeter", definition=DEFINITION)

    # Each `run` executes, waits, and raises ExecutionFailedError when the execution did not succeed.
    async with asyncio.TaskGroup() as group:
        runs = [group.create_task(client.workflows.run(workflow.id, inputs={"name": name})) for name in NAMES]
    for name, run in zip(NAMES, runs, strict=True):
        print(f"{name:<12}{run.result().outputs['greeting']}")

    print()
    async for execution in client.executions.list(workflow_id=workflow.id):
        print(f"{execution.id:<24}{execution.status}")

    await client.workflows.delete(workflow.id)


async def main() -> None:
    if "FIBONACCI_API_KEY" in os.environ:
        async with AsyncFibonacci() as client:
            await tour(client)
    else:
        async with Emulator() as emulator, AsyncFibonacci(emulator.api_key, base_url=emulator.base_url) as client:
            await tour(client)


if __name__ == "__main__":
    asyncio.run(main())
