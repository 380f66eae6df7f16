"""The span over `run` and `wait`, of a tracer that has one."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Literal

from fibonacci._core.config import Config
from fibonacci._core.redaction import redact
from fibonacci._core.tracing import ExecutionSpan
from fibonacci.models.executions import Execution


class _NoSpan:
    def set_execution(self, execution: Execution) -> None:
        pass


def execution_span(
    config: Config,
    operation: Literal["run", "wait"],
    *,
    workflow_id: str | None = None,
    execution_id: str | None = None,
) -> AbstractContextManager[ExecutionSpan]:
    """Start the span of a run or a wait, if the tracer has one, with a key in the ids redacted."""
    start: Callable[..., AbstractContextManager[ExecutionSpan]] | None = getattr(config.tracing, "execution", None)
    if start is None:
        return nullcontext(_NoSpan())
    ids = {"workflow_id": workflow_id, "execution_id": execution_id}
    key = config.api_key if isinstance(config.api_key, str) else None
    return start(operation, config.base_url, **{name: value and redact(value, key) for name, value in ids.items()})


def recording(span: ExecutionSpan, on_update: Callable[[Execution], object] | None) -> Callable[[Execution], object]:
    """Return an `on_update` that records the execution on a span, and then calls the user's."""

    def update(execution: Execution) -> object:
        span.set_execution(execution)
        return None if on_update is None else on_update(execution)

    return update
