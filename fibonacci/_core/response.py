"""An HTTP response as the rules see it: headers to look things up in, the body decompressed on demand."""

from __future__ import annotations

from typing import Any

from pydantic_core import from_json

from fibonacci._core.compression import decompress
from fibonacci._core.messages import HTTPResponse, TransportError
from fibonacci._core.rate_limit_headers import parse_rate_limit
from fibonacci._core.redaction import redact, redact_bytes, redact_json
from fibonacci._lazy import cached_property
from fibonacci.models.response import Headers, RateLimit

TEXT_LIMIT = 64 * 1024


class APIResponse:
    """A whole HTTP response, and what can be read from it.

    Attributes:
        status: The HTTP status.
    """

    def __init__(self, response: HTTPResponse, *, limit: int, api_key: str = "") -> None:
        self.status: int = response.status
        self._response = response
        self._limit = limit
        self._api_key = api_key

    @cached_property
    def headers(self) -> Headers:
        """The headers, looked up without regard to case, without a key that the server echoes."""
        key = self._api_key
        return Headers(
            (name.decode("latin-1"), redact(value.decode("latin-1"), key)) for name, value in self._response.headers
        )

    @cached_property
    def rate_limit(self) -> RateLimit | None:
        """The plan's pace as this answer tells it."""
        return parse_rate_limit(self.headers)

    @cached_property
    def body(self) -> bytes:
        """The body, decompressed.

        Raises:
            DecompressionError: If it is not what its Content-Encoding says.
            TooLargeError: If it is larger than the client takes.
        """
        encoding = "" if self._response.decoded else self.headers.get("content-encoding", "")
        return decompress(self._response.body, encoding, self._limit) if encoding else self._response.body

    @property
    def content_type(self) -> str:
        """The `Content-Type` header; empty when there is none."""
        return self.headers.get("content-type", "")

    def readable_body(self) -> Any:
        """The body for a person: decoded JSON where it is JSON, else text, cut, without the key; never an exception."""
        try:
            return redact_json(from_json(self.body), self._api_key)
        except ValueError:
            return self.text()

    def text(self) -> str:
        """The beginning of the body as text, whatever it is, without the key."""
        try:
            body = self.body
        except ValueError:
            body = self._response.body
        return redact_bytes(body, self._api_key.encode())[:TEXT_LIMIT].decode("utf-8", "replace")


AttemptResult = APIResponse | TransportError
"""What an attempt brings: a whole answer, or a failure."""
