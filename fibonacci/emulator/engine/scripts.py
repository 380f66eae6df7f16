"""Scripts: answers that nodes get in sequence, in place of a handler's or a default node's."""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, get_args

from fibonacci._texts.suggestions import did_you_mean
from fibonacci.definitions.json_types import is_array, is_object
from fibonacci.definitions.tools import canonical_tool
from fibonacci.emulator.engine.errors import NodeError
from fibonacci.emulator.state.json_encoding import JSONObject, parse_json, to_text, unicode_fault

NodeFailureKind = Literal["timeout", "error"]
"""How a script makes an attempt of a node fail: `timeout` when the node's time limit is over, `error` at once."""


class ScriptError(ValueError):
    """A script is not valid.

    Attributes:
        place: The part at fault, such as `answers[1]`.
        message: What is wrong with it.
    """

    def __init__(self, place: str, message: str) -> None:
        super().__init__(f"{place} {message}".lstrip())
        self.place = place
        self.message = message


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeFailure:
    """A failure in a script, in place of an answer: one attempt of the node fails.

    In JSON, write `{"$failure": kind, "message": ...}`.

    Attributes:
        kind: With `timeout`, the node fails when its time limit is over on the emulator's clock. If it has none, the
            time limit of the workflow counts. With `error`, the node fails at once.
        message: The error of the node, only with `error`.

    Raises:
        ValueError: If the kind is unknown, or a timeout has a message.

    Example:
        >>> NodeFailure(kind="error", message="the model is overloaded")
        NodeFailure(kind='error', message='the model is overloaded')
    """

    kind: NodeFailureKind
    message: str | None = None

    def __post_init__(self) -> None:
        if self.kind not in get_args(NodeFailureKind):
            raise ScriptError("kind", f"must be {' or '.join(get_args(NodeFailureKind))}, not {self.kind!r}")
        _check_text("message", self.message)
        if self.message is not None and self.kind == "timeout":
            raise ScriptError("message", "is only for an error: the emulator writes the text of a timeout itself")


def _check_text(name: str, value: object) -> None:
    if value is not None and not isinstance(value, str):
        raise ScriptError(name, f"must be a string, not {type(value).__name__}")
    if (fault := unicode_fault(value, name)) is not None:
        raise ScriptError(*fault)


class Script:
    """A sequence of answers for a node, a tool or a model, as `emulator.script` returns it.

    Attributes:
        name: The ID of a node, the name of a tool, or a model.
        answers: The answers in order: any JSON, and failures of the node.
        repeat: Whether it starts over after the last answer.

    Example:
        >>> from fibonacci.emulator import Emulator
        >>> script = Emulator().script("classify", ["high", "low"])
        >>> script.taken, script.remaining
        (0, 2)
    """

    def __init__(self, name: str, answers: Sequence[Any], *, repeat: bool) -> None:
        self.name: Final = name
        self.answers: Final = tuple(answers)
        self.repeat: Final = repeat
        self._taken: int = 0

    @property
    def taken(self) -> int:
        """The number of answers that nodes have taken."""
        return self._taken

    @property
    def remaining(self) -> int | None:
        """How many answers are left, or `None` if the script repeats."""
        return None if self.repeat else len(self.answers) - self.taken

    def __repr__(self) -> str:
        return f"<Script {self.name!r}: {self.taken} taken, {'repeats' if self.repeat else f'{self.remaining} left'}>"


def unused_text(script: Script, known: Collection[str]) -> str:
    """Return what to say about a script whose answers were not all used.

    Args:
        script: The script.
        known: The names of all nodes, tools and models of workflows.
    """
    what = f"the script for {script.name!r}"
    if script.taken:
        return f"{what} has answers that were not used: {script.remaining} of {len(script.answers)}"
    if canonical_tool(script.name) in known:
        return f"{what} was not used: nothing of this name has run"
    remedy = did_you_mean(script.name, sorted(known))
    return f"{what} was not used: no workflow has a node, a tool or a model of this name{remedy}"


class QueuedScript(Script):
    """A script as the emulator takes answers from it."""

    def take(self) -> Any:
        """Take the next answer: any JSON, or a `NodeFailure`."""
        answer = self.answers[self.taken % len(self.answers)]
        self._taken += 1
        return answer

    def go_back(self, taken: int) -> None:
        """Go back to where this many answers had been taken."""
        self._taken = taken


class Scripts:
    """The scripts of an emulator, oldest first, which you can use from many threads.

    Example:
        >>> from fibonacci.emulator import Emulator
        >>> emulator = Emulator()
        >>> script = emulator.script("classify", ["high", "low"])
        >>> emulator.scripts.unused
        [<Script 'classify': 0 taken, 2 left>]
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._by_name: dict[str, list[QueuedScript]] = {}  # by the underscore spelling. The ID of a node has no dot

    @property
    def unused(self) -> list[Script]:
        """The scripts with answers left, oldest first.

        A script that repeats counts as unused until a node takes its first answer.
        """
        return [script for script in self if script.remaining or not script.taken]

    def clear(self) -> None:
        """Remove all scripts, along with their counts."""
        with self._lock:
            self._by_name = {}

    def __iter__(self) -> Iterator[Script]:
        with self._lock:
            return iter([script for scripts in self._by_name.values() for script in scripts])

    def __len__(self) -> int:
        return len(list(iter(self)))

    def __getitem__(self, index: int) -> Script:
        return list(self)[index]

    def __repr__(self) -> str:
        return repr(list(self))


class ScriptQueue(Scripts):
    """The scripts of an emulator as the nodes take them."""

    @property
    def is_active(self) -> bool:
        """Whether there is any script. It is read for every node, without the lock."""
        return bool(self._by_name)

    def add(self, scripts: Sequence[QueuedScript]) -> None:
        """Add scripts, each after those that already exist for its name.

        Raises:
            ScriptError: If one follows a script that repeats. None is added.
        """
        with self._lock:
            added = {name: list(known) for name, known in self._by_name.items()}
            for script in scripts:
                earlier = added.setdefault(canonical_tool(script.name), [])
                if earlier and earlier[-1].repeat:
                    message = (
                        f"{script.name!r} has a script that repeats, so no other script can follow it: remove it "
                        "with clear()"
                    )
                    raise ScriptError("name", message)
                earlier.append(script)
            self._by_name = added

    def take(self, node_id: str, other: str | None) -> tuple[Any] | None:
        """Take the next answer for an attempt of a node.

        Args:
            node_id: The ID of the node, whose own script goes first.
            other: The name of its tool or its model, or `None`.

        Returns:
            The answer, in a tuple as `None` is an answer too, or `None` if the node has no script.

        Raises:
            NodeError: If all answers have been taken.
        """
        with self._lock:
            for name in (node_id, canonical_tool(other or "")):
                scripts = self._by_name.get(name)
                if scripts:
                    return _take(scripts)
        return None

    def has(self, name: str) -> bool:
        """Whether a node, a tool in either spelling, or a model has a script, even one with all answers taken."""
        return canonical_tool(name) in self._by_name

    def mark(self) -> list[tuple[QueuedScript, int]]:
        """Return the scripts, each with how many answers have been taken, for `undo`."""
        with self._lock:
            return [(script, script.taken) for scripts in self._by_name.values() for script in scripts]

    def undo(self, mark: Sequence[tuple[QueuedScript, int]]) -> None:
        """Use the scripts of a mark as they were then, and no others."""
        self.clear()
        for script, taken in mark:
            script.go_back(taken)
        self.add([script for script, _ in mark])


def _take(scripts: Sequence[QueuedScript]) -> tuple[Any]:
    for script in scripts:
        if script.remaining != 0:
            return (script.take(),)
    name, total = scripts[0].name, sum(len(script.answers) for script in scripts)
    taken = "its answer has" if total == 1 else f"all of its {total} answers have"
    raise NodeError(f"the script for {name!r} has ended: {taken} been used. Give it more answers, or pass repeat=True")


FAILURE_KEY: Final = "$failure"
"""The key that makes an object a failure, where answers are written as JSON."""


def new_script(name: object, answers: object, *, repeat: object = False, place: str = "answers") -> QueuedScript:
    """Return a script, checked.

    Args:
        name: The ID of a node, the name of a tool, or a model.
        answers: The answers. An object with the key `$failure` is a failure.
        repeat: Whether to begin again after the last one.
        place: The place of the answers, for errors.

    Raises:
        ScriptError: If one of them is not valid.
    """
    if not isinstance(name, str) or not name:
        raise ScriptError("name", f"must be the ID of a node, the name of a tool, or a model, not {name!r}")
    _check_text("name", name)
    if not is_array(answers):
        raise ScriptError(
            place, f"must be a list of answers, not {type(answers).__name__}: put a single answer in brackets"
        )
    if not answers:
        raise ScriptError(place, "has no answers: a script needs at least one")
    if not isinstance(repeat, bool):
        raise ScriptError("repeat", f"must be true or false, not {repeat!r}")
    return QueuedScript(
        name, [_answer(answer, f"{place}[{index}]") for index, answer in enumerate(answers)], repeat=repeat
    )


def scripts_of(content: object) -> list[QueuedScript]:
    """Return the scripts of a mapping: answers by name, or objects with `answers` and `repeat` by name.

    Raises:
        ScriptError: If it is not valid. The place is one in the mapping.
    """
    if not is_object(content):
        kind = type(content).__name__
        raise ScriptError("", f"scripts must be an object with the answers for each node, tool or model, not {kind}")
    return [_script_of(name, value) for name, value in content.items()]


def _script_of(name: object, value: object) -> QueuedScript:
    if not is_object(value):
        return new_script(name, value, place=str(name))
    unknown = [key for key in value if key not in ("answers", "repeat")]
    if unknown or "answers" not in value:
        problem = f"has no key {unknown[0]!r}" if unknown else "has no answers"
        raise ScriptError(str(name), f"{problem}: it must be a list of answers, or an object with answers and repeat")
    try:
        return new_script(name, value["answers"], repeat=value.get("repeat", False))
    except ScriptError as error:
        raise ScriptError(f"{name}.{error.place}", error.message) from None


def _answer(value: Any, place: str) -> Any:
    """Return an answer as plain JSON, or a failure."""
    if isinstance(value, NodeFailure):
        return value
    try:
        answer = parse_json(to_text(value))  # a copy: the caller may change its own later
    except (TypeError, ValueError, RecursionError) as error:
        raise ScriptError(place, f"is not JSON: {error}") from None
    if (fault := unicode_fault(answer, place)) is not None:
        raise ScriptError(*fault)
    return _failure(answer, place) if is_object(answer) and FAILURE_KEY in answer else answer


def _failure(content: Mapping[str, Any], place: str) -> NodeFailure:
    unknown = [key for key in content if key not in (FAILURE_KEY, "message")]
    if unknown:
        raise ScriptError(
            place, f"is a failure with the unknown key {unknown[0]!r}: its keys are {FAILURE_KEY} and message"
        )
    try:
        return NodeFailure(kind=content[FAILURE_KEY], message=content.get("message"))
    except ScriptError as error:
        key = FAILURE_KEY if error.place == "kind" else error.place
        raise ScriptError(f"{place}.{key}", error.message) from None


def answer_view(answer: Any) -> Any:
    """Return an answer as JSON, where a failure is an object with the key `$failure`."""
    if not isinstance(answer, NodeFailure):
        return answer
    view: JSONObject = {FAILURE_KEY: answer.kind}
    return view if answer.message is None else view | {"message": answer.message}
