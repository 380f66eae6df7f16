"""An HTTP response as the rules read it: headers in any case, the rate limit, the body decompressed on demand."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import lru_cache
from math import isfinite
from operator import itemgetter
from typing import Any

from fibonacci._core.json_bodies import check_values, decompress, parse_json
from fibonacci._core.messages import HTTPResponse
from fibonacci._core.transport_errors import TransportError
from fibonacci._system.lazy import once
from fibonacci._texts.redaction import redact, redact_bytes, redact_json
from fibonacci.models.response import Headers, RateLimit


def parse_rate_limit(headers: Mapping[str, str], now: float) -> RateLimit | None:
    """Return the rate limit that the headers state, or None if there is none that makes sense.

    It is read from `X-RateLimit-Limit`, `-Remaining` and `-Reset`, else from the same fields without `X-`.

    Args:
        headers: The headers of the response.
        now: The local Unix time, for a response without `Date`.
    """
    return _rate_limit(headers, "x-ratelimit", now) or _rate_limit(headers, "ratelimit", now)


def _rate_limit(headers: Mapping[str, str], prefix: str, now: float) -> RateLimit | None:
    try:
        # The draft's limit may be followed by the policies that it comes from.
        limit = int(headers[f"{prefix}-limit"].partition(",")[0].partition(";")[0])
        remaining, reset = int(headers[f"{prefix}-remaining"]), float(headers[f"{prefix}-reset"])
        if 0 <= reset < 1e8:  # a number of seconds, because as a Unix time it would be in 1973 or before
            reset += server_time(headers, now)
        # A number that no float can hold makes no sense either: `isfinite` raises for it.
        is_sensible = limit > 0 <= remaining and reset >= 0 and isfinite(limit) and isfinite(remaining)
        reset_at = datetime.fromtimestamp(reset, UTC)
        return RateLimit(limit=limit, remaining=remaining, reset_at=reset_at) if is_sensible else None
    except (KeyError, ValueError, OverflowError, OSError):
        return None


def parse_retry_after(headers: Mapping[str, str], now: float) -> float | None:
    """Return the seconds to wait by the `Retry-After` header, or None if there is none that makes sense.

    An HTTP date is compared with the response's own `Date`, so that a wrong clock on either side does no harm.

    Args:
        headers: The headers of the response.
        now: The local Unix time, for a response without `Date`.
    """
    text = headers.get("retry-after", "").strip()
    if not text:
        return None
    try:
        seconds = float(text)
    except ValueError:
        moment = parse_date(text)
        return None if moment is None else max(0.0, moment - server_time(headers, now))
    return seconds if isfinite(seconds) and seconds >= 0 else None


@lru_cache(maxsize=64)  # consecutive responses have the same second, and so the same text
def parse_date(text: str) -> float | None:
    """Return the Unix time of an HTTP date, or None if the text isn't one."""
    try:
        return parsedate_to_datetime(text).timestamp()
    except (ValueError, TypeError, OverflowError, IndexError):
        return None


def server_time(headers: Mapping[str, str], now: float) -> float:
    """Return the Unix time of the `Date` header, or `now` when there is none."""
    moment = parse_date(headers["date"]) if "date" in headers else None
    return now if moment is None else moment


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
    """

    def __init__(self, response: HTTPResponse, *, received_at: float, limit: int, api_key: str = "") -> None:
        self.status: int = response.status
        self._response = response
        self._received_at = received_at
        self._limit = limit
        self._api_key = api_key
        headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in response.headers]
        if api_key in "\n".join(map(_VALUE, headers)):
            headers = [(name, redact(value, api_key)) for name, value in headers]
        self.headers: Headers = Headers(headers)

    @once
    def rate_limit(self) -> RateLimit | None:
        """The rate limit that the headers state. None if there is none that makes sense."""
        return parse_rate_limit(self.headers, self._received_at)

    @property
    def retry_after(self) -> float | None:
        """Seconds to wait by the `Retry-After` header. None if there is none that makes sense."""
        return parse_retry_after(self.headers, self._received_at)

    @property
    def server_time(self) -> float:
        """The Unix time at which the server responded, by its own clock where it states it."""
        return server_time(self.headers, self._received_at)

    @once
    def body(self) -> bytes:
        """The body, decompressed.

        Raises:
            DecompressionError: If it isn't what its Content-Encoding says.
            TooLargeError: If it is larger than `max_response_bytes`.
        """
        encoding = "" if self._response.decoded else self.headers.get("content-encoding", "")
        return decompress(self._response.body, encoding, self._limit) if encoding else self._response.body

    @property
    def parsable_body(self) -> bytes:
        """The body, decompressed, after a check that parsing it as JSON costs a bounded amount of memory.

        Raises:
            DecompressionError: If it isn't what its Content-Encoding says.
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
        """The `Content-Type` header. Empty if there is none."""
        return self.headers.get("content-type", "")

    def with_body(self, body: bytes) -> APIResponse:
        """Return the same response with another form of its body, which may have each value twice."""
        another = HTTPResponse(status=self.status, headers=self._response.headers, body=body, decoded=True)
        return APIResponse(another, received_at=self._received_at, limit=2 * self._limit, api_key=self._api_key)

    @once
    def readable_body(self) -> Any:
        """The body for a person: decoded JSON, else text, cut, with the key redacted."""
        try:
            return redact_json(parse_json(self.parsable_body), self._api_key)
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
        beginning = redact_bytes(body[:most], key)  # not the whole: a large body would take a third of a second
        if len(body) > most:
            beginning = beginning[: len(beginning) - len(key)]  # it may end in a part of the key
        return beginning[:TEXT_LIMIT].decode("utf-8", "replace")


AttemptResult = APIResponse | TransportError
"""The result of one attempt: a complete response, or the reason why there is none."""


def request_id_in(body: Any) -> str | None:
    """Return the request ID in the `meta` of a decoded body, where no header has it."""
    try:
        request_id = body["meta"]["request_id"]
    except (TypeError, LookupError):
        return None
    return request_id if isinstance(request_id, str) else None
