"""The folder of definitions: its files, its lock file, and who may change it.

The files are small and local, so they are read and written in place, in async mode too: a thread for each would take
longer, and could not be canceled.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Generator, Iterable, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from fibonacci._files import check_inside, open_state, write_file
from fibonacci.definitions import NamedTool, Problem, Problems, dump, dumps, to_plain
from fibonacci.definitions.files.load_and_dump import format_of_file, load_with_warnings, text_of_file
from fibonacci.definitions.files.reading import read_checked, read_text
from fibonacci.definitions.files.source import Source
from fibonacci.deployment.file_names import is_definition_file
from fibonacci.deployment.lock import LOCK_NAME, Lock, lock_text, parse_lock
from fibonacci.errors import DefinitionError, DeploymentError, StalePlanError


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
        """Return the names of the definition files, sorted: not those of subfolders, and no hidden ones.

        Raises:
            DeploymentError: If there is no such folder, or a file is a link that leads out of it.
        """
        try:
            found = sorted(each.name for each in self.path.iterdir() if is_definition_file(each))
        except OSError as error:
            raise self._unreadable(error) from error
        for file in found:
            self._check_link(file)
        return found

    def read_definitions(self) -> dict[str, Mapping[str, Any]]:
        """Return the definition of each file, by name.

        Raises:
            DefinitionError: If any has an error; it has those of all files.
            ImportError: If a file is YAML and PyYAML is not installed.
            DeploymentError: If there is no such folder.
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
            tools: The tools of the platform; None does not check those of the definitions.

        Raises:
            ImportError: If a file is YAML and PyYAML is not installed.
            DeploymentError: If there is no such folder.
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
        """Return the definition in a file, which may have errors; None where the file cannot be read as one.

        Raises:
            ImportError: If the file is YAML and PyYAML is not installed.
        """
        try:
            definition: Mapping[str, Any] = read_checked(
                Source(*text_of_file(self.path / file)), format_of_file(file)
            ).plain()
        except (DefinitionError, OSError):
            return None
        return definition

    def write_definition(self, file: str, definition: Mapping[str, Any]) -> None:
        """Write a file from which the same definition can be read: with the errors that it has, to be mended there.

        Raises:
            DefinitionError: If it could not be read. Nothing is written.
            ImportError: If the file is YAML and PyYAML is not installed.
            OSError: If the file cannot be written.
            DeploymentError: If it is a link that leads out of the folder.
        """
        self._check_link(file)
        read_text(Source(dumps(definition, format="json"), file), "json")
        dump(definition, self.path / file)

    def read_lock(self) -> Lock | None:
        """Return the content of the lock file; None when there is none.

        Raises:
            DeploymentError: If it cannot be read.
        """
        place = self.path / LOCK_NAME
        try:
            with os.fdopen(open_state(place, os.O_RDONLY, is_private=False), encoding="utf-8") as file:
                text = file.read()
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            reason = (error.strerror if isinstance(error, OSError) else None) or error
            raise DeploymentError(f"{place} cannot be read: {reason}") from error
        return parse_lock(text, str(place))

    def write_lock(self, lock: Lock) -> None:
        """Replace the lock file: a process that is killed leaves the old one or the new one, and no half of one."""
        write_file(self.path / LOCK_NAME, lock_text(lock), is_state=True)

    @contextmanager
    def locked(self) -> Generator[None]:
        """Keep every other `apply` and `pull` on this machine away from the folder, where the system can.

        The system ends it with the process, however that ends.

        Raises:
            StalePlanError: If another one is running.
        """
        if sys.platform == "win32":
            yield
            return
        try:
            descriptor = os.open(self.path, os.O_RDONLY)
        except OSError as error:
            raise self._unreadable(error) from error
        try:
            self._flock(descriptor)
            yield
        finally:
            os.close(descriptor)

    def _flock(self, descriptor: int) -> None:
        if sys.platform != "win32":
            import fcntl

            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise StalePlanError(f"another apply or pull is running in {str(self.path)!r}: wait for it") from error
            except OSError:
                pass  # a file system without locks

    def _check_link(self, file: str) -> None:
        try:
            check_inside(self.path / file)
        except OSError as error:
            raise DeploymentError(f"{self.path / file} {error.strerror}: nothing was read or written") from error

    def _unreadable(self, error: OSError) -> DeploymentError:
        return DeploymentError(f"folder {str(self.path)!r} cannot be read: {error.strerror}")


def check_path(path: object, requirement: str) -> None:
    """Refuse what is no path.

    Raises:
        TypeError: If it is neither a str nor a path object; the message begins with the requirement.
    """
    if not isinstance(path, str | os.PathLike):
        raise TypeError(f"{requirement}, not {type(path).__name__}")
