"""Ctrl-C and cancellations that end `workflows.run` or `executions.wait`: the notes, and the cancellation."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import anyio
import pytest

from fibonacci import AsyncFibonacci
from fibonacci.emulator import Emulator
from fibonacci.models import Execution
from tests.emulator.handling import wait_until
from tests.kit.mode import Callee
from tests.kit.nodes import tool
from tests.kit.peer import Peer
from tests.kit.server import ScriptedServer
from tests.kit.steps import dripping, head, respond_json
from tests.kit.systems import needs_signals
from tests.kit.transport import http_response

CANCELED = "the execution was canceled, as cancel_on_exit asks"
BODY = {"data": {"execution_id": "exec_1", "status": "running"}}
RUNNING = respond_json(BODY)
RESPONSE = http_response(BODY)

PROGRAM = """
import asyncio, sys
from fibonacci import AsyncFibonacci, Fibonacci

mode, cancel, workflow, key, url = sys.argv[1:]
options = {"idempotency_key": "job-7", "cancel_on_exit": cancel == "cancels"}
options["on_update"] = lambda execution: print(execution.id, flush=True)

async def main():
    async with AsyncFibonacci(key, base_url=url) as client:
        await client.workflows.run(workflow, **options)

if mode == "sync":
    with Fibonacci(key, base_url=url) as client:
        client.workflows.run(workflow, **options)
elif mode == "asyncio":
    asyncio.run(main())
else:
    import trio

    trio.run(main)
"""


@pytest.fixture
def slow(emulator: Emulator) -> str:
    """Return the id of a workflow that takes ten minutes."""
    definition = {"nodes": [tool("a", "wait", {"seconds": 600})]}
    return emulator.client().workflows.create(name="slow", definition=definition).id


@pytest.fixture
def reader(emulator: Emulator) -> Iterator[Callable[[], Execution]]:
    """Return what reads the one execution of the emulator."""
    with emulator.client() as client:

        def read() -> Execution:
            (only,) = client.executions.list()
            return only

        yield read


def notes_of(error: BaseException) -> list[str]:
    return list(getattr(error, "__notes__", ()))


def interrupted(platform: Callee, *arguments: str, has_begun: Callable[[], bool] | None = None) -> tuple[str, str]:
    """Run the program, and interrupt it when it has printed a line or the condition holds; return what it printed."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("COV_", "COVERAGE_"))}
    command = [sys.executable, "-c", PROGRAM, *arguments, platform.api_key, platform.base_url]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    ) as process:
        assert process.stdout is not None
        try:
            if has_begun is not None:
                wait_until(has_begun)
            line = process.stdout.readline() if has_begun is None else ""
            process.send_signal(signal.SIGINT)
            _, text = process.communicate(timeout=20)
        finally:
            process.kill()
    assert process.returncode != 0
    assert "KeyboardInterrupt" in text
    return line.strip(), text


MODES_THAT_ARE_INTERRUPTED = ["sync", "asyncio", pytest.param("trio", marks=pytest.mark.slow)]


@needs_signals
@pytest.mark.parametrize("mode", MODES_THAT_ARE_INTERRUPTED)
def test_ctrl_c_says_what_is_left_and_cancels_when_asked(mode: str, emulator: Emulator, slow: str) -> None:
    for cancel, status in (("notes", "running"), ("cancels", "cancelled")):
        left, text = interrupted(emulator, mode, cancel, slow)
        assert text.count(f"execution id: {left}") == 1
        assert text.count(CANCELED) == (cancel == "cancels")
        assert emulator.client().executions.get(left).status == status


@needs_signals
@pytest.mark.parametrize("mode", MODES_THAT_ARE_INTERRUPTED)
def test_ctrl_c_while_a_workflow_is_started_names_the_key(mode: str) -> None:
    # Not a stall: Python sees a signal that comes just before it blocks only when it receives something.
    with ScriptedServer(dripping(head(200, length=999), b" " * 999)) as server:
        _, text = interrupted(server, mode, "cancels", "wf-1", has_begun=lambda: bool(server.requests))
    assert text.count("no execution id was received (idempotency key: job-7)") == 1
    assert len(server.requests) == 1


def client_of(platform: Any) -> AsyncFibonacci:
    return AsyncFibonacci(platform.api_key, base_url=platform.base_url)


@pytest.mark.parametrize("cancel", [False, True], ids=["notes", "cancels"])
class TestCancellation:
    """A canceled task leaves with notes, and cancels its execution first when it is asked to."""

    @pytest.mark.parametrize("backend", ["asyncio", "trio"])
    def test_by_a_scope(
        self, backend: str, cancel: bool, emulator: Emulator, slow: str, reader: Callable[[], Execution]
    ) -> None:
        """A scope cancels what is awaited after its end too, again and again under asyncio."""
        left: list[BaseException] = []

        async def main() -> None:
            async with client_of(emulator) as client:
                with anyio.CancelScope() as scope:

                    def soon(_: Execution) -> None:
                        scope.deadline = anyio.current_time() + 0.05

                    try:
                        await client.workflows.run(slow, on_update=soon, cancel_on_exit=cancel)
                    except anyio.get_cancelled_exc_class() as error:
                        left.append(error)
                        raise
                assert scope.cancelled_caught

        anyio.run(main, backend=backend)
        self.check(left[0], reader(), cancel)

    def test_by_a_timeout_of_asyncio(
        self, cancel: bool, emulator: Emulator, slow: str, reader: Callable[[], Execution]
    ) -> None:
        async def run_briefly(client: AsyncFibonacci) -> None:
            async with asyncio.timeout(None) as limit:

                def soon(_: Execution) -> None:
                    limit.reschedule(asyncio.get_running_loop().time() + 0.05)

                await client.workflows.run(slow, on_update=soon, cancel_on_exit=cancel)

        async def main() -> BaseException | None:
            async with client_of(emulator) as client:
                with pytest.raises(TimeoutError) as caught:
                    await run_briefly(client)
                return caught.value.__cause__

        error = asyncio.run(main())
        assert error is not None
        self.check(error, reader(), cancel)

    @staticmethod
    def check(error: BaseException, left: Execution, cancel: bool) -> None:
        assert left.status == ("cancelled" if cancel else "running")
        assert notes_of(error) == [f"execution id: {left.id}", *([CANCELED] if cancel else [])]


def slow_to_cancel(peer: Peer) -> None:
    """Take some time for the cancellation, and respond to everything else at once."""
    if peer.request.path.endswith("/cancel"):
        peer.pause(0.2)
    RUNNING(peer)


async def canceled(task: asyncio.Task[Any]) -> asyncio.CancelledError:
    """Return the cancellation with which a task ends."""
    with pytest.raises(asyncio.CancelledError) as caught:
        await task
    return caught.value


class TestWhileItIsCanceled:
    """The cancellation on the platform is completed, whatever else happens to the task."""

    def test_a_second_cancellation(self) -> None:
        async def main(server: ScriptedServer) -> asyncio.CancelledError:
            started = asyncio.Event()
            async with client_of(server) as client:
                run = client.workflows.run("wf-1", on_update=lambda _: started.set(), cancel_on_exit=True)
                task = asyncio.create_task(run)
                await started.wait()
                for _ in range(3):
                    task.cancel()
                    await asyncio.sleep(0.03)
                return await canceled(task)

        with ScriptedServer(slow_to_cancel) as server:
            error = asyncio.run(main(server))
        assert notes_of(error) == ["execution id: exec_1", CANCELED]
        assert [request.path for request in server.requests][-1] == "/executions/exec_1/cancel"
        assert server.delivered == len(server.requests)

    def test_a_cancellation_while_an_error_leaves_is_not_lost(self) -> None:
        def fail(seen: Execution) -> None:
            raise LookupError(seen.id)

        async def main(server: ScriptedServer) -> asyncio.CancelledError:
            async with client_of(server) as client:
                task = asyncio.create_task(client.workflows.run("wf-1", on_update=fail, cancel_on_exit=True))
                while len(server.requests) < 2:
                    await asyncio.sleep(0.01)
                task.cancel()
                return await canceled(task)

        with ScriptedServer(slow_to_cancel) as server:
            error = asyncio.run(main(server))
        assert notes_of(error) == ["execution id: exec_1", CANCELED]
        assert isinstance(error.__context__, LookupError)

    def test_the_shield_has_an_end(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """A transport of the user's that ignores the deadline does not hold a canceled task up."""
        monkeypatch.setattr("fibonacci._async.run._CANCEL_AT_MOST", 0.1)
        for backend in ("asyncio", "trio"):
            transport = Running(seconds_to_cancel=60)

            async def main(transport: Running = transport) -> None:
                with anyio.move_on_after(0.1):
                    await transport.client().workflows.run("wf-1", cancel_on_exit=True)

            began = time.monotonic()
            anyio.run(main, backend=backend)
            assert 0.2 <= time.monotonic() - began < 10
            assert transport.sent[-1] == "/executions/exec_1/cancel"


def test_a_coroutine_that_is_closed_waits_for_nothing() -> None:
    """A `GeneratorExit` allows no further `await`."""
    running = Running().client().workflows.run("wf-1", cancel_on_exit=True)

    async def begin() -> None:
        await asyncio.sleep(0)
        running.send(None)

    asyncio.run(begin())
    running.close()


class Running:
    """A transport that responds that an execution is running."""

    def __init__(self, seconds_to_cancel: float = 0) -> None:
        self.sent: list[str] = []
        self._seconds = seconds_to_cancel

    def client(self) -> AsyncFibonacci:
        return AsyncFibonacci("key", base_url="http://127.0.0.1:9", transport=self)

    async def send(self, request: Any, deadline: Any) -> Any:
        self.sent.append(request.target)
        if request.target.endswith("/cancel"):
            await anyio.sleep(self._seconds)
        return RESPONSE

    async def aclose(self) -> None: ...
