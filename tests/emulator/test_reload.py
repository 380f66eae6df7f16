"""`--reload`: handlers are imported again when a file of their folder changes, and the emulator keeps running."""

from __future__ import annotations

import logging
import queue
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from fibonacci.emulator import Emulator
from fibonacci.emulator.handler_files import HandlerFiles, HandlersError
from tests.emulator.handling import create
from tests.kit.assertions import each_row
from tests.kit.nodes import llm

HANDLERS = """\
{imports}

def register(emulator):
    @emulator.llm
    def reply(call):
        return {answer}
"""


class Records(logging.Handler):
    """What the emulator says of its handlers, in a queue."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: queue.Queue[str] = queue.Queue()

    def emit(self, record: logging.LogRecord) -> None:
        if "reloaded" in record.getMessage():
            self.lines.put(record.getMessage())

    def line(self) -> str:
        return self.lines.get(timeout=20)


class HandlerFolder:
    """The folder of a module with handlers, its emulator, and what is said when a file changes."""

    def __init__(self, path: Path, records: Records) -> None:
        self.path = path
        self.emulator = Emulator()
        self.client = self.emulator.client()
        self.line = records.line
        self.write(answer="'one'")
        self.files = HandlerFiles("reloaded_handlers:register")
        self.files.register(self.emulator)
        self.workflow = create(self.client, llm("a", "{{input.n}}", enable_retry=True, retry_delay=0))

    def write(self, *, imports: str = "", answer: str) -> None:
        self.save("reloaded_handlers.py", HANDLERS.format(imports=imports, answer=answer))

    def save(self, name: str, text: str) -> None:
        """Save a file as editors do: it is there whole, or as it was."""
        (self.path / "new").write_text(text, "utf-8")
        (self.path / "new").replace(self.path / name)

    def overwrite(self, name: str, text: str) -> None:
        """Write a text of the same length into a file, at once."""
        with (self.path / name).open("r+", encoding="utf-8") as file:
            file.write(text)

    def answer(self) -> Any:
        return self.client.workflows.run(self.workflow, inputs={"n": 1}, timeout=30).outputs["a"]


@pytest.fixture
def folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> Iterator[HandlerFolder]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    caplog.set_level(logging.INFO, "fibonacci.emulator")
    records = Records()
    logging.getLogger("fibonacci.emulator").addHandler(records)
    yield HandlerFolder(tmp_path, records)
    logging.getLogger("fibonacci.emulator").removeHandler(records)
    for name in [name for name in sys.modules if name.startswith("reloaded_")]:
        del sys.modules[name]


LATE = """\
def register(emulator):
    emulator.models.append("m")

    @emulator.tool("later")
    def later(call):
        emulator.llm(lambda call: "late")
        return 1
"""
RELOADED = "reloaded_handlers:register was reloaded"
KEPT = "reloaded_handlers:register was not reloaded, so its previous functions still answer: "


@pytest.mark.usefixtures("patient")
def test_a_change_is_taken_and_a_fault_is_not(folder: HandlerFolder) -> None:
    with folder.files.reloading(folder.emulator):
        assert folder.answer() == "one"
        folder.write(answer="'two'")
        assert (folder.line(), folder.answer()) == (RELOADED, "two")
        folder.write(answer="('three'")
        assert (folder.line(), folder.answer()) == (
            f"{KEPT}reloaded_handlers.py:6: SyntaxError: '(' was never closed",
            "two",
        )
        folder.write(imports="import reloaded_texts", answer="reloaded_texts.TEXT")
        missing = f"{KEPT}reloaded_handlers.py:1: ModuleNotFoundError: No module named 'reloaded_texts'"
        assert (folder.line(), folder.answer()) == (missing, "two")
        folder.save("reloaded_texts.py", "TEXT = 1 / 0\n")  # only the folder tells of it
        division = f"{KEPT}reloaded_texts.py:1: ZeroDivisionError: division by zero"
        assert (folder.line(), folder.answer()) == (division, "two")
        folder.overwrite("reloaded_texts.py", "TEXT = 'six'\n")  # and only the file of this
        assert (folder.line(), folder.answer()) == (RELOADED, "six")
        folder.save("reloaded_more.py", "")
        assert folder.line() == RELOADED
        folder.write(imports="import reloaded_more; raise SystemExit(3)", answer="1")
        assert (folder.line(), folder.answer()) == (f"{KEPT}reloaded_handlers.py:1: SystemExit: 3", "six")
        assert "reloaded_more" not in sys.modules
        for version in range(2):
            folder.save("reloaded_handlers.py", f"# {version}\n{LATE}")
            assert folder.line() == RELOADED
        assert folder.answer() == "[default model] 1"  # what is no longer there is gone
        assert folder.emulator.models.count("m") == 1
        later = create(folder.client, {"id": "t", "type": "tool", "tool": "later", "params": {}})
        assert folder.client.workflows.run(later).outputs == {"t": 1}
        assert folder.answer() == "late"  # a function may register another one


def test_a_running_node_keeps_its_handler(folder: HandlerFolder) -> None:
    shared: Any = ModuleType("reloaded_shared")  # it has no file, so it is not reloaded
    shared.began, shared.may_end = threading.Event(), threading.Event()
    sys.modules["reloaded_shared"] = shared
    wait = "shared.began.set() or shared.may_end.wait(30) and 'begun'"
    with folder.files.reloading(folder.emulator):
        folder.write(imports="import reloaded_shared as shared", answer=wait)
        folder.line()
        execution = folder.client.workflows.execute(folder.workflow, inputs={"n": 1})
        assert shared.began.wait(30)
        folder.write(answer="'new'")
        assert (folder.line(), folder.answer()) == (RELOADED, "new")
        shared.may_end.set()
        assert folder.client.executions.wait(execution.id, timeout=30).outputs == {"a": "begun"}


@each_row(
    ("text", "message"),
    [
        ("def register(emulator:\n", "reloaded_handlers.py:1: SyntaxError: '(' was never closed"),
        ("\nimport reloaded_none\n", "reloaded_handlers.py:2: ModuleNotFoundError: No module named 'reloaded_none'"),
        ("def register(emulator):\n    {}['KEY']\n", "reloaded_handlers.py:2: KeyError: 'KEY'"),
        ("", "module 'reloaded_handlers' has no attribute 'register'. Write module:function"),
    ],
)
def test_what_cannot_be_registered_at_first_is_an_error_with_its_place(
    folder: HandlerFolder, text: str, message: str
) -> None:
    sys.modules.pop("reloaded_handlers", None)
    (folder.path / "reloaded_handlers.py").write_text(text, "utf-8")
    with pytest.raises(HandlersError) as caught:
        HandlerFiles("reloaded_handlers:register").register(folder.emulator)
    assert str(caught.value).startswith(f"--handlers reloaded_handlers:register: {message}")
