"""An iterator that is shared by mistake: one task or thread at a time reads from it; nothing is handed out twice."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import pytest

from fibonacci import AsyncFibonacci, NotFoundError
from tests.kit.clock import FakeClock
from tests.kit.mode import Mode, both_modes
from tests.kit.peer import Peer
from tests.kit.server import ScriptedServer
from tests.kit.steps import error_body, respond_json

PAGES = {"": ["a", "b"], "cursor=2": ["c", "d"]}
STATES = ["pending", "running", "completed"]


class GatedServer(ScriptedServer):
    """Has a list of two pages and an execution that ends, and responds to the request of a number when it is let."""

    def __init__(self, held: int) -> None:
        super().__init__(*[self._respond] * 20)
        self.held = held
        self.is_held, self.goes_on = threading.Event(), threading.Event()

    def _respond(self, peer: Peer) -> object:
        number = len(self.requests)
        if number == self.held:
            self.is_held.set()
            assert self.goes_on.wait(20)
        request = peer.request
        if "executions" in request.path:
            return respond_json({"data": {"id": "e1", "status": STATES[min(number, 3) - 1]}})(peer)
        meta = {} if request.query else {"next_cursor": "2"}
        return respond_json({"data": [{"name": name} for name in PAGES[request.query]], "meta": meta})(peer)


def following(mode: Mode, iterator: Any) -> Callable[[], Any]:
    advance: Callable[[], Any] = iterator.__anext__ if mode.is_async else iterator.__next__
    return advance


def rest(mode: Mode, iterator: Any, show: Callable[[Any], Any]) -> list[Any]:
    seen: list[Any] = []
    mode.each(iterator, lambda item: seen.append(show(item)))
    return seen


ITERATORS: dict[str, tuple[Callable[[Any], Any], Callable[[Any], Any], list[Any]]] = {
    "items": (lambda client: iter_of(client.tools.list()), lambda item: item.name, ["a", "b", "c", "d"]),
    "changes": (lambda client: client.executions.watch("e1"), lambda seen: seen.status, STATES),
}


def iter_of(pager: Any) -> Any:
    return aiter(pager) if hasattr(pager, "__aiter__") else iter(pager)


@both_modes
@pytest.mark.parametrize("kind", list(ITERATORS))
def test_a_second_reader_gets_an_error_at_once_and_the_first_loses_nothing(
    clock: FakeClock, mode: Mode, kind: str
) -> None:
    open_iterator, show, expected = ITERATORS[kind]
    with GatedServer(2) as server:
        iterator = open_iterator(mode.client_of(server))
        advance = following(mode, iterator)
        seen: list[Any] = []
        while len(seen) < (2 if kind == "items" else 1):
            seen.append(show(mode.end(advance).value))
        reading = mode.begin(advance)
        assert server.is_held.wait(20)
        for _ in range(3):
            error = mode.end(advance).error
            assert isinstance(error, RuntimeError), error
            assert str(error).startswith("another task or thread is waiting for the next ")
        server.goes_on.set()
        assert [*seen, show(reading.result().value), *rest(mode, iterator, show)] == expected


def test_a_page_that_fails_or_is_canceled_is_fetched_again(server: ScriptedServer) -> None:
    pages = [{"data": [{"name": name}], "meta": {"next_cursor": "2"}} for name in "ab"]

    async def main() -> None:
        async with AsyncFibonacci("fib_sk_x", base_url=server.base_url, max_retries=0) as client:
            iterator = aiter(client.tools.list())
            task = asyncio.ensure_future(anext(iterator))
            await asyncio.sleep(0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert (await anext(iterator)).name == "a"
            with pytest.raises(NotFoundError):
                await anext(iterator)
            assert (await anext(iterator)).name == "b"

    server.add_response(pages[0])
    server.add_response(error_body().decode(), 404)
    server.add_response(pages[1])
    asyncio.run(asyncio.wait_for(main(), 30))
