# Derived from fibonacci/_async/transports/httpx_transport.py by tests/mirror.py; change that file, not this one.
"""Sending through an HTTP client that the user gave: httpx's or httpx2's, used as it is and never closed."""

from __future__ import annotations

from typing import Any

from fibonacci._core.deadline import Deadline
from fibonacci._core.messages import HTTPRequest, HTTPResponse, TransportError
from fibonacci._core.transport_errors import transport_error_from


class HTTPXTransport:
    """Sends through a client that has httpx's interface.

    Args:
        client: An `httpx.Client` or `httpx2.Client`.
        max_response_bytes: The largest body that is taken, in bytes, as it comes over the wire.
    """

    def __init__(self, client: Any, *, max_response_bytes: int) -> None:
        self._client = client
        self._limit = max_response_bytes

    def send(self, request: HTTPRequest, deadline: Deadline) -> HTTPResponse:
        """Send a request and read the whole response; see `Transport`."""
        try:
            built = self._client.build_request(
                request.method,
                request.origin + request.target,
                headers=request.headers,
                content=request.body,
                **self._options(deadline),
            )
            # No redirects and no auth of the client's own: the key goes to the platform alone.
            response = self._client.send(built, stream=True, follow_redirects=False, auth=None)
            try:
                return self._read(response, deadline)
            finally:
                response.close()
        except TransportError:
            raise
        except Exception as error:
            raise transport_error_from(error) from error

    def close(self) -> None:
        """Do nothing: the client is the user's."""

    def _options(self, deadline: Deadline) -> dict[str, Any]:
        # The library's own limits are for single steps; the deadline is looked at between the chunks of the body too.
        return {"timeout": deadline.remaining()}

    def _read(self, response: Any, deadline: Deadline) -> HTTPResponse:
        if response.is_stream_consumed:
            # It was made whole, as a mock transport makes it; then the library has undone the compression too.
            whole = HTTPResponse(response.status_code, response.headers.raw, response.content, decoded=True)
            if len(whole.body) > self._limit:
                raise TransportError("too_large", None, whole)
            return whole
        body = bytearray()
        for chunk in response.iter_raw():
            body += chunk
            if len(body) > self._limit:
                raise TransportError(
                    "too_large", None, HTTPResponse(response.status_code, response.headers.raw, bytes(body))
                )
            if deadline.remaining() == 0:
                raise TransportError("timeout", None)
        return HTTPResponse(response.status_code, response.headers.raw, bytes(body))
