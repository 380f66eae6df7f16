"""OpenTelemetry: a span for each call, a child for each attempt, and `traceparent` in the request.

It needs the extra `[otel]`: `pip install 'fibonacci-sdk[otel]'`. Names follow OpenTelemetry's semantic conventions for
HTTP clients.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from urllib.parse import urlsplit

from fibonacci import __version__

try:
    from opentelemetry import propagate, trace
    from opentelemetry.trace import SpanKind, Status, StatusCode, Tracer, TracerProvider
except ImportError as _error:
    raise ImportError("OpenTelemetry is not installed: pip install 'fibonacci-sdk[otel]'") from _error


class OpenTelemetryTracing:
    """Traces a client's calls with OpenTelemetry. Pass it as `tracing=` to the client.

    Args:
        tracer_provider: The provider of the tracer; OpenTelemetry's global one by default.

    Example:
        ```python
        from fibonacci import Fibonacci
        from fibonacci.integrations.opentelemetry import OpenTelemetryTracing

        traced = Fibonacci(tracing=OpenTelemetryTracing())
        traced.health.check()
        ```
    """

    def __init__(self, tracer_provider: TracerProvider | None = None) -> None:
        self._tracer: Tracer = trace.get_tracer("fibonacci", __version__, tracer_provider)

    @contextmanager
    def call(self, method: str, template: str, base_url: str) -> Generator[_Span]:
        """Start the span of a call, which ends with its response or error; waits are included.

        Args:
            method: The HTTP method.
            template: The path with names in place of ids; empty when unknown.
            base_url: The base URL of the platform.

        Yields:
            The span, which records the response.
        """
        attributes = {"http.request.method": method, **_server(base_url)}
        if template:
            attributes["url.template"] = template
        name = f"fibonacci {method} {template}".rstrip()
        with self._spanned(name, SpanKind.INTERNAL, attributes) as span:
            yield span

    @contextmanager
    def attempt(self, method: str, url: str, number: int, headers: list[tuple[bytes, bytes]]) -> Generator[_Span]:
        """Start the span of one attempt, and add its context to the headers.

        Args:
            method: The HTTP method.
            url: The whole URL.
            number: The number of the attempt, from 1.
            headers: The headers of the request, to which `traceparent` is added.

        Yields:
            The span, which records the response.
        """
        attributes = {"http.request.method": method, "url.full": url, **_server(url)}
        if number > 1:
            attributes["http.request.resend_count"] = number - 1
        with self._spanned(method, SpanKind.CLIENT, attributes) as span:
            carrier: dict[str, str] = {}
            propagate.inject(carrier)
            headers += [(name.encode("ascii"), value.encode("ascii")) for name, value in carrier.items()]
            yield span

    @contextmanager
    def _spanned(self, name: str, kind: SpanKind, attributes: dict[str, str | int]) -> Generator[_Span]:
        with self._tracer.start_as_current_span(name, kind=kind, attributes=attributes) as span:
            try:
                yield _Span(span)
            except BaseException as error:
                span.set_attribute("error.type", type(error).__qualname__)
                raise


class _Span:
    """An OpenTelemetry span that records an HTTP response."""

    def __init__(self, span: trace.Span) -> None:
        self._span = span

    def set_response(self, status_code: int, request_id: str | None) -> None:
        """Set the attributes of the response."""
        self._span.set_attribute("http.response.status_code", status_code)
        if request_id is not None:
            self._span.set_attribute("fibonacci.request_id", request_id)
        if status_code >= 400:
            self._span.set_attribute("error.type", str(status_code))
            self._span.set_status(Status(StatusCode.ERROR))


def _server(url: str) -> dict[str, str | int]:
    parts = urlsplit(url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    return {"server.address": parts.hostname or "", "server.port": port}
