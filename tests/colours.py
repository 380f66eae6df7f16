"""One test for both colours: a `Colour` makes a client and brings whatever its calls give to a plain value."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Iterator
from typing import Any, Literal, cast

from fibonacci import AsyncFibonacci, Fibonacci, Pager
from tests.kit.clock import FakeClock

ColourName = Literal["sync", "async"]
COLOURS: tuple[ColourName, ...] = ("sync", "async")


class Colour:
    """Makes clients of one colour, and carries their calls out.

    `colour.run(client.workflows.get("wf-1"))` is the answer in either colour: what can be awaited is awaited, and a
    pager, or its `pages()`, becomes a list.
    """

    def __init__(self, name: ColourName) -> None:
        self.name = name
        self.is_async = name == "async"
        self._runner = asyncio.Runner()
        self.clock: FakeClock | None = None
        self._clients: list[Any] = []

    def client(self, *args: Any, **options: Any) -> Any:
        """Make a client; it is closed after the test."""
        if self.clock is not None:
            options.setdefault("clock", self.clock.in_mode(is_async=self.is_async))
        made = AsyncFibonacci(*args, **options) if self.is_async else Fibonacci(*args, **options)
        self._clients.append(made)
        return made

    def run(self, result: Any) -> Any:
        """Bring the result of a call to a plain value."""
        if self.is_async:
            return self._runner.run(_settled(result))
        return list(cast("Iterator[Any]", result)) if isinstance(result, (Pager, Iterator)) else result

    def each(self, items: Any, visit: Callable[[Any], object]) -> None:
        """Iterate as a user would, item by item."""
        if self.is_async:
            self._runner.run(_visited(items, visit))
        else:
            for item in items:
                visit(item)

    def close_later(self, transport: Any) -> None:
        """Close a transport after the test."""
        self._clients.append(transport)

    def shut(self, client: Any) -> None:
        """Close a client by the name that this colour has for it."""
        self.run(client.aclose() if self.is_async else client.close())

    def forget(self) -> None:
        """Close nothing and let go of everything, as a careless user does."""
        self._clients.clear()
        self._runner.close()

    def finish(self) -> None:
        """Close everything."""
        for client in self._clients:
            self.shut(client)
        self._runner.close()


async def _settled(result: Any) -> Any:
    if inspect.isawaitable(result):
        return await result
    return [item async for item in result] if hasattr(result, "__aiter__") else result


async def _visited(items: Any, visit: Callable[[Any], object]) -> None:
    async for item in items:
        visit(item)
