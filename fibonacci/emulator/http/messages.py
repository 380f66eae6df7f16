"""A request and a response as plain data, so that the emulator itself knows neither sockets nor an HTTP library."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fibonacci.emulator.faults.fault import Failure


@dataclass(frozen=True, slots=True)
class ServerRequest:
    """One HTTP request.

    Attributes:
        method: The method in capitals.
        target: The path and the query as they came over the wire, still percent-encoded.
        headers: Values by lower-case name.
        body: The whole body.
    """

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class ServerResponse:
    """One HTTP response, complete with its `Content-Length`.

    Attributes:
        status: The status.
        headers: Names and values.
        body: The whole body.
        failure: What is to happen to it on its way.
    """

    status: int
    headers: list[tuple[str, str]]
    body: bytes
    failure: Failure | None = None
