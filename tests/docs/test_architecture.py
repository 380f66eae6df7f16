"""The trips of docs/contributing/architecture.md cross the files that it names: a tracer counts them."""

from __future__ import annotations

import asyncio
import re
import sys
import threading
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

import pytest

from fibonacci import AsyncFibonacci, Fibonacci
from fibonacci._async.batch import context
from fibonacci.emulator import Emulator
from tests.tools.markdown import ROOT

PACKAGE = (ROOT / "fibonacci").as_posix() + "/"
DEFINITION = {
    "nodes": [
        {"id": "greet", "type": "llm", "instruction": "Greet {{input.name}}"},
        {"id": "send", "type": "llm", "instruction": "Send {{greet}}"},
    ]
}
TRIP = re.compile(r"^(A call|A row|An execute)\b.* (\d+) files\n((?: .+\n)+)", re.MULTILINE)


class Tracer:
    """Notes the files of the package whose functions one thread calls while it is on."""

    def __init__(self) -> None:
        self.files: set[str] = set()
        self.is_on = False

    def __call__(self, frame: FrameType, event: str, _: object) -> None:
        name = Path(frame.f_code.co_filename).as_posix()
        if self.is_on and event == "call" and name.startswith(PACKAGE):
            self.files.add(name.removeprefix(PACKAGE))


@contextmanager
def tracing(tracer: Tracer) -> Generator[None]:
    """Trace this thread."""
    before = sys.getprofile()
    sys.setprofile(tracer)
    tracer.is_on = True
    yield
    sys.setprofile(before)


def trips() -> Iterator[tuple[int, set[str]]]:
    """Yield the number of files and the files of each trip on the page."""
    page = (ROOT / "docs/contributing/architecture.md").read_text("utf-8")
    for _, count, lines in TRIP.findall(page):
        named = re.findall(r"([\w/]*)(?:\{([\w,]+)\}|(\b\w+))\.py", lines)
        yield int(count), {f"{folder}{name}.py" for folder, many, one in named for name in (many or one).split(",")}


def test_a_trip_crosses_the_files_that_the_page_names(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(context, "_NOTED_EVERY", 60.0)  # the progress is noted once a second, not once a row
    (calls, of_call), (rows, of_row), (executes, of_execute) = trips()
    with Emulator() as emulator:
        call, execute = traced_call(emulator)
        row = asyncio.run(traced_row(emulator, tmp_path / "rows.db"))
    of_row |= {file.replace("_sync/", "_async/") for file in of_call} - {"_async/workflows.py", "_async/resource.py"}
    assert (call ^ of_call, len(call)) == (set(), calls)
    assert (row ^ of_row, len(row)) == (set(), rows)
    assert (execute ^ of_execute, len(execute)) == (set(), executes)


def traced_call(emulator: Emulator) -> tuple[set[str], set[str]]:
    """Return the files that a warm call crosses, and those of a warm execute in the thread of the emulator."""
    call, execute = Tracer(), Tracer()
    threading.setprofile(execute)
    with Fibonacci(emulator.api_key, base_url=emulator.base_url) as client:
        workflow_id = client.workflows.create(name="Greeter", definition=DEFINITION).id
        threading.setprofile(None)
        for _ in range(3):
            client.workflows.get(workflow_id)
            client.workflows.execute(workflow_id, inputs={"name": "Ada"})
        with tracing(call):
            client.workflows.get(workflow_id)
        execute.is_on = True
        client.workflows.execute(workflow_id, inputs={"name": "Ada"})
        execute.is_on = False
    return call.files, execute.files


async def traced_row(emulator: Emulator, journal: Path) -> set[str]:
    """Return the files that each of ten rows crosses which come after twenty others."""
    tracer = Tracer()
    async with AsyncFibonacci(emulator.api_key, base_url=emulator.base_url) as client:
        workflow = await client.workflows.create(name="Greeter", definition=DEFINITION)
        inputs = [{"name": str(number)} for number in range(40)]
        async with client.workflows.run_many(workflow.id, inputs, journal=journal, concurrency=1) as runs:
            results = aiter(runs)
            for _ in range(20):
                await anext(results)
            with tracing(tracer):
                for _ in range(10):
                    await anext(results)
    return tracer.files
