"""Workflows whose rows are run, and what has come of them."""

from __future__ import annotations

from typing import Any

from fibonacci import (
    Fibonacci,
    RunResult,
)
from fibonacci.emulator import Emulator
from tests.kit.mode import Mode
from tests.kit.nodes import tool

GREETER = {"nodes": [{"id": "greet", "type": "llm", "instruction": "Greet {{input.name}}"}]}
RESTER = {"nodes": [tool("rest", "wait", {"seconds": "{{input.seconds}}"})]}


def client_in_process(mode: Mode, emulator: Emulator, **options: Any) -> Any:
    """Make a client of an emulator in the test's mode, without a socket; the clock may be one of the kit."""
    if "clock" in options:
        options["clock"] = options["clock"].in_mode(is_async=mode.is_async)
    return (emulator.async_client if mode.is_async else emulator.client)(**options)


def named(*names: Any) -> list[dict[str, Any]]:
    return [{"name": name} for name in names]


def run(mode: Mode, runs: Any) -> list[RunResult]:
    """Iterate, and return the results in the order in which they came."""
    found: list[RunResult] = []
    mode.each(runs, found.append)
    return found


def inputs_of(client: Fibonacci, workflow: str) -> list[dict[str, Any]]:
    """Return the inputs of the workflow's executions, the newest first."""
    return [each.inputs or {} for each in client.executions.list(workflow_id=workflow)]
