"""Cassettes: the calls of handlers, recorded once and replayed."""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Literal, Self

from fibonacci.emulator.engine.answers.cassette_file import read_calls, stamp_of, text_of, write_calls
from fibonacci.emulator.engine.answers.recorded_calls import (
    HandledCall,
    RecordedCall,
    differences,
    key_of,
    nearest,
    recorded,
)
from fibonacci.emulator.engine.answers.secret_placeholders import SecretPlaceholders
from fibonacci.emulator.engine.default_nodes import NodeError
from fibonacci.emulator.engine.user_handlers import HandlerOutcome, UserHandlers, call_handler
from fibonacci.emulator.engine.variables import Secrets
from fibonacci.emulator.input_files import InputFileError

CassetteMode = Literal["record", "replay"]
"""`record` replays what the cassette has, and records the rest; `replay` calls no handler."""


class Cassette:
    """A file of recorded calls, in use by an emulator until another replaces it or its `with` block ends.

    It is safe to use from many threads. The file is written after every answer.

    Attributes:
        path: The file, in JSON.
        mode: `record` (what is in the file is replayed) or `replay` (no handler is called).

    Example:
        ```python
        from fibonacci.emulator import Emulator, LLMCall

        emulator = Emulator()


        @emulator.llm
        def reply(call: LLMCall) -> str:
            return call.instruction.upper()


        node = {"id": "greet", "type": "llm", "instruction": "hello"}
        workflow = emulator.client().workflows.create(name="Greeter", definition={"nodes": [node]})
        with emulator.record("greeter.json") as cassette:
            emulator.client().workflows.run(workflow.id)
        print([(call.node, call.answer) for call in cassette.calls])  # prints: [('greet', 'HELLO')]
        ```
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        mode: CassetteMode,
        handlers: UserHandlers,
        secrets: Secrets,
    ) -> None:
        self.path: Final = Path(path)
        self.mode: Final[CassetteMode] = mode
        self._handlers = handlers
        self._secrets = secrets
        self._lock = threading.Lock()
        self._stamp = stamp_of(self.path)
        self._calls: list[RecordedCall | None] = [*_stored_calls(self.path, mode)]  # None while its handler works
        self._texts = {index: text_of(call) for index, call in enumerate(self._calls) if call is not None}
        self._kinds = {call.kind for call in self.calls}
        self._unused: set[int] = set(range(len(self._calls)))
        self._queues: dict[tuple[str, str | None], deque[int]] = {}  # by key, and by key and node
        for index, call in enumerate(self.calls):
            key = key_of(call)
            for node in (call.node, None):
                self._queues.setdefault((key, node), deque()).append(index)

    @property
    def calls(self) -> list[RecordedCall]:
        """The calls in the file, in the order in which they began."""
        return [call for call in self._calls if call is not None]

    @property
    def unused(self) -> list[RecordedCall]:
        """The calls that were in the file at first and have not been replayed."""
        with self._lock:
            return [call for index in sorted(self._unused) if (call := self._calls[index]) is not None]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._handlers.release(self)

    def __repr__(self) -> str:
        return f"<Cassette {os.fspath(self.path)!r}: {self.mode}, {len(self.calls)} calls, {len(self.unused)} unused>"


class CallCassette(Cassette):
    """A cassette as the emulator asks it."""

    def answer(
        self, handler: Callable[[Any], Any] | None, call: HandledCall
    ) -> HandlerOutcome | Callable[[], HandlerOutcome] | None:
        """Return the recorded outcome of a call, or the work that calls its handler and records the outcome.

        The emulator calls it.

        Args:
            handler: The user's function for the node; `None` if there is none.
            call: What it is called with.

        Returns:
            The outcome or the work; `None` for the default node. Without a handler, a node is replayed if there is any
            call of its kind, else it has its default.

        Raises:
            NodeError: If the call is not in the cassette and cannot be recorded.
        """
        given = recorded(call)
        secrets = SecretPlaceholders(self._secrets, self._secrets.ever)
        asked = replace(given, input=secrets.hide(given.input))
        with self._lock:
            found = self._take(asked)
            if found is None and self.mode == "record" and handler is not None:
                self._calls.append(None)
                return partial(self._record, len(self._calls) - 1, asked, partial(call_handler, handler, call))
        if found is None and handler is None and (self.mode == "record" or asked.kind not in self._kinds):
            return None
        if found is None:
            raise NodeError(self._miss(asked))
        return HandlerOutcome(secrets.put_back(found.answer), secrets.put_back(found.error), found.usage)

    def _take(self, asked: RecordedCall) -> RecordedCall | None:
        """Take the next unused call that equals another: of the same node if there is one."""
        key = key_of(asked)
        for node in (asked.node, None):
            queue = self._queues.get((key, node))
            while queue:
                index = queue.popleft()
                if index in self._unused:  # else it was taken from the other queue
                    self._unused.remove(index)
                    return self._calls[index]
        return None

    def _record(self, index: int, asked: RecordedCall, work: Callable[[], HandlerOutcome]) -> HandlerOutcome:
        outcome = work()
        secrets = SecretPlaceholders(self._secrets, self._secrets.ever)
        answer, error = secrets.hide(outcome.output), secrets.hide(outcome.error)
        done = replace(asked, answer=answer, error=error, usage=outcome.usage)
        with self._lock:
            self._calls[index] = done
            self._texts[index] = text_of(done)
            try:
                self._write()
            except NodeError as failure:
                return replace(outcome, output=None, error=str(failure))
        return outcome

    def _write(self) -> None:
        if stamp_of(self.path) != self._stamp:
            remedy = "each process records in a file of its own"
            raise NodeError(f"another process has changed the cassette {self.path}, which is left as it is: {remedy}")
        try:
            write_calls(self.path, [self._texts[each] for each in sorted(self._texts)])
        except OSError as error:
            raise NodeError(f"the cassette {self.path} cannot be written: {error.strerror}") from error
        self._stamp = stamp_of(self.path)

    def _miss(self, asked: RecordedCall) -> str:
        """Return the error of a node whose call is not in the cassette."""
        what = f"there is no recorded answer for node {asked.node!r} ({asked.kind}) in {self.path}"
        remedy = "record it with emulator.record(), or change the node back"
        key = key_of(asked)
        same = [call for call in self.calls if key_of(call) == key]
        if same:
            times = "once" if len(same) == 1 else f"{len(same)} times"
            return f"{what}: this input was recorded {times}, and all of that has been replayed; {remedy}"
        found = nearest(asked, self.calls)
        if found is None:
            return f"{what}: no call of this kind was recorded; {remedy}"
        return f"{what}; the nearest is of node {found.node!r} and differs in {differences(found, asked)}; {remedy}"


def _stored_calls(path: Path, mode: CassetteMode) -> list[RecordedCall]:
    try:
        return read_calls(path)
    except FileNotFoundError:
        if mode == "replay":
            raise InputFileError(f"{path}: there is no such cassette: record it with emulator.record()") from None
    if not path.parent.is_dir():
        raise InputFileError(f"{path}: there is no folder {os.fspath(path.parent)!r} to record in: create it")
    return []
