"""Scripts: answers that nodes get in sequence, in place of a handler's or a default node's."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, get_args

from fibonacci.definitions.json_types import is_array, is_object
from fibonacci.definitions.tool_names import canonical_tool
from fibonacci.emulator.engine.default_nodes import NodeError
from fibonacci.emulator.state.json_encoding import parse_json, to_text
from fibonacci.emulator.state.tables import Record

FaultKind = Literal["timeout", "error"]
"""How a scripted fault fails the node."""

FAULT_KEY: Final = "$fault"
"""The key that makes an object a fault, where answers are written as JSON."""

_DEFAULT_MESSAGE: Final = "a scripted error"


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


@dataclass(frozen=True, slots=True)
class Fault:
    """In a script, an attempt that fails, in place of an answer. As JSON it is `{"$fault": kind, "message": ...}`.

    Attributes:
        kind: `timeout`: the time limit of the node passes on the emulator's clock, or that of the workflow if the node
            has none. `error`: the node fails at once.
        message: The error of the node; only with `error`.

    Raises:
        ValueError: If the kind is unknown, or a timeout has a message.

    Example:
        >>> Fault("error", "the model is overloaded")
        Fault(kind='error', message='the model is overloaded')
    """

    kind: FaultKind
    message: str | None = None

    def __post_init__(self) -> None:
        if self.kind not in get_args(FaultKind):
            raise ScriptError("kind", f"is {' or '.join(get_args(FaultKind))}, not {self.kind!r}")
        _check_text("message", self.message)
        if self.message is not None and self.kind == "timeout":
            raise ScriptError("message", "is for an error only: the text of a timeout names the time limit")

    @property
    def error(self) -> str:
        """The error of the node, if it fails at once."""
        return _DEFAULT_MESSAGE if self.message is None else self.message


def _check_text(name: str, value: object) -> None:
    if value is not None and not isinstance(value, str):
        raise ScriptError(name, f"is a text, not {type(value).__name__}")


class Script:
    """The answers for one name.

    Attributes:
        name: The id of a node, the name of a tool, or a model.
        answers: The answers, any JSON, and faults.
        repeat: Whether it begins again after the last answer.
        taken: How many answers nodes have taken.
    """

    def __init__(self, name: str, answers: Sequence[Any], *, repeat: bool) -> None:
        self.name: Final = name
        self.answers: Final = tuple(answers)
        self.repeat: Final = repeat
        self.taken: int = 0

    @property
    def remaining(self) -> int | None:
        """How many answers are left; `None` if it repeats them."""
        return None if self.repeat else len(self.answers) - self.taken

    def take(self) -> Any:
        """Take the next answer."""
        answer = self.answers[self.taken % len(self.answers)]
        self.taken += 1
        return answer

    def copy(self) -> Script:
        """Return a script with the same answers left."""
        copy = Script(self.name, self.answers, repeat=self.repeat)
        copy.taken = self.taken
        return copy

    def __repr__(self) -> str:
        return f"<Script {self.name!r}: {self.taken} taken, {'repeats' if self.repeat else f'{self.remaining} left'}>"


class Scripts:
    """The scripts of an emulator, the oldest first; safe to use from many threads.

    Attributes:
        is_active: Whether there is any script; read for every node, without the lock.

    Example:
        >>> from fibonacci.emulator import Emulator
        >>> emulator = Emulator()
        >>> script = emulator.script("classify", ["high", "low"])
        >>> emulator.scripts.unused
        [<Script 'classify': 0 taken, 2 left>]
    """

    def __init__(self) -> None:
        self.is_active: bool = False
        self._lock = threading.Lock()
        self._by_name: dict[str, list[Script]] = {}  # by the underscore spelling; an id of a node has no dot

    def add(self, scripts: Sequence[Script]) -> None:
        """Add scripts. Those for a name that has one follow it.

        Raises:
            ScriptError: If one follows a script that repeats; none is added.
        """
        with self._lock:
            added = {name: list(known) for name, known in self._by_name.items()}
            for script in scripts:
                earlier = added.setdefault(canonical_tool(script.name), [])
                if earlier and earlier[-1].repeat:
                    message = (
                        f"{script.name!r} has a script that repeats, which no other can follow: clear() removes it"
                    )
                    raise ScriptError("name", message)
                earlier.append(script)
            self._by_name = added
            self.is_active = bool(added)

    def take(self, node_id: str, other: str | None) -> tuple[Any] | None:
        """Take the next answer for a node; `None` if it has no script. `None` is an answer too, so it is in a tuple.

        Args:
            node_id: Its id, whose script goes first.
            other: Its tool or its model.

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
        """Return whether there is a script for a name."""
        return canonical_tool(name) in self._by_name

    @property
    def unused(self) -> list[Script]:
        """The scripts with answers left; of those that repeat, the ones that no node has taken an answer from."""
        return [script for script in self if script.remaining or not script.taken]

    def copy(self) -> list[Script]:
        """Return copies of the scripts as they are now."""
        with self._lock:
            return [script.copy() for scripts in self._by_name.values() for script in scripts]

    def replace_by(self, scripts: Sequence[Script]) -> None:
        """Use these scripts, and no others."""
        self.clear()
        self.add(scripts)

    def clear(self) -> None:
        """Remove all scripts, with their counts."""
        with self._lock:
            self._by_name = {}
            self.is_active = False

    def __iter__(self) -> Iterator[Script]:
        with self._lock:
            return iter([script for scripts in self._by_name.values() for script in scripts])

    def __len__(self) -> int:
        return len(list(iter(self)))

    def __getitem__(self, index: int) -> Script:
        return list(self)[index]

    def __repr__(self) -> str:
        return repr(list(self))


def _take(scripts: Sequence[Script]) -> tuple[Any]:
    for script in scripts:
        if script.remaining != 0:
            return (script.take(),)
    name, total = scripts[0].name, sum(len(script.answers) for script in scripts)
    taken = "its answer has" if total == 1 else f"all of its {total} answers have"
    raise NodeError(f"the script for {name!r} is at its end: {taken} been taken; give it more answers, or repeat=True")


def new_script(name: object, answers: object, *, repeat: object = False, place: str = "answers") -> Script:
    """Return a script, checked.

    Args:
        name: The id of a node, the name of a tool, or a model.
        answers: The answers; an object with the key `$fault` is a fault.
        repeat: Whether to begin again after the last one.
        place: The place of the answers, for errors.

    Raises:
        ScriptError: If one of them is not valid.
    """
    if not isinstance(name, str) or not name:
        raise ScriptError("name", f"is the id of a node, the name of a tool, or a model, not {name!r}")
    if not is_array(answers):
        raise ScriptError(place, f"is a list of answers, not {type(answers).__name__}: put a single one in brackets")
    if not answers:
        raise ScriptError(place, "has no answer; a script has at least one")
    if not isinstance(repeat, bool):
        raise ScriptError("repeat", f"is true or false, not {repeat!r}")
    return Script(name, [_answer(each, f"{place}[{index}]") for index, each in enumerate(answers)], repeat=repeat)


def scripts_of(content: object) -> list[Script]:
    """Return the scripts of a mapping: answers by name, or objects with `answers` and `repeat` by name.

    Raises:
        ScriptError: If it is not one; the place is that in the mapping.
    """
    if not is_object(content):
        kind = type(content).__name__
        raise ScriptError("", f"scripts are an object with the answers for each node, tool or model, not {kind}")
    return [_script_of(name, value) for name, value in content.items()]


def _script_of(name: object, value: object) -> Script:
    if not is_object(value):
        return new_script(name, value, place=str(name))
    unknown = [key for key in value if key not in ("answers", "repeat")]
    if unknown or "answers" not in value:
        problem = f"has no key {unknown[0]!r}" if unknown else "has no answers"
        raise ScriptError(str(name), f"{problem}: it is a list of answers, or an object with answers and repeat")
    try:
        return new_script(name, value["answers"], repeat=value.get("repeat", False))
    except ScriptError as error:
        raise ScriptError(f"{name}.{error.place}", error.message) from None


def _answer(value: Any, place: str) -> Any:
    """Return an answer as plain JSON, or a fault."""
    if isinstance(value, Fault):
        return value
    try:
        answer = parse_json(to_text(value))  # a copy: the caller may change its own later
    except (TypeError, ValueError, RecursionError) as error:
        raise ScriptError(place, f"is not JSON: {error}") from None
    return _fault(answer, place) if is_object(answer) and FAULT_KEY in answer else answer


def _fault(content: Mapping[str, Any], place: str) -> Fault:
    unknown = [key for key in content if key not in (FAULT_KEY, "message")]
    if unknown:
        raise ScriptError(place, f"is a fault with the key {unknown[0]!r}: its keys are {FAULT_KEY} and message")
    try:
        return Fault(content[FAULT_KEY], content.get("message"))
    except ScriptError as error:
        key = FAULT_KEY if error.place == "kind" else error.place
        raise ScriptError(f"{place}.{key}", error.message) from None


def answer_view(answer: Any) -> Any:
    """Return an answer as JSON; a fault is an object with the key `$fault`."""
    if not isinstance(answer, Fault):
        return answer
    view: Record = {FAULT_KEY: answer.kind}
    return view if answer.message is None else view | {"message": answer.message}
