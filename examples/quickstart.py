"""Create a workflow, change it, execute it, wait for the execution, and print outputs and versions.

Without FIBONACCI_API_KEY it uses an emulator of the platform that it starts itself, over a loopback socket.
"""

from __future__ import annotations

import os

from fibonacci import Fibonacci
from fibonacci.emulator import Emulator

DEFINITION = {
    "nodes": [
        {"id": "greet", "type": "llm", "instruction": "Greet {{input.name}} in one sentence."},
        {"id": "translate", "type": "llm", "instruction": "Say this in {{input.language}}: {{greet}}"},
    ],
    "outputs": {"greeting": "{{greet}}", "translation": "{{translate}}"},
}


def tour(client: Fibonacci) -> None:
    # A new one, for it is deleted at the end: `ensure` would use, and change, a Greeter that exists.
    workflow = client.workflows.create(name="Greeter", definition=DEFINITION)
    print(f"Created     workflow {workflow.id}, version {workflow.version}")

    workflow = client.workflows.update(workflow.id, description="Greets people in their language")
    print(f"Changed     workflow {workflow.id}, now version {workflow.version}")

    execution = client.workflows.execute(workflow.id, inputs={"name": "Ada", "language": "French"})
    print(f"Executing   {execution.id}")
    execution = client.executions.wait(execution.id, timeout=60)
    print(f"Ended       {execution.status}, {execution.nodes_executed} nodes, {execution.duration_ms} ms")

    print("\nOutputs")
    for name, value in execution.outputs.items():
        print(f"  {name:<12}{value}")

    print("\nVersions")
    for version in client.versions.list(workflow.id):
        made = f"{version.created_at:%Y-%m-%d %H:%M:%S %Z}" if version.created_at else "at an unknown time"
        print(f"  {version.version:<12}{made}  {version.description or ''}".rstrip())

    client.workflows.delete(workflow.id)
    if client.rate_limit is not None:
        limit = client.rate_limit
        print(f"\nRate limit  {limit.remaining:,} of {limit.limit:,} requests left until {limit.reset_at:%H:%M:%S %Z}")


def main() -> None:
    if "FIBONACCI_API_KEY" in os.environ:
        with Fibonacci() as client:
            print(f"Platform    {client.base_url}")
            tour(client)
    else:
        with Emulator() as emulator, Fibonacci(emulator.api_key, base_url=emulator.base_url) as client:
            print(f"Platform    {client.base_url}, an emulator on this machine")
            tour(client)


if __name__ == "__main__":
    main()
