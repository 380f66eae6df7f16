"""Cassettes: the calls of handlers, recorded once and replayed."""

from __future__ import annotations

import inspect
import json
import os
import threading
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import lru_cache, partial
from pathlib import Path
from types import TracebackType
from typing import Annotated, Any, Final, Literal, NotRequired, Self, cast

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError, with_config
from typing_extensions import TypedDict

from fibonacci.definitions.json_types import canonical, is_object, place_of
from fibonacci.definitions.tools import canonical_tool
from fibonacci.emulator.engine.emulator_warnings import EmulatorWarning
from fibonacci.emulator.engine.environment import Environment
from fibonacci.emulator.engine.errors import NodeError
from fibonacci.emulator.engine.hidden_secrets import RecordedSecrets, digits_of
from fibonacci.emulator.engine.user_handlers import (
    CriticCall,
    HandlerOutcome,
    LLMCall,
    ToolCall,
    call_handler,
)
from fibonacci.emulator.input_files import InputFile, InputFileError
from fibonacci.emulator.state.json_encoding import JSONObject, parse_json, to_text, unicode_fault

HandledCall = LLMCall | ToolCall | CriticCall
"""The call of a handler."""

_LLM_FIELDS: Final = (
    *("model", "instruction", "system_prompt", "max_tokens", "temperature"),
    *("output_format", "output_schema", "memory"),
)
_CRITIC_FIELDS: Final = ("model", "output", "criteria", "min_score")


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedCall:
    """One call of a handler, as a cassette keeps it, with placeholders for secrets.

    Attributes:
        kind: `llm`, `critic`, or `tool` with the name of the tool, such as `tool web_search`.
        node: The ID of the node. A replay prefers calls of the same node to equal calls of other nodes.
        input: A dict of what the handler received, by name. IDs, the attempt and the iteration are left out. Two calls
            of one kind with the same input are equal.
        answer: What the handler returned, any JSON.
        error: The text of the handler's exception, or `None` if it returned an answer.
        usage: The usage that the handler reported, by name: `input_tokens`, `output_tokens`, `cost`. `None` if it
            reported nothing.
        run: A hash of the inputs of the execution, and the number of its first call. A replay prefers the calls of one
            recorded execution with the same inputs. `None` if it is unknown.
        handler: A hash of the handler's source. `None` if it is unknown.

    Example:
        >>> from fibonacci.emulator import RecordedCall
        >>> call = RecordedCall(kind="llm", node="greet", input={"instruction": "Greet Ada"}, answer="Hello Ada")
        >>> call.answer
        'Hello Ada'
    """

    kind: str
    node: str
    input: dict[str, Any]
    answer: Any = None
    error: str | None = None
    usage: dict[str, Any] | None = None
    run: str | None = None
    handler: str | None = None


def key_of(call: RecordedCall) -> str:
    """Return the kind and the input of a call as one text, which is the same for equal calls."""
    return canonical([call.kind, call.input])


def _hash(value: Any) -> str:
    from hashlib import sha256  # most emulators record nothing

    return sha256(canonical(value).encode()).hexdigest()[:8]


def recorded(call: HandledCall) -> RecordedCall:
    """Return a call as it is recorded, before secrets are hidden and without its outcome."""
    match call:
        case LLMCall():
            kind, given = "llm", {name: getattr(call, name) for name in _LLM_FIELDS}
            given = {name: value for name, value in given.items() if value not in (None, {})}
        case ToolCall():
            kind, given = f"tool {canonical_tool(call.tool_name)}", {"params": dict(call.params)}
        case CriticCall():
            kind, given = "critic", {name: getattr(call, name) for name in _CRITIC_FIELDS}
            given = {name: value for name, value in given.items() if value is not None}
    return RecordedCall(kind=kind, node=call.node_id, input=given)


def nearest(asked: RecordedCall, calls: Iterable[RecordedCall]) -> RecordedCall | None:
    """Return the call of the same kind with the most similar input, or `None`."""

    def likeness(call: RecordedCall) -> tuple[int, bool, int]:
        same = _shared_length(to_text(call.input), to_text(asked.input))
        return -len(_changed(call, asked)), call.node == asked.node, same

    return max((call for call in calls if call.kind == asked.kind), key=likeness, default=None)


def differences(recorded: RecordedCall, asked: RecordedCall) -> str:
    """Return in words how the inputs of two calls differ."""
    return "; ".join(
        f"{name}: recorded {_cut(recorded.input, name, asked.input)}, now {_cut(asked.input, name, recorded.input)}"
        for name in _changed(recorded, asked)
    )


def _changed(one: RecordedCall, other: RecordedCall) -> list[str]:
    names = dict.fromkeys([*other.input, *one.input])
    return [name for name in names if one.input.get(name, ...) != other.input.get(name, ...)]


def _cut(given: JSONObject, name: str, other: JSONObject) -> str:
    """Return a value of an input as text, cut to the part around its first difference from another."""
    if name not in given:
        return "nothing"
    text, against = _text(given[name]), _text(other.get(name, ""))
    start = max(0, _shared_length(text, against) - 20)
    return f"{'...' if start else ''}{text[start : start + 80]!r}{'...' if len(text) > start + 80 else ''}"


def _shared_length(one: str, other: str) -> int:
    """Return how many characters two texts share at the beginning."""
    return next((i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))


def _text(value: Any) -> str:
    return value if isinstance(value, str) else to_text(value)


FORMAT: Final = 1

_STRICT: Final = ConfigDict(extra="forbid", strict=True)


@with_config(_STRICT)
class _StoredCall(TypedDict):
    kind: str
    node: str
    input: dict[str, Any]
    answer: NotRequired[Any]
    error: NotRequired[str]
    usage: NotRequired[dict[Literal["input_tokens", "output_tokens", "cost"], Annotated[int | float, Field(ge=0)]]]
    run: NotRequired[str]
    handler: NotRequired[str]


@with_config(_STRICT)
class _Stored(TypedDict):
    format: Literal[1]
    calls: list[_StoredCall]


_STORED: Final = TypeAdapter(_Stored)


def read_calls(path: Path) -> list[RecordedCall]:
    """Return the calls of a cassette.

    Raises:
        FileNotFoundError: If the file doesn't exist.
        InputFileError: If it cannot be read, is malformed, or was written by a newer version.
    """
    try:
        content = parse_json(path.read_bytes().decode("utf-8-sig"))
    except FileNotFoundError:
        raise
    except OSError as error:
        raise InputFileError(f"{path}: the cassette cannot be read: {error.strerror}") from None
    except json.JSONDecodeError as error:
        raise InputFileError(f"{path}:{error.lineno}:{error.colno}: not a JSON document: {error.msg}") from None
    except (ValueError, RecursionError) as error:
        raise InputFileError(f"{path}: not a JSON document in UTF-8: {error}") from None
    if (fault := unicode_fault(content)) is not None:
        raise _located(path, *fault)
    if is_object(content) and isinstance(number := content.get("format"), int) and number > FORMAT:
        message = f"this version reads {FORMAT}: update fibonacci-sdk, or record the cassette again"
        raise _located(path, "format", f"the format is {number}, but {message}")
    try:
        calls = _STORED.validate_python(content)["calls"]
    except ValidationError as error:
        details = error.errors(include_url=False, include_context=False, include_input=False)[0]
        raise _located(path, place_of(details["loc"]), details["msg"]) from None
    for index, call in enumerate(calls):
        if ("answer" in call) == ("error" in call):
            raise _located(path, f"calls[{index}]", "a call must have either an answer or an error")
    return [RecordedCall(**cast("dict[str, Any]", call)) for call in calls]


def write_calls(path: Path, calls: Sequence[str]) -> None:
    """Replace a cassette.

    Args:
        path: The file.
        calls: The calls, each as `text_of` returns it.

    Raises:
        OSError: If it cannot be written. The file is then unchanged.
    """
    from fibonacci._system.files import write_file

    joined = ",\n".join(calls)
    write_file(path, f'{{\n"format": {FORMAT},\n"calls": [\n{joined}\n]\n}}\n', created=0o600)


def stamp_of(path: Path) -> tuple[int, int, int] | None:
    """Return a stamp that changes whenever the file does, or `None` if the file doesn't exist."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_ino, status.st_mtime_ns, status.st_size


def text_of(call: RecordedCall) -> str:
    """Return a call as the text that is stored."""
    omitted = "answer" if call.error is not None else "error"
    content = {name: value for name, value in asdict(call).items() if name != omitted}
    content = {name: value for name, value in content.items() if value is not None or name == "answer"}
    return json.dumps(content, ensure_ascii=False, indent=2)


def _located(path: Path, location: str, message: str) -> InputFileError:
    """Return the error for a place, with line and column if they are known."""
    try:
        return InputFile(os.fspath(path)).error(location, message)
    except InputFileError:
        return InputFileError(f"{path}: {location}: {message}" if location else f"{path}: {message}")


CassetteMode = Literal["record", "replay"]
"""`record` replays what the cassette has and records the rest, while `replay` never calls a handler."""


class Cassette:
    """A file of recorded calls of handlers, in use until another cassette replaces it or its `with` block ends.

    You can use it from many threads. The file is written after every answer.

    Attributes:
        path: The JSON file.
        mode: `record` replays what is in the file and records the rest. `replay` never calls a handler.
        was_used: Whether it has replayed or recorded a call.

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
        environment: Environment,
    ) -> None:
        self.path: Final = Path(path)
        self.mode: Final[CassetteMode] = mode
        self.was_used: bool = False
        self._handlers = environment.handlers
        self._warnings = environment.warnings
        self._secrets = RecordedSecrets(environment.secrets)
        self._lock = threading.Lock()
        self._stamp = stamp_of(self.path)
        self._calls: list[RecordedCall | None] = [*_stored_calls(self.path, mode)]  # None while its handler runs
        self._texts = {index: text_of(call) for index, call in enumerate(self._calls) if call is not None}
        self._kinds = {call.kind for call in self.calls}
        self._unused: set[int] = set(range(len(self._calls)))
        # The calls that were in the file at the start, by key, and by node and key:
        self._equal: dict[tuple[str, ...], deque[int]] = {}
        self._keyed_with: Mapping[str, str] | None = None  # the secrets that were filled into these keys
        self._runs: dict[str, str] = {}  # the run that each execution replays or records
        self._assigned_runs: set[str] = set()  # the runs in `_runs`

    @property
    def calls(self) -> list[RecordedCall]:
        """The calls in the file, in the order in which they began."""
        return [call for call in self._calls if call is not None]

    @property
    def unused(self) -> list[RecordedCall]:
        """The calls that were in the file at the start and have not been replayed, in the order of the file."""
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
    """A cassette as the emulator uses it."""

    def answer(
        self,
        handler: Callable[[Any], Any] | None,
        call: HandledCall,
        inputs: Mapping[str, Any],
    ) -> HandlerOutcome | Callable[[], HandlerOutcome] | None:
        """Return the recorded outcome of a call, or the work that calls its handler and records the outcome.

        The emulator calls it.

        Args:
            handler: The user's function for the node, or `None` if there is none.
            call: What it is called with.
            inputs: The inputs of the execution.

        Returns:
            The outcome or the work, or `None` for the default node. Without a handler, a node is replayed if the
            cassette has any call of its kind. Otherwise it gets its default.

        Raises:
            NodeError: If the call is not in the cassette and cannot be recorded.
        """
        secrets, given = self._secrets, recorded(call)
        with self._lock:
            execution = call.execution_id
            run = self._runs.get(execution) or f"{_hash(secrets.hide(dict(inputs)))}-"
            hidden = {name: secrets.hide(value) for name, value in given.input.items()}
            asked = replace(given, input=hidden, run=run)
            replayed = self._take(asked, key_of(given))
            if replayed is not None:
                self._assign_run(execution, replayed.run)
            if self.mode == "record" and handler is not None:
                source = _source_hash(handler) if inspect.isroutine(handler) else None
                if replayed is None:
                    return self._recording(replace(asked, handler=source), handler, call)
                if None not in (source, replayed.handler) and source != replayed.handler:
                    self._warnings.note([_changed_function(replayed, self.path)])
        if replayed is None and handler is None and (self.mode == "record" or asked.kind not in self._kinds):
            return None
        if replayed is None:
            raise NodeError(self._missing_call_error(asked, key_of(given)))
        return HandlerOutcome(secrets.put_back(replayed.answer), secrets.put_back(replayed.error), replayed.usage)

    def _take(self, asked: RecordedCall, key: str) -> RecordedCall | None:
        """Take the closest unused call that equals the one asked for, the first if there are several."""
        if (current := self._secrets.current) != self._keyed_with:
            self._keyed_with, self._equal = current, {}
            for index, call in enumerate(self._calls):
                if call is not None:
                    known = self._current_key(call)
                    for place in ((known,), (call.node, known)):
                        self._equal.setdefault(place, deque()).append(index)
        for place in ((asked.node, key), (key,)):
            equal = self._equal.get(place, deque())
            while equal and equal[0] not in self._unused:
                equal.popleft()
            if equal:
                rest = [index for index in equal if index in self._unused] if len(place) > 1 else [equal[0]]
                closest = min(rest, key=lambda index: self._distance(self._calls[index], asked))
                self._unused.remove(closest)
                self.was_used = True
                return self._calls[closest]
        return None

    def _distance(self, call: RecordedCall | None, asked: RecordedCall) -> int:
        """Return 0 for a call of the same run, 1 for a call of a free run with equal inputs, and 2 for any other."""
        run, asked_run = (call and call.run) or "", asked.run or ""
        if run == asked_run:
            return 0
        is_free = run.partition("-")[0] == asked_run.partition("-")[0] and run not in self._assigned_runs
        return 1 if is_free else 2

    def _current_key(self, call: RecordedCall) -> str:
        """Return the key of a recorded call with the emulator's current secrets filled in."""
        try:
            return key_of(replace(call, input=self._secrets.put_back(call.input)))
        except NodeError:  # a secret is missing, so no call equals this one
            return ""

    def _assign_run(self, execution_id: str, run: str | None) -> None:
        """Assign a recorded run to an execution, unless another execution has it."""
        if run is not None and run not in self._assigned_runs and execution_id not in self._runs:
            self._runs[execution_id] = run
            self._assigned_runs.add(run)

    def _recording(
        self, asked: RecordedCall, handler: Callable[[Any], Any], call: HandledCall
    ) -> Callable[[], HandlerOutcome]:
        """Return the work that calls a handler and records the outcome."""
        if call.execution_id not in self._runs:
            asked = replace(asked, run=f"{asked.run}{len(self._calls) + 1}")  # no other run begins with this call
            self._assign_run(call.execution_id, asked.run)
        self.was_used: bool = True
        self._calls.append(None)
        work = partial(call_handler, handler, call, self._handlers.assertions)
        return partial(self._record, len(self._calls) - 1, asked, work)

    def _record(self, index: int, asked: RecordedCall, work: Callable[[], HandlerOutcome]) -> HandlerOutcome:
        outcome = work()
        with self._lock:
            answer, error = self._secrets.hide(outcome.output), self._secrets.hide(outcome.error)
            done = replace(asked, answer=answer, error=error, usage=outcome.usage)
            self._calls[index] = done
            self._texts[index] = text_of(done)
            try:
                self._write()
            except NodeError as failure:
                return replace(outcome, output=None, error=str(failure))
        return outcome

    def _write(self) -> None:
        if stamp_of(self.path) != self._stamp:
            remedy = "each process must record in its own file"
            raise NodeError(f"another process changed the cassette {self.path}, so nothing was written to it: {remedy}")
        try:
            write_calls(self.path, [self._texts[call] for call in sorted(self._texts)])
        except OSError as error:
            raise NodeError(f"the cassette {self.path} cannot be written: {error.strerror}") from error
        self._stamp = stamp_of(self.path)

    def _missing_call_error(self, asked: RecordedCall, key: str) -> str:
        """Return the error of a node whose call is not in the cassette."""
        what = f"there is no recorded answer for node {asked.node!r} ({asked.kind}) in {self.path}"
        remedy = "Record it with emulator.record() or --record, or change the node back"
        same = [call for call in self.calls if self._current_key(call) == key]
        if same:
            times = "once" if len(same) == 1 else f"{len(same)} times"
            return f"{what}: this input was recorded {times}, and every recording has been replayed. {remedy}"
        nearest_call = nearest(asked, self.calls)
        if nearest_call is None:
            return f"{what}: no call of this kind was recorded. {remedy}"
        differing = differences(nearest_call, asked)
        return f"{what}. The closest recording is from node {nearest_call.node!r} and differs in {differing}. {remedy}"


def _changed_function(replayed: RecordedCall, path: Path) -> EmulatorWarning:
    message = (
        f"the function for node {replayed.node!r} has changed since its answer was recorded, and the recorded answer "
        "was used. To record it again, delete the file"
    )
    return EmulatorWarning(code="changed_function", location=f"cassette {path}", message=message)


@lru_cache(maxsize=64)
def _source_hash(handler: Callable[[Any], Any]) -> str | None:
    """Return a hash of the source of a handler and the texts of its closure, or `None` if there is no source."""
    try:
        source, values = inspect.getsource(handler), inspect.getclosurevars(handler).nonlocals
    except (OSError, TypeError, ValueError):
        return None
    texts = {name: value for name, value in values.items() if isinstance(value, str)}
    return digits_of("source", f"{source}{texts}")


def _stored_calls(path: Path, mode: CassetteMode) -> list[RecordedCall]:
    if mode == "record":
        from fibonacci._system.files import check_replaceable

        try:
            check_replaceable(path)  # before reading: opening a FIFO would wait for its other end
        except OSError as error:
            raise InputFileError(f"{path}: the cassette cannot be read: {error.strerror}") from None
    try:
        return read_calls(path)
    except FileNotFoundError:
        if mode == "replay":
            remedy = "record it with emulator.record() or --record"
            raise InputFileError(f"{path}: the cassette does not exist: {remedy}") from None
    if not path.parent.is_dir():
        raise InputFileError(f"{path}: the folder {os.fspath(path.parent)!r} does not exist: create it")
    return []
