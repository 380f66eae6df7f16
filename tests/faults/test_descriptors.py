"""File descriptors run out: idle connections are closed for a new one, else nothing was sent."""

from __future__ import annotations

import errno
import gc
import json
import os
import traceback
from collections.abc import Callable, Generator
from contextlib import ExitStack, contextmanager, suppress
from importlib import import_module
from typing import Any

import pytest

from tests.kit.assertions import check_rows
from tests.kit.mode import MODES, Ended, Mode, ModeName
from tests.kit.server import ScriptedServer
from tests.kit.steps import ok
from tests.kit.systems import needs_descriptor_limits, needs_fork

pytestmark = [
    needs_descriptor_limits,
    needs_fork,
    pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning"),
]

LIMIT = 64
NEVER_SENT = f"APIConnectionError, errno {errno.EMFILE}, outcome unknown: False"


def in_child(act: Callable[[], Any]) -> Any:
    """Return what a function returns in a child process that may have few files open."""
    import resource  # not on Windows, where this is collected too

    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        try:
            gc.freeze()  # the parent's sockets that are garbage: closed here, their numbers would be those of others
            os.dup2(writer, 3)
            os.closerange(4, resource.getrlimit(resource.RLIMIT_NOFILE)[0])  # what is the parent's
            resource.setrlimit(resource.RLIMIT_NOFILE, (LIMIT, LIMIT))
            os.write(3, json.dumps(act()).encode())
        except BaseException:
            os.write(3, traceback.format_exc().encode())  # this process has no standard error of pytest's left
        finally:
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as results:
        text = results.read()
    os.waitpid(child, 0)
    try:
        return json.loads(text)
    except ValueError:
        pytest.fail(text)


@contextmanager
def all_used_up() -> Generator[None]:
    """Leave no file descriptor while the block lasts."""
    copies: list[int] = []
    with suppress(OSError):
        while True:
            copies.append(os.dup(0))
    yield
    for copy in copies:
        os.close(copy)


def text_of(ended: Ended) -> str:
    """Return how a call ended in a few words."""
    if ended.error is None:
        return "answered"
    cause = ended.error.__cause__
    number = cause.errno if isinstance(cause, OSError) else cause
    return f"{type(ended.error).__name__}, errno {number}, outcome unknown: {ended.api_error.outcome_unknown}"


def call_without_descriptors(name: ModeName, server: ScriptedServer, other_server: ScriptedServer) -> dict[str, Any]:
    """Call while no descriptor is left: at all, but for a moment, and next to an idle connection."""
    import_module("tenacity")  # which the first retry does, when no file can be opened
    with Mode(name) as mode:
        transport = mode.socket_transport()
        delays: list[float] = []
        freed = ExitStack()

        def free(_: object) -> None:
            freed.close()

        options = {"api_key": f"key-{name}", "transport": transport}
        client = mode.client_of(server, on_retry=free, **options)
        other = mode.client_of(other_server, on_retry=delays.append, **options)
        for one in (client, other):
            mode.run(one.request("GET", "/x"))
        mode.close(transport)
        with all_used_up():
            refused = mode.end(client.with_options(max_retries=0).request, "POST", "/refused")
        with freed:
            freed.enter_context(all_used_up())
            retried = mode.end(client.request, "POST", "/x")
        with all_used_up():  # of the other server's connection, which is idle, the descriptor can be had
            beside = mode.end(other.request, "POST", "/x")
    results = {"refused": refused, "retried": retried, "beside": beside}
    return {"delays": len(delays), **{name: text_of(ended) for name, ended in results.items()}}


def test_all_descriptors_used_up_by_others() -> None:
    def check(result: Any) -> None:
        assert result == {"delays": 0, "refused": NEVER_SENT, "retried": "answered", "beside": "answered"}

    with ScriptedServer(ok) as server, ScriptedServer(ok) as other:
        results = in_child(lambda: [call_without_descriptors(name, server, other) for name in MODES])
    check_rows(zip(MODES, results, strict=True), check)
    assert [len(server.requests), len(other.requests)] == [2 * len(MODES), 2 * len(MODES)]
