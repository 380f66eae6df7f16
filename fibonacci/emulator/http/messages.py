"""HTTP messages as plain data: the emulator itself depends on no socket and on no HTTP library."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ServerRequest:
    """One HTTP request as received.

    Attributes:
        method: The method, in capitals.
        target: Path and query as received, still percent-encoded.
        headers: Values by lower-case name.
        body: The complete body.
    """

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class ServerResponse:
    """One HTTP response to send, complete with its `Content-Length`.

    Attributes:
        status: The status.
        headers: Names and values.
        body: The complete body.
    """

    status: int
    headers: list[tuple[str, str]]
    body: bytes


def decoded_headers(raw: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    """Return the headers of a request as text; those of one name are joined by commas, as RFC 9110 has it."""
    headers: dict[str, str] = {}
    for raw_name, raw_value in raw:
        name, value = raw_name.decode("ascii"), raw_value.decode("latin-1")
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return headers


def encoded_headers(headers: Iterable[tuple[str, str]]) -> list[tuple[bytes, bytes]]:
    """Return the headers of a response as bytes."""
    return [(name.encode("ascii"), value.encode("latin-1")) for name, value in headers]
