"""Scripts: answers that nodes get in sequence, in place of a handler's or a default node's."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from typing import Any, Final

from fibonacci.definitions.tools import canonical_tool
from fibonacci.emulator.engine.answers.node_failure import ScriptError
from fibonacci.emulator.engine.default_nodes import NodeError


class Script:
    """The answers that nodes of one name get in sequence; `emulator.script` returns one.

    Attributes:
        name: The id of a node, the name of a tool, or a model.
        answers: The answers in order: any JSON, and failures of the node.
        repeat: Whether it begins again after the last answer.

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
        """How many answers nodes have taken."""
        return self._taken

    @property
    def remaining(self) -> int | None:
        """How many answers are left; `None` if it repeats them."""
        return None if self.repeat else len(self.answers) - self.taken

    def __repr__(self) -> str:
        return f"<Script {self.name!r}: {self.taken} taken, {'repeats' if self.repeat else f'{self.remaining} left'}>"


class QueuedScript(Script):
    """A script as the emulator uses it."""

    def take(self) -> Any:
        """Take the next answer: any JSON, or a `NodeFailure`."""
        answer = self.answers[self.taken % len(self.answers)]
        self._taken += 1
        return answer

    def copy(self) -> QueuedScript:
        """Return a script of its own with the same answers left."""
        copy = QueuedScript(self.name, self.answers, repeat=self.repeat)
        copy._taken = self._taken
        return copy


class Scripts:
    """The scripts of an emulator, the oldest first; safe to use from many threads.

    Example:
        >>> from fibonacci.emulator import Emulator
        >>> emulator = Emulator()
        >>> script = emulator.script("classify", ["high", "low"])
        >>> emulator.scripts.unused
        [<Script 'classify': 0 taken, 2 left>]
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._by_name: dict[str, list[QueuedScript]] = {}  # by the underscore spelling; an id of a node has no dot

    @property
    def unused(self) -> list[Script]:
        """The scripts with answers left, the oldest first; of those that repeat, the ones without an answer taken."""
        return [script for script in self if script.remaining or not script.taken]

    def clear(self) -> None:
        """Remove all scripts, with their counts."""
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
        """Whether there is any script; read for every node, without the lock."""
        return bool(self._by_name)

    def add(self, scripts: Sequence[QueuedScript]) -> None:
        """Add scripts; those for a name that has one follow it.

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

    def take(self, node_id: str, other: str | None) -> tuple[Any] | None:
        """Take the next answer for an attempt of a node.

        Args:
            node_id: The id of the node, whose own script goes first.
            other: The name of its tool or its model; `None` for none.

        Returns:
            The answer, in a tuple as `None` is an answer too; `None` if the node has no script.

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
        """Whether a node, a tool in either spelling, or a model has a script, also one with all answers taken."""
        return canonical_tool(name) in self._by_name

    def copy(self) -> list[QueuedScript]:
        """Return copies of the scripts as they are now, in order of their names' first scripts."""
        with self._lock:
            return [script.copy() for scripts in self._by_name.values() for script in scripts]

    def replace_by(self, scripts: Sequence[QueuedScript]) -> None:
        """Use these scripts, and no others."""
        self.clear()
        self.add(scripts)


def _take(scripts: Sequence[QueuedScript]) -> tuple[Any]:
    for script in scripts:
        if script.remaining != 0:
            return (script.take(),)
    name, total = scripts[0].name, sum(len(script.answers) for script in scripts)
    taken = "its answer has" if total == 1 else f"all of its {total} answers have"
    raise NodeError(f"the script for {name!r} is at its end: {taken} been taken; give it more answers, or repeat=True")
