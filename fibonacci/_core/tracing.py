"""What a tracer is told of a call and of each of its attempts; `fibonacci.integrations.opentelemetry` is one."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Protocol


class Span(Protocol):
    """A call or an attempt that is under way."""

    def answered(self, status_code: int, request_id: str | None) -> None:
        """An answer has come, good or bad."""
        ...


class Tracing(Protocol):
    """Makes spans. An exception that leaves a span's block is the span's failure."""

    def call(self, method: str, template: str, base_url: str) -> AbstractContextManager[Span]:
        """A call begins.

        Args:
            method: The HTTP method.
            template: The path with names in place of ids, such as `/workflows/{workflow_id}`; empty when not known.
            base_url: Where the platform is.
        """
        ...

    def attempt(
        self, method: str, url: str, number: int, headers: list[tuple[bytes, bytes]]
    ) -> AbstractContextManager[Span]:
        """An attempt begins.

        Args:
            method: The HTTP method.
            url: The whole URL.
            number: The number of the attempt, from 1.
            headers: The headers of the request; what is added to them is sent.
        """
        ...
