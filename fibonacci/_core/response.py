"""An HTTP response as the rules read it: headers without regard to case, the body decompressed on demand."""

from __future__ import annotations

from operator import itemgetter
from typing import Any

from pydantic_core import from_json

from fibonacci._core.compression import decompress
from fibonacci._core.json_types import check_values
from fibonacci._core.messages import HTTPResponse
from fibonacci._core.rate_limit_headers import parse_rate_limit, parse_retry_after, server_time
from fibonacci._core.redaction import redact, redact_bytes, redact_json
from fibonacci._core.transport_errors import TransportError
from fibonacci._lazy import once
from fibonacci.models.response import Headers, RateLimit

TEXT_LIMIT = 64 * 1024
_VALUE = itemgetter(1)


class APIResponse:
    """A complete HTTP response.

    Args:
        response: The response as received.
        received_at: When it was received, in Unix seconds.
        limit: The largest body in bytes, decompressed.
        api_key: The key of the request, to be redacted.

    Attributes:
        status: The HTTP status.
        headers: The headers, with an API key that the server echoes redacted.
        rate_limit: The rate limit that they state.
    """

    def __init__(self, response: HTTPResponse, *, received_at: float, limit: int, api_key: str = "") -> None:
        self.status: int = response.status
        self._response = response
        self._received_at = received_at
        self._limit = limit
        self._api_key = api_key
        headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in response.headers]
        if api_key.encode("latin-1", "replace") in b"\n".join(map(_VALUE, response.headers)):
            headers = [(name, redact(value, api_key)) for name, value in headers]
        self.headers: Headers = Headers(headers)
        self.rate_limit: RateLimit | None = parse_rate_limit(self.headers, received_at)

    @property
    def retry_after(self) -> float | None:
        """Seconds to wait by the `Retry-After` header; None when there is none that makes sense."""
        return parse_retry_after(self.headers, self._received_at)

    @property
    def server_time(self) -> float:
        """The Unix time at which the server responded, by its own clock where it states it."""
        return server_time(self.headers, self._received_at)

    @once
    def body(self) -> bytes:
        """The body, decompressed.

        Raises:
            DecompressionError: If it is not what its Content-Encoding says.
            TooLargeError: If it is larger than `max_response_bytes`.
        """
        encoding = "" if self._response.decoded else self.headers.get("content-encoding", "")
        return decompress(self._response.body, encoding, self._limit) if encoding else self._response.body

    @property
    def parsable_body(self) -> bytes:
        """The body, decompressed, after a check that parsing it as JSON costs a bounded amount of memory.

        Raises:
            DecompressionError: If it is not what its Content-Encoding says.
            TooLargeError: If it is larger than `max_response_bytes`, or has too many values.
        """
        body = self.body
        check_values(body, self._limit)
        return body

    @property
    def request_id(self) -> str | None:
        """The `X-Request-Id` header."""
        return self.headers.get("x-request-id")

    @property
    def content_type(self) -> str:
        """The `Content-Type` header; empty when there is none."""
        return self.headers.get("content-type", "")

    def with_body(self, body: bytes) -> APIResponse:
        """Return the same response with another form of its body, in which each value may be twice."""
        another = HTTPResponse(status=self.status, headers=self._response.headers, body=body, decoded=True)
        return APIResponse(another, received_at=self._received_at, limit=2 * self._limit, api_key=self._api_key)

    def readable_body(self) -> Any:
        """Return the body for a person: decoded JSON, else text, cut, with the key redacted. It never raises."""
        try:
            return redact_json(from_json(self.parsable_body), self._api_key)
        except ValueError:
            return self.text()

    def text(self) -> str:
        """Return the beginning of the body as text, with the key redacted."""
        try:
            body = self.body
        except ValueError:
            body = self._response.body
        key = self._api_key.encode()
        most = TEXT_LIMIT + len(key)
        beginning = redact_bytes(
            body[:most], key
        )  # of the beginning alone: a large body would take a third of a second
        if len(body) > most:
            beginning = beginning[: len(beginning) - len(key)]  # it may end in a part of the key
        return beginning[:TEXT_LIMIT].decode("utf-8", "replace")


AttemptResult = APIResponse | TransportError
"""The result of one attempt: a complete response, or the reason why there is none."""


def request_id_in(body: Any) -> str | None:
    """Return the request id in the `meta` of a decoded body, where no header has it."""
    try:
        request_id = body["meta"]["request_id"]
    except (TypeError, LookupError):
        return None
    return request_id if isinstance(request_id, str) else None
