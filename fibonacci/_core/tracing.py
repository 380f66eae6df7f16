"""The interface of tracers, which make a span for each run, call and attempt.

`fibonacci.integrations.opentelemetry` is a tracer. `Tracing` is what every tracer must have. `ExecutionTracing` and
`WaitSpan` are optional.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Literal, Protocol

from fibonacci.models.executions import Execution


class Span(Protocol):
    """A call or an attempt under way.

    Example:
        ```python
        from fibonacci.types import Span

        class Statuses:
            seen: list[int] = []

            def set_response(self, status_code: int, request_id: str | None) -> None:
                self.seen.append(status_code)

        span: Span = Statuses()
        ```
    """

    def set_response(self, status_code: int, request_id: str | None) -> None:
        """Record the response, whether success or error.

        Args:
            status_code: The HTTP status code.
            request_id: The ID of the request. None if the platform sent none.
        """
        ...


class WaitSpan(Span, Protocol):
    """An optional addition to `Span` that also records the waits of a call for the rate limit.

    Example:
        ```python
        from fibonacci.types import WaitSpan

        class Waits:
            def set_response(self, status_code: int, request_id: str | None) -> None: ...

            def add_rate_limit_wait(self, seconds: float) -> None:
                print(f"waited {seconds:.1f} s")

        span: WaitSpan = Waits()
        ```
    """

    def add_rate_limit_wait(self, seconds: float) -> None:
        """Record that a call has finished waiting for the rate limit.

        Args:
            seconds: The seconds that the call waited.
        """
        ...


class ExecutionSpan(Protocol):
    """A `run` or `wait` under way.

    Example:
        ```python
        from fibonacci import Execution
        from fibonacci.types import ExecutionSpan

        class States:
            def set_execution(self, execution: Execution) -> None:
                print(execution.id, execution.status)

        span: ExecutionSpan = States()
        ```
    """

    def set_execution(self, execution: Execution) -> None:
        """Record the execution in its latest state.

        Args:
            execution: What the platform sent about it.
        """
        ...


class Tracing(Protocol):
    """What makes spans for `Fibonacci(tracing=...)`.

    If an exception leaves the `with` block of a span, mark the span as failed.

    Example:
        ```python
        from collections.abc import Iterator
        from contextlib import contextmanager
        from fibonacci import Fibonacci

        class Statuses:
            def set_response(self, status_code: int, request_id: str | None) -> None:
                print(status_code)

        class Printing:
            @contextmanager
            def call(self, method: str, template: str, base_url: str) -> Iterator[Statuses]:
                yield Statuses()

            @contextmanager
            def attempt(
                self, method: str, url: str, number: int, headers: list[tuple[bytes, bytes]]
            ) -> Iterator[Statuses]:
                yield Statuses()

        Fibonacci(tracing=Printing()).health.check()
        ```
    """

    def call(self, method: str, template: str, base_url: str) -> AbstractContextManager[Span]:
        """Start the span of a call.

        Args:
            method: The HTTP method.
            template: The path with names in place of IDs, such as `/workflows/{workflow_id}`. Empty if it isn't known.
            base_url: The base URL of the platform.

        Returns:
            A context manager that opens the span, and closes it at the end of the `with` block.
        """
        ...

    def attempt(
        self, method: str, url: str, number: int, headers: list[tuple[bytes, bytes]]
    ) -> AbstractContextManager[Span]:
        """Start the span of an attempt.

        Args:
            method: The HTTP method.
            url: The whole URL.
            number: The number of the attempt, from 1.
            headers: The headers of the request. Headers that you append to the list are sent too.

        Returns:
            A context manager that opens the span, and closes it at the end of the `with` block.
        """
        ...


class ExecutionTracing(Protocol):
    """An optional addition to `Tracing`: a span for each `run` and `wait`, the parent of the spans of its calls.

    Example:
        ```python
        from collections.abc import Iterator
        from contextlib import contextmanager
        from typing import Literal
        from fibonacci import Execution

        class States:
            def set_execution(self, execution: Execution) -> None:
                print(execution.status)

        class Runs:
            @contextmanager
            def execution(
                self,
                operation: Literal["run", "wait"],
                base_url: str,
                *,
                workflow_id: str | None,
                execution_id: str | None,
            ) -> Iterator[States]:
                yield States()
        ```
    """

    def execution(
        self, operation: Literal["run", "wait"], base_url: str, *, workflow_id: str | None, execution_id: str | None
    ) -> AbstractContextManager[ExecutionSpan]:
        """Start the span of a run or a wait.

        Args:
            operation: `"run"` or `"wait"`.
            base_url: The base URL of the platform.
            workflow_id: The ID of the workflow. None for a wait.
            execution_id: The ID of the execution. None for a run, which doesn't have one yet.

        Returns:
            A context manager that opens the span, and closes it at the end of the `with` block.
        """
        ...


class _NoSpan:
    def set_execution(self, execution: Execution) -> None:
        pass


def execution_span(
    tracing: object,
    operation: Literal["run", "wait"],
    base_url: str,
    *,
    workflow_id: str | None = None,
    execution_id: str | None = None,
) -> AbstractContextManager[ExecutionSpan]:
    """Start the span of a run or a wait, if the tracer has one."""
    start: Callable[..., AbstractContextManager[ExecutionSpan]] | None = getattr(tracing, "execution", None)
    if start is None:
        return nullcontext(_NoSpan())
    return start(operation, base_url, workflow_id=workflow_id, execution_id=execution_id)


def recording(span: ExecutionSpan, on_update: Callable[[Execution], object] | None) -> Callable[[Execution], object]:
    """Return an `on_update` that records the execution on a span and then calls the user's."""

    def update(execution: Execution) -> object:
        span.set_execution(execution)
        return None if on_update is None else on_update(execution)

    return update
