"""The part of `Emulator` that makes clients.

The client is imported when one is requested, never before: the emulator depends on no code of the client.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import EllipsisType
from typing import TYPE_CHECKING, Any, Final, Literal

from fibonacci.emulator.app.app import App

if TYPE_CHECKING:
    from fibonacci import AsyncFibonacci, Fibonacci

_IN_PROCESS_URL: Final = "http://127.0.0.1/v1"


class InProcessClients:
    """Makes clients that call the application in this process."""

    api_key: str
    app: App

    def client(
        self,
        *,
        api_key: str | None = None,
        timeout: float | EllipsisType | None = ...,
        max_retries: int | EllipsisType = ...,
        headers: Mapping[str, str] | None = None,
        idempotency: Literal["server"] | None = None,
    ) -> Fibonacci:
        """Return a client that reaches this emulator in process, without a socket.

        Args:
            api_key: Another key than the owner's: `emulator.client(api_key=emulator.key("viewer"))`.
            timeout: Seconds for a whole call; `None` for no limit. Default: the client's.
            max_retries: The largest number of retries of a call. Default: the client's.
            headers: Headers to send with each request.
            idempotency: `server` retries POSTs too: the emulator honors `Idempotency-Key`.

        Returns:
            A client; nothing of it has to be closed.

        Example:
            >>> from fibonacci.emulator import Emulator
            >>> Emulator().client().health.check().healthy
            True
        """
        from fibonacci import Fibonacci
        from fibonacci.emulator.serving.in_process import InProcessTransport

        options = self._client_options(api_key, timeout, max_retries, headers, idempotency)
        return Fibonacci(**options, transport=InProcessTransport(self.app))

    def async_client(
        self,
        *,
        api_key: str | None = None,
        timeout: float | EllipsisType | None = ...,
        max_retries: int | EllipsisType = ...,
        headers: Mapping[str, str] | None = None,
        idempotency: Literal["server"] | None = None,
    ) -> AsyncFibonacci:
        """Return an async client that reaches this emulator in process, without a socket.

        Args:
            api_key: Another key than the owner's: `emulator.client(api_key=emulator.key("viewer"))`.
            timeout: Seconds for a whole call; `None` for no limit. Default: the client's.
            max_retries: The largest number of retries of a call. Default: the client's.
            headers: Headers to send with each request.
            idempotency: `server` retries POSTs too: the emulator honors `Idempotency-Key`.

        Returns:
            A client for any event loop; nothing of it has to be closed.
        """
        from fibonacci import AsyncFibonacci
        from fibonacci.emulator.serving.in_process import AsyncInProcessTransport

        options = self._client_options(api_key, timeout, max_retries, headers, idempotency)
        return AsyncFibonacci(**options, transport=AsyncInProcessTransport(self.app))

    def _client_options(
        self,
        api_key: str | None,
        timeout: float | EllipsisType | None,
        max_retries: int | EllipsisType,
        headers: Mapping[str, str] | None,
        idempotency: Literal["server"] | None,
    ) -> dict[str, Any]:
        options: dict[str, Any] = {
            "api_key": self.api_key if api_key is None else api_key,
            "base_url": _IN_PROCESS_URL,
            "headers": headers,
            "idempotency": idempotency,
        }
        if timeout is not ...:
            options["timeout"] = timeout
        if max_retries is not ...:
            options["max_retries"] = max_retries
        return options
