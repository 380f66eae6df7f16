"""The interface of tracers: a span for each call and each attempt; `fibonacci.integrations.opentelemetry` is one."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Protocol


class Span(Protocol):
    """A call or an attempt under way."""

    def set_response(self, status_code: int, request_id: str | None) -> None:
        """Record the response, success or error."""
        ...


class Tracing(Protocol):
    """Makes spans. An exception that leaves a span's block is the span's failure."""

    def call(self, method: str, template: str, base_url: str) -> AbstractContextManager[Span]:
        """Start the span of a call.

        Args:
            method: The HTTP method.
            template: The path with names in place of ids, such as `/workflows/{workflow_id}`; empty when unknown.
            base_url: The base URL of the platform.
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
            headers: The headers of the request; headers added to the list are sent.
        """
        ...
