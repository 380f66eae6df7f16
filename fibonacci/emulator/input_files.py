"""Files that the user gives to an emulator: scripts, seeds, cassettes. Each fault names the file and the place.

It imports nothing else of the emulator.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from fibonacci.definitions import DefinitionError
    from fibonacci.definitions.files.source import Element, Source

_MESSAGES: Final = {
    "empty_document": "the file is empty",
    "several_documents": "a second document begins here, but a file may have only one",
}
"""Messages for files that are no definitions, where those of `fibonacci.definitions` don't fit, by code of the
problem."""


class InputFileError(ValueError):
    """A file of scripts, a seed folder or a cassette that you gave to an emulator can't be used.

    The message names the file and the place.

    Example:
        >>> from fibonacci.emulator import Emulator
        >>> try:
        ...     Emulator().replay("missing.json")
        ... except InputFileError as error:
        ...     print(error)
        missing.json: the cassette does not exist: record it with emulator.record() or --record
    """


class InputFile:
    """A file of JSON or YAML, with the place of each value.

    Args:
        path: The file. Its suffix decides the format: `.json`, or `.yaml` and `.yml`.

    Attributes:
        name: Its path as it was given.
        content: Its content, plain JSON.

    Raises:
        InputFileError: If it cannot be read.
        ImportError: If it is YAML and PyYAML is not installed.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.name: str = os.fspath(path)
        self._source, self._root = _read(self.name)
        self.content: Any = self._root.plain()

    def error(self, location: str, message: str) -> InputFileError:
        """Return the error of a value.

        Args:
            location: Its place in the content, such as `classify[1]`.
            message: What is wrong with it.
        """
        element, _ = self._root.find(location)
        line, column = self._source.place(element.offset)
        place = f"{self.name}:{line}:{column}"
        return InputFileError(f"{place}: {location}: {message}" if location else f"{place}: {message}")


def _read(name: str) -> tuple[Source, Element]:
    # Most emulators are given no file.
    from fibonacci.definitions import DefinitionError
    from fibonacci.definitions.files.load_and_dump import text_of_file
    from fibonacci.definitions.files.source import FORMATS, Source, read_json, read_yaml

    text_format = FORMATS.get(Path(name).suffix.lower())
    if text_format is None:
        raise InputFileError(f"{name}: the name of the file must end with .json, .yaml or .yml")
    try:
        source = Source(*text_of_file(name))
        root = read_json(source) if text_format == "json" else read_yaml(source)
        source.raise_errors()
    except DefinitionError as error:
        raise InputFileError(text_of(error)) from None
    except OSError as error:
        raise InputFileError(f"{name}: the file cannot be read: {error.strerror}") from None
    return source, root


def text_of(error: DefinitionError) -> str:
    """Return a line for each error of a file, with its place."""
    parts = (
        (problem.source, problem.location, _MESSAGES.get(problem.code, problem.message))
        for problem in error.problems.errors
    )
    return "\n".join(": ".join(filter(None, part)) for part in parts)
