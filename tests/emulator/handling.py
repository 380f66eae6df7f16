"""Helpers for tests of user handlers."""

from __future__ import annotations

import threading
import time
from typing import Any

from fibonacci import Fibonacci
from fibonacci.emulator import Emulator, ToolCall


def create(client: Fibonacci, *nodes: dict[str, Any], name: str = "test", **more: Any) -> str:
    return client.workflows.create(name=name, definition={"nodes": list(nodes), **more}).id


def details(client: Fibonacci, execution_id: str) -> dict[str, Any]:
    return client.executions.get(execution_id).model_dump()


def node_of(execution: dict[str, Any], node_id: str) -> dict[str, Any]:
    return next(node for node in execution["nodes"] if node["id"] == node_id)


def wait_until(condition: Any) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.001)


def no_handler_works() -> bool:
    return not any(thread.name == "fibonacci-emulator-handler" for thread in threading.enumerate())


def flaky(emulator: Emulator, failures: int) -> list[int]:
    attempts: list[int] = []

    @emulator.tool("flaky")
    def work(call: ToolCall) -> str:
        attempts.append(call.attempt)
        if call.attempt <= failures:
            raise RuntimeError(f"failure {call.attempt}")
        return "done"

    return attempts
