"""The folder of definitions: its files, the definition in each, and the lock that protects them.

The files are small and local, so even async code reads and writes them directly. A thread would take longer,
and couldn't be canceled.
"""

from __future__ import annotations

import os
import re
import sys
import unicodedata
from collections.abc import Collection, Generator, Iterable, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

from fibonacci._system.files import check_inside
from fibonacci._texts.text import is_unicode, visible
from fibonacci.definitions import Document, NamedTool, Problem, Problems, to_plain
from fibonacci.definitions.files.load_and_dump import load_with_warnings
from fibonacci.definitions.files.source import FORMATS
from fibonacci.errors import DefinitionError, DeploymentError, StalePlanError

_LONGEST: Final = 100
# Names that Windows reserves for devices, with any suffix.
_RESERVED: Final = {"con", "prn", "aux", "nul", *(f"{port}{n}" for port in ("com", "lpt") for n in range(10))}


def is_definition_file(path: Path) -> bool:
    """Tell whether a path in a folder is read as a definition. Hidden files and folders aren't."""
    return path.suffix.lower() in FORMATS and not path.name.startswith(".") and not path.is_dir()


def safe_file_name(name: str, taken: Collection[str]) -> str:
    """Return a file name for a workflow that is valid on every file system and stays in its folder.

    Args:
        name: The name of the workflow, any text.
        taken: The names of existing files, in upper or lower case.
    """
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode("ascii").lower()
    stem = re.sub(r"[^a-z0-9_]+", "-", plain)[:_LONGEST].strip("-") or "workflow"
    if stem in _RESERVED:
        stem = f"{stem}-workflow"
    used = {name.lower() for name in taken}
    names = (f"{stem}{suffix}.yaml" for suffix in ("", *(f"-{number}" for number in range(2, len(used) + 3))))
    return next(name for name in names if name not in used)


class DeploymentFolder:
    """A folder of definition files.

    Args:
        path: The folder.

    Attributes:
        path: Its absolute path.

    Raises:
        TypeError: If it is not a str or a path object.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        check_path(path, "folder must be the path of a folder")
        self.path: Path = Path(path).absolute()

    def files(self) -> list[str]:
        """Return the sorted names of the definition files, without those in subfolders and hidden ones.

        Raises:
            DeploymentError: If the folder doesn't exist, or `check_file` refuses a file.
        """
        try:
            names = sorted(path.name for path in self.path.iterdir() if is_definition_file(path))
        except OSError as error:
            raise self._unreadable(error) from error
        for file in names:
            self.check_file(file)
        return names

    def read_definitions(self) -> dict[str, Mapping[str, Any]]:
        """Return the definition of each file, by name.

        Raises:
            DefinitionError: If any has an error. It lists the errors of all files.
            ImportError: If a file is YAML and PyYAML is not installed.
            DeploymentError: If the folder doesn't exist.
        """
        definitions, problems = self.load_definitions()
        if problems.errors:
            raise DefinitionError(problems)
        return definitions

    def load_definitions(
        self, tools: Iterable[NamedTool] | None = None
    ) -> tuple[dict[str, Mapping[str, Any]], Problems]:
        """Return the definition of each file without errors, by name, and the errors and warnings of all files.

        Args:
            tools: The tools of the platform. With None, tools aren't checked.

        Raises:
            ImportError: If a file is YAML and PyYAML is not installed.
            DeploymentError: If the folder doesn't exist.
        """
        definitions: dict[str, Mapping[str, Any]] = {}
        problems = Problems()
        for file in self.files():
            try:
                definition, warnings = load_with_warnings(self.path / file, tools=tools)
                definitions[file] = to_plain(definition)
                problems += warnings
            except DefinitionError as error:
                problems += error.problems
            except OSError as error:
                message = f"the file cannot be read: {error.strerror}"
                source = str(self.path / file)
                problems.append(Problem(location="", code="unreadable", message=message, source=source))
        return definitions, problems

    def read_definition(self, file: str) -> Mapping[str, Any] | None:
        """Return the definition in a file, even with errors, or None if the file can't be read as a definition.

        Raises:
            ImportError: If the file is YAML and PyYAML is not installed.
        """
        try:
            return Document.load(self.path / file).sent()
        except (DefinitionError, OSError):
            return None

    @contextmanager
    def locked(self) -> Generator[None]:
        """Lock the folder against every other `apply` and `pull` on this machine, if the system supports that.

        The system releases the lock when the process ends, however it ends.

        Raises:
            StalePlanError: If another one is running.
        """
        if sys.platform == "win32":
            yield
            return
        import fcntl

        try:
            descriptor = os.open(self.path, os.O_RDONLY)
        except OSError as error:
            raise self._unreadable(error) from error
        try:
            with suppress(OSError):  # the file system has no locks
                try:
                    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError as error:
                    raise StalePlanError(
                        f"another apply or pull is running in {str(self.path)!r}: wait until it ends"
                    ) from error
            yield
        finally:
            os.close(descriptor)

    def check_file(self, file: str) -> None:
        """Refuse a file that is a link out of the folder, or whose name the state can't store.

        Raises:
            DeploymentError: If it is one.
        """
        if "\\" in file or not is_unicode(file):
            fault = "a backslash in its name" if "\\" in file else "a name that is not UTF-8"
            raise DeploymentError(f"{visible(str(self.path / file))} has {fault}: give it another one")
        try:
            check_inside(self.path / file)
        except OSError as error:
            raise DeploymentError(f"{self.path / file} {error.strerror}: nothing was read or written") from error

    def _unreadable(self, error: OSError) -> DeploymentError:
        return DeploymentError(f"folder {str(self.path)!r} cannot be read: {error.strerror}")


def check_path(path: object, requirement: str) -> None:
    """Refuse anything that isn't a path.

    Raises:
        TypeError: If it is neither a str nor a path object. The message begins with the requirement.
    """
    if not isinstance(path, str | os.PathLike):
        raise TypeError(f"{requirement}, not {type(path).__name__}")
