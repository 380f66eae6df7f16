"""A folder of definitions: which files are read, and reading all of them."""

from __future__ import annotations

from pathlib import Path

from fibonacci.definitions.files.load_and_dump import load
from fibonacci.definitions.files.reading import FORMATS
from fibonacci.definitions.model.workflow import WorkflowDefinition
from fibonacci.definitions.problems import DefinitionError, Problem


def is_definition_file(path: Path) -> bool:
    """Tell whether a path of a folder is read as a definition: not when it is hidden, or a folder itself."""
    return path.suffix.lower() in FORMATS and not path.name.startswith(".") and not path.is_dir()


def definition_files(folder: Path) -> list[str]:
    """Return the names of the definition files, sorted: not those of subfolders, and no hidden ones.

    Raises:
        OSError: If there is no such folder, or it cannot be read.
    """
    return sorted(each.name for each in folder.iterdir() if is_definition_file(each))


def load_folder(folder: Path) -> dict[str, WorkflowDefinition]:
    """Return the definition of each file, by name.

    Raises:
        DefinitionError: If any has an error; it has those of all files.
        ImportError: If a file is YAML and PyYAML is not installed.
        OSError: If there is no such folder, or it cannot be read.
    """
    definitions: dict[str, WorkflowDefinition] = {}
    problems: list[Problem] = []
    for file in definition_files(folder):
        try:
            definitions[file] = load(folder / file)
        except DefinitionError as error:
            problems += error.problems
        except OSError as error:
            message = f"the file cannot be read: {error.strerror}"
            problems.append(Problem("", "unreadable", message, source=str(folder / file)))
    if any(problem.severity == "error" for problem in problems):
        raise DefinitionError(problems)
    return definitions
