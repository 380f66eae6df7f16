"""Forks in the midst of a call."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterator

import pytest

from fibonacci import Fibonacci
from tests.kit.server import ScriptedServer
from tests.kit.steps import respond
from tests.kit.systems import needs_fork
from tests.tools.interruptions.injection import Injector

FINE = {"fine": True}
LIMITS = {"X-RateLimit-Limit": "5000", "X-RateLimit-Remaining": "4000", "X-RateLimit-Reset": "4102444800"}


@pytest.fixture
def fine() -> Iterator[ScriptedServer]:
    with ScriptedServer(respond(200, b'{"fine": true}', LIMITS)) as server:
        yield server


def at_every_line(client: Fibonacci, act: Callable[[], object], check: Callable[[str], object]) -> int:
    """Make calls, and do something at one of their lines each; return how many lines it has."""
    for _ in range(3):
        client.request("GET", "/x")  # imports are another matter
    for line in itertools.count(1, 97):
        injector = Injector(line, act)
        with injector.tracing():
            assert client.request("GET", "/x") == FINE
        if not injector.place:
            return line
        check(injector.place)
    raise AssertionError


@needs_fork
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_fork_at_any_line_of_a_call_leaves_the_response_to_the_parent(fine: ScriptedServer) -> None:
    """The child closes its copies of the parent's connections: the rest of the call fails there, or opens another."""
    parent, children = os.getpid(), list[int]()

    def fork() -> None:
        if child := os.fork():
            children.append(child)

    def check(place: str) -> None:
        if os.getpid() != parent:
            os._exit(7)
        assert os.waitstatus_to_exitcode(os.waitpid(children[-1], 0)[1]) == 7, place
        assert client.request("GET", "/x") == FINE, place

    with Fibonacci(fine.api_key, base_url=fine.base_url, timeout=5) as client:
        try:
            assert at_every_line(client, fork, check) > 300
        finally:
            if os.getpid() != parent:
                os._exit(1)
    first = fine.requests[0].connection
    assert sum(request.connection == first for request in fine.requests) == 4 + 2 * len(children)
