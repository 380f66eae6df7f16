"""Files of definitions as arguments: a file, all of a folder, stdin."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from fibonacci._files import check_inside
from fibonacci.cli.exit_codes import UsageError
from fibonacci.cli.standard_streams import read_stdin
from fibonacci.definitions.files.load_and_dump import format_of_file, text_of_file
from fibonacci.definitions.files.reading import Format, format_of
from fibonacci.definitions.files.source import Source
from fibonacci.deployment.file_names import is_definition_file

if TYPE_CHECKING:
    from collections.abc import Iterable

STDIN: Final = "-"
"""The argument that stands for stdin."""


class DefinitionText(NamedTuple):
    """The text of a definition.

    Attributes:
        text: The text as it is in the file.
        name: The name of the file, for the places of faults.
        format: Its format.
    """

    text: str
    name: str
    format: Format

    def source(self) -> Source:
        """Return the text for reading it, which adds its faults.

        Raises:
            DefinitionError: If the text is empty or too long.
        """
        return Source(self.text, self.name)


def definition_files(arguments: Iterable[str]) -> list[str]:
    """Return the files that arguments name, each once: a file, `-`, and in place of a folder its definitions.

    Subfolders are not read, as in a deployment.

    Raises:
        UsageError: If there is no such file, it has another suffix, or a folder has no definition.
    """
    return list(dict.fromkeys(file for argument in arguments for file in _files(argument)))


def _files(argument: str) -> list[str]:
    path = Path(argument)
    if argument == STDIN:
        return [argument]
    if path.is_dir():
        return folder_files(path)
    if not path.exists():
        raise UsageError(f"there is no file or folder {argument!r}")
    format_of_file(argument)
    return [argument]


def folder_files(folder: Path) -> list[str]:
    """Return the paths of the definitions in a folder.

    Raises:
        UsageError: If it has none, or cannot be read, or a file is a link that leads out of it.
    """
    try:
        found = sorted(str(path) for path in folder.iterdir() if is_definition_file(path))
    except OSError as error:
        raise UsageError(f"folder {str(folder)!r} cannot be read: {error.strerror}") from error
    for file in found:
        check_link(file)
    if not found:
        raise UsageError(f"folder {str(folder)!r} has no definition: no file *.yaml, *.yml or *.json")
    return found


def check_link(file: str) -> None:
    """Refuse a definition that is a link out of its folder: a shell names all that a cloned folder has.

    Raises:
        UsageError: If it is one.
    """
    try:
        check_inside(file)
    except OSError as error:
        raise UsageError(f"{file!r} {error.strerror}") from error


def read_definition_text(file: str) -> DefinitionText:
    """Read a file, or stdin for `-`.

    Raises:
        DefinitionError: If the file is not UTF-8.
        UsageError: If it cannot be read.
        ValueError: If the suffix is another one.
    """
    try:
        if file != STDIN:
            text_format = format_of_file(file)
            return DefinitionText(*text_of_file(file), text_format)
        text = read_stdin()
    except OSError as error:
        raise UsageError(f"{file!r} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise UsageError("stdin is not UTF-8") from error
    return DefinitionText(text, "<stdin>", format_of(text))
