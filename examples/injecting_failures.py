"""Inject failures with the emulator, and observe what the client does about them."""

from __future__ import annotations

from fibonacci import APIConnectionError, Fibonacci
from fibonacci.emulator import Emulator


def a_read_is_retried(emulator: Emulator, client: Fibonacci) -> None:
    failure = emulator.fail("GET /tools", status=503, times=2)
    tools = list(client.tools.list().pages())
    print(f"Listed after {failure.delivered} failures, at attempt {tools[0].response.attempts}")


def an_execute_is_not(emulator: Emulator, client: Fibonacci) -> None:
    workflow = client.workflows.create(name="Charge a card")
    emulator.fail("POST /workflows/{id}/execute", "no_reply")
    try:
        client.workflows.execute(workflow.id)
    except APIConnectionError as error:
        print(f"Outcome unknown: {error.outcome_unknown}, attempts: {error.attempts}")
    runs = list(client.executions.list(workflow_id=workflow.id))
    print(f"It was carried out {len(runs)} time, and not again")


if __name__ == "__main__":
    with Emulator() as emulator, Fibonacci(emulator.api_key, base_url=emulator.base_url) as client:
        a_read_is_retried(emulator, client)
        an_execute_is_not(emulator, client)
    # prints: Listed after 2 failures, at attempt 3
    # prints: Outcome unknown: True, attempts: 1
    # prints: It was carried out 1 time, and not again
