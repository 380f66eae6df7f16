"""Run the command, in this process where that is enough, and in a new one where it is not."""

from __future__ import annotations

import contextlib
import io
import json
import os
import shlex
import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from pydantic_core import to_jsonable_python

from fibonacci.cli.main import main
from fibonacci.models._base import Model
from tests.kit.assertions import check_rows

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping
    from pathlib import Path

    from fibonacci.emulator import Emulator


class Invocation(NamedTuple):
    """What a run of the command has left.

    Attributes:
        code: Its exit code.
        out: What it printed to stdout.
        err: What it printed to stderr.
    """

    code: int
    out: str
    err: str

    @property
    def data(self) -> Any:
        """The JSON on stdout."""
        return json.loads(self.out)

    @property
    def result(self) -> str:
        """What it printed to stdout, except for an error that `--json` has there."""
        return "" if self.out.startswith('{"error": ') else self.out

    @property
    def lines(self) -> list[Any]:
        """The JSON of each line on stdout."""
        return [json.loads(line) for line in self.out.splitlines()]


def as_printed(model: type, data: Any) -> Any:
    """Return what the command prints of an object: the fields of `to_dict()`, or what has no model as it is."""
    if not issubclass(model, Model):
        return data
    return to_jsonable_python(model.model_validate(data).to_dict())


class TextStream(io.TextIOWrapper):
    """A standard stream that has a text to read, or keeps what is printed, and may say that it is a terminal."""

    def __init__(self, text: str = "", *, is_terminal: bool = False) -> None:
        self._content = io.BytesIO(text.encode())
        self._is_terminal = is_terminal
        super().__init__(self._content, "utf-8", newline="", write_through=True)

    def isatty(self) -> bool:
        return self._is_terminal

    def getvalue(self) -> str:
        return self._content.getvalue().decode()


def invoke(*arguments: str, stdin: str = "", on_terminal: bool = False) -> Invocation:
    """Run the command in this process. Its streams are no terminal, except for stdout where that is said."""
    if "mcp" in arguments:
        with contextlib.suppress(ImportError):
            import_module("mcp")  # its client gives the stderr of its import to the processes that it starts
    out, err = TextStream(is_terminal=on_terminal), TextStream()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err), _stdin(stdin):
        try:
            code = main(arguments)
        except SystemExit as exit:
            code = int(exit.code or 0)
    return Invocation(code, out.getvalue(), err.getvalue())


def check_refused(messages: Mapping[str, str], code: int = 64, *, stdin: str = "") -> None:
    """Check that each command line exits with the code, and prints one line: on stderr, with the message in it."""

    def check(line: str) -> None:
        run = invoke(*shlex.split(line), stdin=stdin)
        assert (run.code, run.result, run.err.count("\n")) == (code, "", 1), run
        assert messages[line] in run.err

    check_rows(((line, line) for line in messages), check)


def invoke_unwritable(*arguments: str, is_full: bool) -> Invocation:
    """Run the command in this process, with a stdout on a full disk, or else a pipe that its reader has closed."""
    descriptor = os.open("/dev/full", os.O_WRONLY) if is_full else _closed_pipe()
    err = TextStream()
    with os.fdopen(descriptor, "w") as out, contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main(arguments)
    return Invocation(code, "", err.getvalue())


def _closed_pipe() -> int:
    reader, writer = os.pipe()
    os.close(reader)
    return writer


@contextlib.contextmanager
def _stdin(text: str) -> Generator[None]:
    before, sys.stdin = sys.stdin, TextStream(text)
    try:
        yield
    finally:
        sys.stdin = before


def environment(emulator: Emulator | None, folder: Path) -> dict[str, str]:
    """Return the environment of a process with an emulator's address and key, and a new configuration folder."""
    names = {"PATH", "HOME", "LANG", "SYSTEMROOT", "PYTHONPATH"}
    variables = {name: value for name, value in os.environ.items() if name in names or name.startswith("COV")}
    variables["FIBONACCI_CONFIG_DIR"] = str(folder)
    if emulator is not None:
        variables["FIBONACCI_API_KEY"] = emulator.api_key
        variables["FIBONACCI_BASE_URL"] = emulator.base_url
    return variables


def use(monkeypatch: pytest.MonkeyPatch, emulator: Emulator, folder: Path) -> None:
    """Set the environment of this process for `invoke`."""
    monkeypatch.setenv("FIBONACCI_API_KEY", emulator.api_key)
    monkeypatch.setenv("FIBONACCI_BASE_URL", emulator.base_url)
    monkeypatch.setenv("FIBONACCI_CONFIG_DIR", str(folder))
