"""`progress=True` shows a bar on stderr while an execution is waited for, and leaves a whole line behind."""

from __future__ import annotations

import errno
import json
import re
import sys
import threading
from collections.abc import Callable
from io import StringIO
from typing import Any

import pytest
from tqdm import tqdm

from fibonacci import Fibonacci, NotFoundError, WaitTimeoutError
from fibonacci.models import Execution
from tests.kit.clock import FakeClock
from tests.kit.mode import Mode
from tests.kit.server import ScriptedServer
from tests.kit.steps import Step, error_body, respond

Output = Callable[[], str]


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(runs=True)


@pytest.fixture
def shown(capsys: pytest.CaptureFixture[str]) -> Output:
    """Return what the terminal shows in the end: the last text that was written to each line."""

    def read() -> str:
        text = capsys.readouterr().err
        assert text.endswith("\n"), "the cursor is left in the middle of a line"
        return "\n".join(line.rpartition("\r")[2].rstrip() for line in text.split("\n")).strip("\n")

    return read


def execution(status: str, *nodes: str, **more: object) -> Step:
    trace = {"trace": [{"id": f"n{number}", "status": each} for number, each in enumerate(nodes)]} if nodes else {}
    return respond(200, json.dumps({"data": {"execution_id": "exec_1", "status": status, **trace, **more}}).encode())


def test_the_nodes_of_a_trace_are_counted(mode: Mode, clock: FakeClock, shown: Output) -> None:
    steps = (
        execution("running"),
        execution("running", "completed", "running", "pending"),
        execution("completed", "completed", "completed", "skipped"),
    )
    seen: list[str | None] = []

    def note(each: Execution) -> None:
        seen.append(each.status)

    with ScriptedServer(*steps) as server:
        ended = mode.run(mode.client_of(server).workflows.run("wf-1", progress=True, on_update=note))
    assert (ended.status, len(server.requests), seen) == ("completed", 3, ["running", "running", "completed"])
    assert re.fullmatch(r"exec_1 completed: .*\| 3/3 nodes \[00:0\d\]", shown())


@pytest.mark.parametrize(
    ("last", "line"),
    [
        (execution("completed", nodes_executed=2), "exec_1 completed: 2 nodes [00:0"),  # without a trace
        (execution("cancelled"), "exec_1 cancelled [00:0"),
        (execution("failed", "failed", "cancelled"), "exec_1 failed: "),
    ],
)
def test_the_line_in_the_end(mode: Mode, clock: FakeClock, shown: Output, last: Step, line: str) -> None:
    with ScriptedServer(execution("running"), last) as server:
        mode.run(mode.client_of(server).executions.wait("exec_1", progress=True))
    assert shown().startswith(line)
    assert tickers() == []


def test_without_progress_nothing_is_shown(mode: Mode, clock: FakeClock, capsys: pytest.CaptureFixture[str]) -> None:
    with ScriptedServer(execution("running"), execution("completed")) as server:
        mode.run(mode.client_of(server).executions.wait("exec_1"))
    assert capsys.readouterr().err == ""


def test_what_the_platform_sends_cannot_move_the_cursor(mode: Mode, clock: FakeClock, shown: Output) -> None:
    with ScriptedServer(execution("a\x1b[2J\rb\nc" + "x" * 99)) as server:
        ended = mode.end(mode.client_of(server).executions.wait, "exec_1", timeout=5, progress=True)
    assert type(ended.error) is WaitTimeoutError
    text = shown()
    assert text.startswith(r"exec_1 a\x1b[2J b cxxx")
    assert "\n" not in text
    assert len(text) < 120


def test_in_a_file_each_line_says_what_was_known_then(
    mode: Mode, clock: FakeClock, capsys: pytest.CaptureFixture[str]
) -> None:
    steps = execution("running", nodes_executed=1), execution("completed", "completed", "completed")
    with ScriptedServer(*steps) as server:
        mode.run(mode.client_of(server).workflows.run("wf-1", progress=True))
    lines = [line.partition(" [")[0] for line in capsys.readouterr().err.strip().split("\r")]
    # Without repetitions, which come with the time: no line goes back to nothing done.
    assert [re.sub(r": .*\| ", ": ", line) for line in dict.fromkeys(lines)] == [
        *("sending", "exec_1 running: 1 node", "exec_1 completed: 2/2 nodes")
    ]


class Pipe(StringIO):
    """Stderr whose reader leaves after some writes."""

    def __init__(self, writes: int) -> None:
        super().__init__()
        self.left = writes

    def write(self, text: str) -> int:
        if text and self.left == 0:
            raise BrokenPipeError(errno.EPIPE, "Broken pipe")
        self.left -= bool(text)
        return super().write(text)


@pytest.mark.parametrize("writes", [0, 2])
def test_a_stderr_that_nobody_reads_stops_no_run(
    mode: Mode, clock: FakeClock, monkeypatch: pytest.MonkeyPatch, writes: int
) -> None:
    monkeypatch.setattr(sys, "stderr", Pipe(writes))
    with ScriptedServer(execution("running"), execution("running", "running"), execution("completed")) as server:
        assert mode.run(mode.client_of(server).workflows.run("wf-1", progress=True)).succeeded
    assert tickers() == []
    other = threading.Thread(target=show_a_bar, daemon=True)
    other.start()
    other.join(30)
    assert not other.is_alive(), "a bar in another thread waits forever"


def show_a_bar() -> None:
    tqdm(file=StringIO()).close()


class TestItsEnd:
    """However the wait ends, the line is complete and the thread that shows the time has ended."""

    def test_an_error_before_the_first_update(self, mode: Mode, clock: FakeClock, shown: Output) -> None:
        with ScriptedServer(respond(404, error_body("not_found"))) as server:
            ended = mode.end(mode.client_of(server).workflows.run, "wf-1", progress=True)
        assert type(ended.error) is NotFoundError
        assert shown().startswith("sending [00:0")
        assert tickers() == []

    def test_the_deadline(self, mode: Mode, clock: FakeClock, shown: Output) -> None:
        with ScriptedServer(execution("running")) as server:
            ended = mode.end(mode.client_of(server).executions.wait, "exec_1", timeout=5, progress=True)
        assert type(ended.error) is WaitTimeoutError
        assert shown().startswith("exec_1 running [00:0")

    def test_an_interrupt(self, clock: FakeClock, shown: Output) -> None:
        def interrupt(_: Execution) -> None:
            raise KeyboardInterrupt

        with (
            ScriptedServer(execution("running")) as server,
            Fibonacci("key", base_url=server.base_url) as client,
            pytest.raises(KeyboardInterrupt),
        ):
            client.executions.wait("exec_1", on_update=interrupt, progress=True)
        assert shown().startswith("exec_1 running [00:0")
        assert tickers() == []

    @pytest.mark.parametrize("mode", ["asyncio", "trio"], indirect=True)
    def test_a_cancellation(self, mode: Mode, clock: FakeClock, shown: Output) -> None:
        polled = threading.Event()

        def note(_: Execution) -> None:
            polled.set()

        with ScriptedServer(execution("running")) as server:
            client: Any = mode.client_of(server)
            call = mode.begin(client.executions.wait, "exec_1", timeout=None, on_update=note, progress=True)
            assert polled.wait(10)
            call.cancel()
            wait_until_no_ticker()
            mode.close(client)  # the event loop comes to it when the line is complete
        assert shown().startswith("exec_1 running [00:0")


def tickers() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "fibonacci-progress"]


def wait_until_no_ticker() -> None:
    for thread in tickers():
        thread.join(10)
    assert tickers() == []


def test_a_missing_tqdm_is_named_before_anything_is_sent(
    monkeypatch: pytest.MonkeyPatch, server: ScriptedServer
) -> None:
    for name in ("tqdm", "tqdm.auto"):
        monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.delitem(sys.modules, "fibonacci._display.progress", raising=False)
    with Fibonacci("key", base_url=server.base_url) as client:
        for call in (client.workflows.run, client.executions.wait):
            with pytest.raises(
                ImportError, match=r"^progress=True needs tqdm: pip install 'fibonacci-sdk\[progress\]'$"
            ):
                call("wf-1", progress=True)
    assert server.requests == []
