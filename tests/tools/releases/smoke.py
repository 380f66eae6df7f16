"""Use an installed package: the client against its emulator. Run as a file, with what is installed and nothing else."""

from __future__ import annotations

import sys

import fibonacci
from fibonacci.emulator import Emulator


def main() -> None:
    """Execute a workflow, and print the version."""
    with Emulator() as emulator, fibonacci.Fibonacci(emulator.api_key, base_url=emulator.base_url) as client:
        nodes = [{"id": "greet", "type": "llm", "instruction": "Greet {{input.name}}"}]
        workflow = client.workflows.create(name="Greeting", definition={"nodes": nodes})
        execution = client.workflows.execute(workflow.id, inputs={"name": "Ada"})
        if not execution.succeeded:
            raise AssertionError(execution)
    print("fibonacci", fibonacci.__version__, "executes a workflow on Python", sys.version.split()[0])


if __name__ == "__main__":
    main()
