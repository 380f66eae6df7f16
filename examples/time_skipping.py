"""Test long waits in milliseconds: a ten-minute run and an expiring memory entry, on the emulator's own clock."""

from __future__ import annotations

from fibonacci import NotFoundError
from fibonacci.emulator import Emulator

DEFINITION = {"nodes": [{"id": "pause", "type": "tool", "tool": "wait", "params": {"seconds": 600}}]}


def a_ten_minute_run() -> None:
    client = Emulator(time="skip").client()
    workflow = client.workflows.create(name="Patient", definition=DEFINITION)
    execution = client.workflows.run(workflow.id, timeout=3600)  # timeouts follow the emulator's clock
    print(f"Ten minutes of work: {execution.status} after {execution.duration_ms} ms of the emulator's time")


def a_memory_that_expires() -> None:
    emulator = Emulator(time="manual")
    client = emulator.client()
    client.memory.set("greeting", "hello", scope="global", ttl=3600)
    print("Kept:", client.memory.get("greeting", scope="global").value)
    emulator.clock.advance(3601)
    try:
        client.memory.get("greeting", scope="global")
    except NotFoundError as error:
        print("An hour later:", error.code)


if __name__ == "__main__":
    a_ten_minute_run()
    a_memory_that_expires()
    # prints: Ten minutes of work: completed after 600000 ms of the emulator's time
    # prints: An hour later: not_found
