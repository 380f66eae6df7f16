"""Definitions as arguments: files, a whole folder, stdin, or a workflow of the platform, and their problems."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from fibonacci._display.text import cell_width
from fibonacci._system.files import check_inside
from fibonacci._texts.text import visible
from fibonacci.cli.exit_codes import UsageError
from fibonacci.cli.rendering import fitted
from fibonacci.cli.standard_streams import is_terminal, read_stdin, without_keys, wrapped_message
from fibonacci.cli.workflow_names import workflow_id_of
from fibonacci.definitions import Document
from fibonacci.definitions.files.load_and_dump import format_of_file, text_of_file
from fibonacci.definitions.files.source import FORMATS, Format, format_of
from fibonacci.definitions.problems import Problems
from fibonacci.deployment.content import content_of_file, content_of_workflow
from fibonacci.deployment.folder import is_definition_file
from fibonacci.models import Workflow

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import TextIO

    from fibonacci import Fibonacci
    from fibonacci.cli.context import Context
    from fibonacci.definitions import Problem


STDIN: Final = "-"
"""The argument that means stdin."""


class DefinitionText(NamedTuple):
    """The text of a definition.

    Attributes:
        text: The text as it is in the file.
        name: The name of the file, for the places of problems.
        format: Its format.
    """

    text: str
    name: str
    format: Format

    def document(self) -> Document:
        """Read the text.

        Raises:
            DefinitionError: If it can't be read to its end.
        """
        return Document.parse(self.text, name=self.name, format=self.format)


def definition_files(arguments: Iterable[str]) -> list[str]:
    """Return the files that arguments name, each once. A folder stands for its definitions, and `-` for stdin.

    As in a deployment, subfolders aren't read.

    Raises:
        UsageError: If the file doesn't exist or has another suffix, or a folder has no definition.
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
    paths = sorted(str(path) for path in folder.iterdir() if is_definition_file(path))
    for file in paths:
        check_link(file)
    if not paths:
        raise UsageError(f"folder {str(folder)!r} has no definition: it has no *.yaml, *.yml or *.json file")
    return paths


def check_link(file: str) -> None:
    """Refuse a definition that is a link out of its folder, which `*` would match in a cloned repository.

    Raises:
        UsageError: If it is one.
    """
    try:
        check_inside(file)
    except OSError as error:
        raise UsageError(f"{file!r} {error.strerror}") from error


def read_definition_text(file: str) -> DefinitionText:
    """Read a file, or stdin if it is `-`.

    Raises:
        DefinitionError: If the file is not UTF-8.
        UsageError: If it cannot be read.
        ValueError: If the file has another suffix.
    """
    if file != STDIN:
        text_format = format_of_file(file)
        return DefinitionText(*text_of_file(file), text_format)
    try:
        text = read_stdin()
    except UnicodeDecodeError as error:
        raise UsageError("stdin is not UTF-8") from error
    return DefinitionText(text, "<stdin>", format_of(text))


_WITH_VERSION: Final = re.compile(r"(.+)@(v?[0-9][\w.-]*)", re.DOTALL)


class ReferencedDefinition(NamedTuple):
    """What an argument refers to.

    Attributes:
        definition: The definition as plain JSON.
        stem: The name of the file without its suffix, or the name of the workflow.
        workflow: The workflow, or None for a file.
        problems: The problems of the file.
    """

    definition: Mapping[str, Any]
    stem: str
    workflow: Workflow | None = None
    problems: Problems = Problems()  # never changed

    def compared_with(self, other: ReferencedDefinition) -> Mapping[str, Any]:
        """Return the definition in the form to compare with another one, as a deployment compares file and workflow.

        Args:
            other: The other one. If it is a workflow, it supplies the name and the description that a file lacks.
        """
        if self.workflow is None and other.workflow is not None:
            return content_of_file(self.definition, self.stem, other.workflow).with_names()
        return self.definition


def is_file_reference(reference: str) -> bool:
    """Tell whether an argument is a file: by its suffix, or because it exists."""
    return reference == STDIN or Path(reference).suffix.lower() in FORMATS or Path(reference).is_file()


def read_reference(context: Context, reference: str) -> ReferencedDefinition:
    """Return what an argument refers to. The definition in a file may have problems, as long as it can be read.

    Args:
        context: The context, whose client is used for a workflow.
        reference: A file, `-`, or the ID or name of a workflow, optionally with a version (`ID@VERSION`).

    Raises:
        DefinitionError: If the text of a file cannot be read to its end.
        UsageError: If the file or workflow doesn't exist, or the workflow has no definition.
        APIError: If a request fails.
    """
    if not is_file_reference(reference):
        if Path(reference).is_dir():
            raise UsageError(f"{reference!r} is a folder: pass one of its files")
        return _of_workflow(context.client, reference)
    text = read_definition_text(reference)
    document = text.document()
    return ReferencedDefinition(document.sent(), Path(reference).stem, problems=document.check())


def _of_workflow(client: Fibonacci, reference: str) -> ReferencedDefinition:
    parts = _WITH_VERSION.fullmatch(reference)
    if parts is None:
        workflow = client.workflows.get(workflow_id_of(client, reference))
    else:
        workflow = _version(client, parts[1], parts[2])
    if workflow.definition is None:
        raise UsageError(f"{reference!r} has no definition")
    return ReferencedDefinition(content_of_workflow(workflow).with_names(), workflow.name or workflow.id, workflow)


def _version(client: Fibonacci, workflow: str, version: str) -> Workflow:
    snapshot = client.versions.get(workflow_id_of(client, workflow), version)
    fields = {name: getattr(snapshot, name) for name in ("name", "description", "definition", "version")}
    return Workflow.model_validate({**fields, "id": snapshot.workflow_id or workflow})


_PLACE: Final = re.compile(r"(.*?)(?::(\d+):(\d+))?", re.DOTALL)


def relative_path(path: str) -> str:
    """Return a path relative to the current folder, if it is inside it."""
    return path.removeprefix(f"{Path.cwd()}{os.sep}")


def problem_line(problem: Problem) -> str:
    """Return a problem as compilers print it: `FILE:LINE:COLUMN: SEVERITY: MESSAGE [CODE]`."""
    place = relative_path(problem.source or "") or problem.location
    line = f"{place}: " * bool(place) + f"{problem.severity}: {problem.message} [{problem.code}]"
    return visible(line)


def problem_lines(problem: Problem, stream: TextIO | None) -> list[str]:
    """Return a problem, followed by the line of the file with a caret under the place, if that is known.

    Args:
        problem: The problem.
        stream: Where it is printed. On a terminal, it is wrapped.
    """
    return [wrapped_message(problem_line(problem), stream), *snippet_lines(problem, stream)]


def snippet_lines(problem: Problem, stream: TextIO | None) -> list[str]:
    """Return the line of the file and the line with the caret, with API keys removed.

    There are none if the place isn't known, or is beyond the width of the terminal.

    Args:
        problem: The problem.
        stream: Where it is printed. On a terminal, the line is cut.
    """
    lines = without_keys(problem.snippet or "").splitlines()
    width = shutil.get_terminal_size().columns
    if not is_terminal(stream) or all(cell_width(line) <= width for line in lines):
        return lines
    # The message has the column of a place beyond the width.
    return [fitted(lines[0], width, "...").rstrip(), *lines[1:]] if cell_width(lines[-1]) <= width - 3 else []


def github_line(problem: Problem) -> str:
    """Return a problem as a GitHub Actions command, which shows it at its line in a pull request."""
    fields = problem_object(problem)
    properties = {"file": fields["file"], "line": fields["line"], "col": fields["column"], "title": fields["code"]}
    given = ",".join(f"{name}={_escaped(str(v), ':,')}" for name, v in properties.items() if v is not None)
    return f"::{problem.severity} {given}::{_escaped(problem.message)}"


def problem_object(problem: Problem) -> dict[str, Any]:
    """Return a problem as JSON. An unknown place is null."""
    place = _PLACE.fullmatch(relative_path(problem.source or ""))
    assert place is not None  # the pattern matches every text
    file, line, column = place.groups()
    return {
        "file": file or None,
        "line": int(line) if line else None,
        "column": int(column) if column else None,
        "severity": problem.severity,
        "code": problem.code,
        "message": problem.message,
        "location": problem.location,
    }


def _escaped(text: str, more: str = "") -> str:
    """Escape the characters that would end a text, percent first."""
    for character in f"%\r\n{more}":
        text = text.replace(character, f"%{ord(character):02X}")
    return text
