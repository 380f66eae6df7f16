"""Forks: what belongs to the parent is out of reach before any code of the child runs."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable
from typing import Any

import pytest

from fibonacci import Fibonacci
from fibonacci._sync.transports.loops import PerLoop
from fibonacci.transports import SocketTransport
from tests.kit.peer import Peer
from tests.kit.server import ScriptedServer
from tests.kit.steps import respond, respond_json
from tests.kit.systems import needs_fork
from tests.tools.interruptions.injection import Injector

pytestmark = [
    needs_fork,
    pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning"),
]


def is_true_in_a_child(test: Callable[[], bool]) -> bool:
    child = os.fork()
    if not child:
        try:
            os._exit(0 if test() else 1)
        finally:
            os._exit(2)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_no_thread_of_a_child_gets_what_the_parent_made() -> None:
    """Whatever line of `get` the first thread is at, when another one asks too."""
    first = Injector(0, lambda: None)
    with first.tracing():
        PerLoop(object).get()
    assert first.lines > 3
    inherited = [(PerLoop(object), line) for line in range(1, first.lines + 1)]
    made = [per_loop.get() for per_loop, _ in inherited]

    def each_gets_another() -> bool:
        got: list[object] = []

        def get(per_loop: PerLoop[object]) -> None:
            got.append(per_loop.get())

        for per_loop, line in inherited:
            thread = threading.Thread(target=get, args=(per_loop,))

            def ask(thread: threading.Thread = thread) -> None:
                thread.start()
                thread.join()

            with Injector(line, ask).tracing():
                get(per_loop)
        return len(got) > len(inherited) + 3 and not {*map(id, made)} & {*map(id, got)}

    assert is_true_in_a_child(each_gets_another)
    assert [per_loop.get() for per_loop, _ in inherited] == made


def test_a_child_keeps_no_connection_open() -> None:
    """The server would not learn that the parent has closed one, as long as a child has a copy."""
    transport: Any = SocketTransport()
    with (
        ScriptedServer(respond(200, b"{}")) as server,
        transport,
        Fibonacci(server.api_key, base_url=server.base_url, transport=transport) as client,
    ):
        client.request("GET", "/x")
        (connection,) = transport._connections
        descriptor = connection._stream._sock.fileno()

        def has_closed_it() -> bool:
            try:
                os.fstat(descriptor)
            except OSError:
                return not transport._connections
            return False

        assert is_true_in_a_child(has_closed_it)
        client.request("GET", "/x")
    assert server.connections == 1


KEPT_BY_THE_HOOK = """
import gc, sys
from fibonacci import Fibonacci
from fibonacci._system import concurrency
from fibonacci.models import Workflow
Fibonacci("key").workflows
waiting = [concurrency.renew_in_children]
kept = {id(sys.modules), id(vars(sys))}  # which the end of the process empties first
while waiting:
    for referent in gc.get_referents(waiting.pop()):
        if id(referent) not in kept:
            kept.add(id(referent))
            waiting.append(referent)
print(id(vars(concurrency)) in kept, id(Workflow) in kept)
"""


def test_the_hook_of_forks_keeps_no_model_to_the_end_of_the_process() -> None:
    """It would keep them all, with everything that they use, and a script would end 5 ms later."""
    # In a process of its own: what other tests have left alive may keep them.
    run = subprocess.run([sys.executable, "-c", KEPT_BY_THE_HOOK], capture_output=True, text=True, check=True)
    assert run.stdout == "True False\n"


FIRST_CALLS = """
import os, sys, threading, time
from fibonacci import Fibonacci

client = Fibonacci("key", base_url=sys.argv[1], timeout=20)
for _ in range(4):
    threading.Thread(target=client.workflows.get, args=("wf-1",), daemon=True).start()
time.sleep(float(sys.argv[2]))
child = os.fork()
if not child:
    client.workflows.list().first()
    os._exit(0)
os._exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


def test_a_child_can_call_that_was_forked_while_other_threads_made_their_first_calls() -> None:
    """Whenever that was: it waits for no module that a thread of the parent was importing."""

    def respond_by_path(peer: Peer) -> None:
        is_list = peer.request.path.endswith("/workflows")
        respond_json({"data": [{"id": "wf-1"}] if is_list else {"id": "wf-1"}})(peer)

    with ScriptedServer(respond_by_path) as server:
        command = [sys.executable, "-W", "ignore", "-c", FIRST_CALLS, server.base_url]
        programs = [subprocess.Popen([*command, str(seconds)]) for seconds in (0.0, 0.03, 0.1, 0.2)]
        try:
            assert [program.wait(timeout=30) for program in programs] == [0] * len(programs)
        finally:
            for program in programs:
                program.kill()
