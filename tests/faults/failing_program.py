"""Calls of all kinds while no module can be imported; run by `test_imports.py` in a process of its own."""

from __future__ import annotations

import asyncio
import errno
import inspect
import os
import socket
import sys
import uuid
from collections.abc import Callable, Coroutine, Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

import trio

from fibonacci import APIError, AsyncFibonacci, Fibonacci, RetryEvent

PATHS = (
    "/reset", "/not-http", "/html", "/not-a-model", "/bad-gzip", "/too-large", "/400", "/401", "/404", "/quota", "/429",
    "/500", "/503", "/stall",
)  # fmt: skip
FIRST = ("/500", "/reset", "/stall", "/wf-1")


class NoImports:
    """Refuses each new module, as the system does when no file descriptor is left.

    Attributes:
        refused: The names of the modules.
    """

    def __init__(self) -> None:
        self.refused: list[str] = []

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Refuse a module."""
        self.refused.append(name)
        raise OSError(errno.EMFILE, "Too many open files")

    def install(self) -> None:
        """Refuse all modules from now on, but for what a connection needs: that is waited for."""
        "localhost".encode("idna")
        sys.meta_path.insert(0, self)


class Program:
    """The calls, in one mode.

    Args:
        mode: `sync`, or the event loop.
        base_url: The server.
    """

    def __init__(self, mode: str, base_url: str) -> None:
        self._make = Fibonacci if mode == "sync" else AsyncFibonacci
        self._retries: list[RetryEvent] = []
        self._imports = NoImports()
        self._client = self._client_of(base_url)

    async def second(self) -> None:
        """Fail in every way after the second call, which is the first with a retry's modules at hand."""
        client, nowhere = self._client, self._client_of(f"http://127.0.0.1:{free_port()}/v1")
        workflows, _ = client.workflows, nowhere.workflows
        await settled(workflows.get("wf-1"))
        await settled(workflows.get("wf-1"))
        self._imports.install()
        await report("a list", lambda: workflows.list().first())
        await report("a body", lambda: client.request("POST", "/ok", json={"a": 1}))
        await report("/reset by POST", lambda: client.request("POST", "/reset"))
        for path in PATHS:
            await self._get(path)
        await report("/refused", lambda: nowhere.request("GET", "/x"))
        print(len(self._retries), "retries; not imported:", *self._imports.refused)

    async def unprepared(self) -> None:
        """Fail in the first call of a client that has imported nothing, and succeed in the next."""
        calls: dict[str, Callable[[], Any]] = {
            "get": lambda: self._client.workflows.get("wf-1"),
            "list": lambda: self._client.workflows.list().first(),
            "request": lambda: self._client.request("POST", "/ok", json={"a": 1}),
        }
        self._imports.install()
        for name, call in calls.items():
            await report(name, call)
        sys.meta_path.remove(self._imports)
        _ = self._client.workflows  # imports what a get needs, and nothing for lists and bodies
        sys.meta_path.insert(0, self._imports)
        for name in ("list", "request"):
            await report(name, calls[name])
        sys.meta_path.remove(self._imports)
        for name, call in calls.items():
            await report(name, call)

    def import_workflows(self) -> None:
        """Import what calls with workflows need before the first."""
        _ = self._client.workflows

    async def first(self, path: str) -> None:
        """Fail in the first call."""
        self._imports.install()
        await self._get(path)
        print("not imported:", *self._imports.refused)

    async def _get(self, path: str) -> None:
        client = self._client.with_options(timeout=1.0) if path == "/stall" else self._client
        await report(path, lambda: client.workflows.get(path[1:]))
        client.reset_rate_limit()  # a 429 would hold up the calls that follow

    def _client_of(self, base_url: str) -> Any:
        """Return a client with a key of its own."""
        options: dict[str, Any] = {"max_response_bytes": 100_000, "on_retry": self._retries.append}
        return self._make(f"sk-test-{uuid.uuid4().hex}", base_url=base_url, **options)


async def settled(result: Any) -> Any:
    """Return what a call returns in either mode."""
    return await result if inspect.isawaitable(result) else result


async def report(name: str, call: Callable[[], Any]) -> None:
    """Print how a call ends."""
    try:
        await settled(call())
    except APIError as error:
        print(f"{name}: {type(error).__name__} after {error.attempts}")
    else:
        print(f"{name}: no error")


def free_port() -> int:
    """Return a port that nothing listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def main() -> None:
    mode, base_url = sys.argv[1:]
    program = Program(mode, base_url)

    def run(method: Callable[..., Coroutine[Any, Any, None]], *args: str) -> None:
        if mode == "trio":
            trio.run(method, *args)
        else:
            asyncio.run(method(*args))

    def run_in_child(method: Callable[..., Coroutine[Any, Any, None]], *args: str) -> None:
        child = os.fork()  # the next one has a first call of its own
        if not child:
            run(method, *args)
            sys.stdout.flush()
            os._exit(0)
        os.waitpid(child, 0)

    run_in_child(program.unprepared)
    program.import_workflows()
    for path in FIRST:
        run_in_child(program.first, path)
    run(program.second)


if __name__ == "__main__":
    main()
