"""The part of `Emulator` that makes clients.

The client is imported when one is requested, never before: the emulator depends on no code of the client.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Final

from fibonacci.emulator.app.app import App

if TYPE_CHECKING:
    from fibonacci import AsyncFibonacci, Fibonacci
    from fibonacci.emulator.facade.emulator import Emulator

_IN_PROCESS_URL: Final = "http://127.0.0.1"


class InProcessClients:
    """Makes clients that call the application in this process."""

    api_key: str
    _app: App

    def client(self, *, api_key: str | None = None, **options: Any) -> Fibonacci:
        """Return a client that reaches this emulator in process, without a socket.

        Args:
            api_key: Another key than the owner's: `emulator.client(api_key=emulator.key("viewer"))`.
            **options: Other options of `Fibonacci`, such as `timeout`, and `api_version="0.2"` for the API of 0.2.4.

        Returns:
            A client; nothing of it has to be closed.

        Raises:
            TypeError: If an option is unknown, or one that says where and how to send.

        Example:
            >>> from fibonacci.emulator import Emulator
            >>> Emulator().client().health.check().healthy
            True
        """
        from fibonacci import Fibonacci
        from fibonacci.emulator.serving.in_process import InProcessTransport

        _check_options(options)
        return Fibonacci(
            self.api_key if api_key is None else api_key,
            **_address(options),
            transport=InProcessTransport(self._app),
            **options,
        )

    def async_client(self, *, api_key: str | None = None, **options: Any) -> AsyncFibonacci:
        """Return an async client that reaches this emulator in process, without a socket.

        Args:
            api_key: Another key than the owner's: `emulator.client(api_key=emulator.key("viewer"))`.
            **options: Other options of `AsyncFibonacci`, such as `timeout` and `max_retries`.

        Returns:
            A client for any event loop; nothing of it has to be closed.

        Raises:
            TypeError: If an option is unknown, or one that says where and how to send.
        """
        from fibonacci import AsyncFibonacci
        from fibonacci.emulator.serving.in_process import AsyncInProcessTransport

        _check_options(options)
        return AsyncFibonacci(
            self.api_key if api_key is None else api_key,
            **_address(options),
            transport=AsyncInProcessTransport(self._app),
            **options,
        )


def client_variables(emulator: Emulator) -> dict[str, str]:
    """Return the environment variables that name a running emulator to clients.

    `FIBONACCI_API_VERSION` says which API they speak, and so which base URL they take.

    Args:
        emulator: The emulator.
    """
    variables = {"FIBONACCI_BASE_URL": reachable_url(emulator), "FIBONACCI_API_KEY": emulator.api_key}
    if os.environ.get("FIBONACCI_API_VERSION") == "0.2":
        root = variables["FIBONACCI_BASE_URL"].removesuffix("/v1")
        variables |= {"FIBONACCI_API_VERSION": "0.2", "FIBONACCI_BASE_URL": root}
    return variables


def reachable_url(emulator: Emulator) -> str:
    """Return the base URL of a running emulator as a client on this machine reaches it."""
    return emulator.base_url.replace("//0.0.0.0:", "//127.0.0.1:").replace("//[::]:", "//[::1]:")


def _address(options: dict[str, Any]) -> dict[str, Any]:
    """Return the options with the API that is spoken, and the base URL that goes with it."""
    version = options.pop("api_version", "v1")
    return {"api_version": version, "base_url": _IN_PROCESS_URL if version == "0.2" else f"{_IN_PROCESS_URL}/v1"}


def _check_options(options: dict[str, Any]) -> None:
    for name in ("base_url", "transport", "http_client"):
        if name in options:
            raise TypeError(f"{name}: a client in process has its own; for another, make a Fibonacci(...) yourself")
