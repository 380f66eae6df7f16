"""An application: it runs a workflow for each topic, and reports which ones failed."""

from __future__ import annotations

from collections.abc import Iterable

from fibonacci import ExecutionFailedError, Fibonacci
from fibonacci.models import Execution


def digest(client: Fibonacci, workflow_id: str, topics: Iterable[str]) -> dict[str, str]:
    """Return a line for each topic."""
    return {topic: _line(client, workflow_id, topic) for topic in topics}


def summary(execution: Execution) -> str:
    """Return the output of an execution in one line."""
    return " ".join(str(execution.outputs.get("sum", "nothing")).split())


def _line(client: Fibonacci, workflow_id: str, topic: str) -> str:
    try:
        return summary(client.workflows.run(workflow_id, inputs={"topic": topic}, timeout=600))
    except ExecutionFailedError as error:
        return f"failed: {error.execution.id}"
