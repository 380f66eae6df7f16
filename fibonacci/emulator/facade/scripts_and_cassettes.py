"""The part of `Emulator` that answers nodes in place of handlers: scripts and cassettes."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fibonacci.emulator.engine.answers.node_failure import ScriptError
from fibonacci.emulator.engine.answers.script_content import new_script, scripts_of
from fibonacci.emulator.engine.answers.scripts import QueuedScript, Script, Scripts
from fibonacci.emulator.engine.environment import Environment
from fibonacci.emulator.input_files import InputFile

if TYPE_CHECKING:
    from fibonacci.emulator.engine.answers.cassette import Cassette, CassetteMode


class ScriptsAndCassettes:
    """Scripted, recorded and replayed answers."""

    _environment: Environment

    def script(self, name: str, answers: Sequence[Any], *, repeat: bool = False) -> Script:
        """Give a node its answers in sequence, in place of its handler or default.

        Each attempt takes the next answer, retries included, in the order in which nodes start. When all are taken, the
        node fails. A node's own script goes before one for its tool or its model. An answer is treated as that of a
        handler: it is parsed where a node asks for JSON, and a critic's is a score or an object.

        Args:
            name: The id of a node, the name of a tool in either spelling, or a model.
            answers: Any JSON, and `NodeFailure`s. Those of a second script for the name follow those of the first.
            repeat: Whether to begin again after the last answer.

        Returns:
            The script; `taken` and `remaining` count its answers.

        Raises:
            ValueError: If the name or an answer is not valid, or the name has a script that repeats.

        Example:
            >>> from fibonacci.emulator import Emulator, NodeFailure
            >>> emulator = Emulator(time="skip")
            >>> script = emulator.script("classify", [NodeFailure(kind="timeout"), "high"])
            >>> node = {"id": "classify", "type": "llm", "instruction": "How urgent?", "timeout": 5}
            >>> node["enable_retry"] = True
            >>> client = emulator.client()
            >>> workflow = client.workflows.create(name="Triage", definition={"nodes": [node]})
            >>> client.workflows.run(workflow.id).outputs
            {'classify': 'high'}
            >>> script.taken, script.remaining
            (2, 0)
        """
        script = new_script(name, answers, repeat=repeat)
        self._environment.scripts.add([script])
        return script

    @property
    def scripts(self) -> Scripts:
        """All scripts; `unused` are those with answers left, and `clear()` removes all."""
        return self._environment.scripts

    def record(self, path: str | os.PathLike[str]) -> Cassette:
        """Record the calls of handlers in a file, and replay those that are in it already.

        Use the result as a context manager, or leave it in use until another takes its place. To record anew, delete
        the file. The values of the emulator's secrets are not in it: placeholders stand for them.

        Args:
            path: The cassette, a file of JSON; its folder exists.

        Returns:
            The cassette, with `calls` and `unused`.

        Raises:
            InputFileError: If the file is no cassette, or is one of a newer version.
        """
        return self._use_cassette(path, "record")

    def replay(self, path: str | os.PathLike[str]) -> Cassette:
        """Answer the calls of handlers from a file.

        No handler is called, and none has to be registered. A call that is not in the file fails its node; the text
        names the nearest recorded one, and what differs. Equal calls are answered in the order in which they were
        recorded.

        Args:
            path: A cassette that `record` wrote.

        Returns:
            The cassette, with `calls` and `unused`.

        Raises:
            InputFileError: If there is no such file, it is no cassette, or is one of a newer version.
        """
        return self._use_cassette(path, "replay")

    def _use_cassette(self, path: str | os.PathLike[str], mode: CassetteMode) -> Cassette:
        from fibonacci.emulator.engine.answers.cassette import CallCassette  # most emulators use none

        environment = self._environment
        cassette = CallCassette(path, mode, environment.handlers, environment.secrets)
        environment.handlers.cassette = cassette
        return cassette


def given_scripts(given: str | Path | Mapping[str, Any]) -> list[QueuedScript]:
    """Return the scripts in a file or a mapping.

    Raises:
        InputFileError: If the file is faulty.
        ValueError: If the mapping is.
        ImportError: If the file is YAML and PyYAML is not installed.
    """
    if isinstance(given, Mapping):
        return scripts_of(given)
    file = InputFile(given)
    try:
        return scripts_of(file.content)
    except ScriptError as error:
        raise file.error(error.place, error.message) from None
