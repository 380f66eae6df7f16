"""OpenTelemetry: spans of runs, calls and attempts, `traceparent` in the request, and metrics.

It needs the extra `otel`: `pip install 'fibonacci-sdk[otel]'`. Names follow OpenTelemetry's semantic conventions for
HTTP clients. Where these have no name, ours begins with `fibonacci`.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import partial
from time import perf_counter
from typing import TYPE_CHECKING, Literal, TypeVar
from urllib.parse import urlsplit

from fibonacci import __version__
from fibonacci._core.tracing import ExecutionSpan, ExecutionTracing, Span, Tracing, WaitSpan
from fibonacci.errors import APIStatusError
from fibonacci.transports import TransportError

try:
    from opentelemetry import metrics, propagate, trace
    from opentelemetry.metrics import Histogram, MeterProvider
    from opentelemetry.trace import SpanKind, Status, StatusCode, Tracer, TracerProvider
except ImportError as _error:
    raise ImportError("OpenTelemetry is not installed: pip install 'fibonacci-sdk[otel]'") from _error

if TYPE_CHECKING:
    from fibonacci.models.executions import Execution

__all__ = ["OpenTelemetryTracing"]

_Attributes = dict[str, str | int]

# By the conventions, other methods are `_OTHER`. Each custom word would add a time series.
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"})
# Bucket bounds in seconds: those of the conventions for requests, and longer ones for durations that include waits.
_REQUEST_BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0)
_LONG_BOUNDS = (0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 900.0, 3600.0)


class OpenTelemetryTracing(Tracing, ExecutionTracing):
    """A tracer that makes OpenTelemetry spans and metrics, to be passed as `tracing=`.

    There is a span for each `run` or `wait`, for each call in it, and for each attempt of a call. Durations are in
    seconds.

    Args:
        tracer_provider: The provider of the tracer. Default: OpenTelemetry's global one.
        meter_provider: The provider of the meter. Default: OpenTelemetry's global one.

    Example:
        ```python
        from fibonacci import Fibonacci
        from fibonacci.integrations.opentelemetry import OpenTelemetryTracing

        traced = Fibonacci(tracing=OpenTelemetryTracing())
        traced.health.check()
        ```
    """

    def __init__(
        self, tracer_provider: TracerProvider | None = None, meter_provider: MeterProvider | None = None
    ) -> None:
        self._tracer: Tracer = trace.get_tracer("fibonacci", __version__, tracer_provider)
        meter = metrics.get_meter("fibonacci", __version__, meter_provider)

        def histogram(name: str, description: str, bounds: tuple[float, ...]) -> Histogram:
            return meter.create_histogram(name, "s", description, explicit_bucket_boundaries_advisory=bounds)

        self._requests = histogram("http.client.request.duration", "Duration of HTTP client requests.", _REQUEST_BOUNDS)
        self._calls = histogram(
            "fibonacci.client.call.duration", "Duration of calls, with their retries and waits.", _LONG_BOUNDS
        )
        self._executions = histogram(
            "fibonacci.client.execution.duration", "Duration of `run` and `wait`.", _LONG_BOUNDS
        )
        self._waits = histogram(
            "fibonacci.client.rate_limit.wait.duration", "Duration of waits for the rate limit.", _LONG_BOUNDS
        )
        self._retries = meter.create_counter("fibonacci.client.retries", "{retry}", "Requests that were retried.")

    @contextmanager
    def execution(
        self, operation: Literal["run", "wait"], base_url: str, *, workflow_id: str | None, execution_id: str | None
    ) -> Generator[ExecutionSpan]:
        """Start the span of a run or a wait, the parent of its calls.

        Args:
            operation: `"run"` or `"wait"`.
            base_url: The base URL of the platform.
            workflow_id: The ID of the workflow. None for a wait.
            execution_id: The ID of the execution. None for a run, which doesn't have one yet.

        Yields:
            The span. Its `set_execution` records the execution.
        """
        measured: _Attributes = {"fibonacci.operation": operation, **_server(base_url)}
        ids = {"fibonacci.workflow.id": workflow_id, "fibonacci.execution.id": execution_id}
        attributes = measured | {name: value for name, value in ids.items() if value is not None}
        name, kind = f"fibonacci {operation}", SpanKind.INTERNAL
        with self._spanned(_ExecutionSpan, name, kind, attributes, measured, self._executions) as span:
            yield span

    @contextmanager
    def call(self, method: str, template: str, base_url: str) -> Generator[WaitSpan]:
        """Start the span of a call, which ends with the response or the error and includes waits.

        Args:
            method: The HTTP method.
            template: The path with names in place of IDs. Empty if it isn't known.
            base_url: The base URL of the platform.

        Yields:
            The span. Its `set_response` records the response, and `add_rate_limit_wait` records a wait.
        """
        verb, original = _method(method)
        measured: _Attributes = {"http.request.method": verb, **_server(base_url)}
        if template:
            measured["url.template"] = template
        name, attributes = f"fibonacci {_word(verb)} {template}".rstrip(), measured | original
        make = partial(_CallSpan, waits=self._waits)
        with self._spanned(make, name, SpanKind.INTERNAL, attributes, measured, self._calls) as span:
            yield span

    @contextmanager
    def attempt(self, method: str, url: str, number: int, headers: list[tuple[bytes, bytes]]) -> Generator[Span]:
        """Start the span of one attempt, and add its context to the headers.

        Args:
            method: The HTTP method.
            url: The whole URL.
            number: The number of the attempt, from 1.
            headers: The names and values of the request's headers, in order. `traceparent` is added at the end.

        Yields:
            The span. Its `set_response` records the response.
        """
        verb, original = _method(method)
        measured: _Attributes = {"http.request.method": verb, **_server(url)}
        attributes = measured | original | {"url.full": url}
        call = _current.get()
        if call is not None and "url.template" in call.measured:
            measured["url.template"] = call.measured["url.template"]
        if number > 1:
            attributes["http.request.resend_count"] = number - 1
            self._retries.add(1, dict(measured))  # a copy, because attributes are added to it
        with self._spanned(_HTTPSpan, _word(verb), SpanKind.CLIENT, attributes, measured, self._requests) as span:
            carrier: dict[str, str] = {}
            propagate.inject(carrier)
            headers += [(name.encode("ascii"), value.encode("ascii")) for name, value in carrier.items()]
            yield span

    @contextmanager
    def _spanned(
        self,
        make: Callable[[trace.Span, _Attributes], _SpanT],
        name: str,
        kind: SpanKind,
        attributes: _Attributes,
        measured: _Attributes,
        histogram: Histogram,
    ) -> Generator[_SpanT]:
        """Start a span, and measure its duration. The attributes of the metric have few values, so none is an ID."""
        outer = _current.get()
        with self._tracer.start_as_current_span(
            name, kind=kind, attributes=attributes, record_exception=False, set_status_on_exception=False
        ) as started:
            span = make(started, measured)
            token = _current.set(span)
            began = perf_counter()
            try:
                yield span
            except BaseException as error:
                span.fail(error)
                if outer is not None:
                    outer.recorded = span.recorded
                raise
            finally:
                _current.reset(token)
                histogram.record(perf_counter() - began, span.measured)


class _Span:
    """An OpenTelemetry span in progress.

    Attributes:
        measured: The attributes of the span's duration.
        recorded: The exception that this span or one inside it has recorded, or None.
    """

    def __init__(self, span: trace.Span, measured: _Attributes) -> None:
        self.measured = measured
        self.recorded: BaseException | None = None
        self._span = span

    def fail(self, error: BaseException) -> None:
        """Record the exception that leaves the block, unless a span inside this one already has."""
        self.set("error.type", _type_of(error))
        if isinstance(error, Exception):  # a cancellation isn't an error
            self._span.set_status(Status(StatusCode.ERROR, f"{type(error).__name__}: {error}"))
            if error is not self.recorded:
                self._span.record_exception(error)
                self.recorded = error

    def set(self, name: str, value: str | int) -> None:
        """Set an attribute of the span and of its duration."""
        self.measured[name] = value
        self._span.set_attribute(name, value)


class _HTTPSpan(_Span):
    """The span of an attempt.

    It records no exception. A network exception becomes the error of the call, which redacts the API key.
    """

    def fail(self, error: BaseException) -> None:
        """Mark the attempt as failed."""
        self.set("error.type", _type_of(error))
        if isinstance(error, Exception):
            self._span.set_status(Status(StatusCode.ERROR))

    def set_response(self, status_code: int, request_id: str | None) -> None:
        """Record the response."""
        self.set("http.response.status_code", status_code)
        if request_id is not None:
            self._span.set_attribute("fibonacci.request_id", request_id)
        if status_code >= 400:
            self.set("error.type", str(status_code))
            self._span.set_status(Status(StatusCode.ERROR))


class _CallSpan(_HTTPSpan):
    """The span of a call."""

    def __init__(self, span: trace.Span, measured: _Attributes, waits: Histogram) -> None:
        super().__init__(span, measured)
        self._waits = waits

    def fail(self, error: BaseException) -> None:
        """Record the error of the call."""
        if isinstance(error, APIStatusError):
            self.set_response(error.status_code, error.request_id)
        _Span.fail(self, error)

    def add_rate_limit_wait(self, seconds: float) -> None:
        """Record a finished wait for the rate limit."""
        self._waits.record(seconds, dict(self.measured))
        self._span.add_event("fibonacci.rate_limit.wait", {"fibonacci.rate_limit.wait.duration": seconds})


class _ExecutionSpan(_Span):
    """The span of a run or a wait."""

    def set_execution(self, execution: Execution) -> None:
        """Record the execution in its latest state."""
        self._span.set_attribute("fibonacci.execution.id", execution.id)
        if execution.workflow_id is not None:
            self._span.set_attribute("fibonacci.workflow.id", execution.workflow_id)
        if execution.status is not None:
            self.set("fibonacci.execution.status", execution.status)


_SpanT = TypeVar("_SpanT", bound=_Span)
# The SDK's innermost span in this task or thread.
_current: ContextVar[_Span | None] = ContextVar("fibonacci_span", default=None)


def _method(method: str) -> tuple[str, _Attributes]:
    """Return a method as an attribute, along with the original word if the method isn't a known one."""
    return (method, {}) if method in _METHODS else ("_OTHER", {"http.request.method_original": method})


def _word(verb: str) -> str:
    return "HTTP" if verb == "_OTHER" else verb


def _type_of(error: BaseException) -> str:
    return error.kind if isinstance(error, TransportError) else type(error).__qualname__


def _server(url: str) -> _Attributes:
    parts = urlsplit(url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    return {"server.address": parts.hostname or "", "server.port": port}
