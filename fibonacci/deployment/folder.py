"""The folder of definitions: its files and what each says of a workflow, its lock file, and who may change it.

The files are small and local, so they are read and written in place, in async mode too: a thread for each would take
longer, and could not be canceled.
"""

from __future__ import annotations

import json
import os
import re
import sys
import unicodedata
from collections.abc import Collection, Generator, Iterable, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path, PurePath
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from fibonacci._files import check_inside, open_state, write_file
from fibonacci.definitions import NamedTool, Problem, Problems, dump, dumps, to_plain
from fibonacci.definitions.comparison import canonical, normalized
from fibonacci.definitions.files.legacy_dialect import in_todays_words
from fibonacci.definitions.files.load_and_dump import (
    format_of_file,
    load_with_warnings,
    read_checked,
    read_text,
    text_of_file,
)
from fibonacci.definitions.files.source import FORMATS, Source
from fibonacci.definitions.json_types import is_object
from fibonacci.errors import DefinitionError, DeploymentError, StalePlanError
from fibonacci.models.workflows import Workflow


@dataclass(frozen=True, slots=True)
class WorkflowContent:
    """The name, the description and the definition of a workflow."""

    name: str
    """The name of the workflow."""

    description: str | None
    """The description; None for none."""

    definition: Mapping[str, Any]
    """The definition as plain JSON."""

    def merged(self) -> dict[str, Any]:
        """Return the definition with the workflow's own name and description in it."""
        return {**self.definition, "name": self.name, "description": self.description}

    def without_nodes(self) -> dict[str, Any]:
        """Return the same without its nodes and outputs."""
        return {**self.merged(), "nodes": [], "outputs": None}

    def digest(self) -> str:
        """Return a hash that two contents share when they mean the same."""
        return f"sha256:{sha256(canonical(normalized(self.merged())).encode()).hexdigest()}"


def content_of_workflow(workflow: Workflow) -> WorkflowContent:
    """Return the content of a workflow as the platform has it, in today's words."""
    return WorkflowContent(workflow.name or "", workflow.description, in_todays_words(workflow.definition or {}))


def content_of_file(definition: Mapping[str, Any], stem: str, workflow: Workflow | None) -> WorkflowContent:
    """Return the content that a file asks for.

    Without a name in the file it is the workflow's, else that of the file. A description that neither the file nor
    the definition on the platform has is the workflow's: it was set by other means, and is left alone.

    Args:
        definition: The definition in the file.
        stem: The name of the file without its suffix.
        workflow: The workflow on the platform; None when there is none yet.
    """
    name, description = definition.get("name"), definition.get("description")
    if workflow is None:
        return WorkflowContent(name or stem, description, definition)
    if description is None and (workflow.definition or {}).get("description") is None:
        description = workflow.description
    return WorkflowContent(name or workflow.name or stem, description, definition)


@dataclass(frozen=True, slots=True)
class SeenWorkflow:
    """What is remembered of a workflow on the platform, to notice a change of it."""

    version: int | str | None
    """Its version; None on a platform that has none."""

    digest: str
    """The hash of its content."""

    @classmethod
    def of(cls, workflow: Workflow) -> SeenWorkflow:
        """Return what is remembered of a workflow."""
        return cls(workflow.version, content_of_workflow(workflow).digest())


_LONGEST: Final = 100
# Names that Windows keeps for devices, with any suffix.
_RESERVED: Final = {"con", "prn", "aux", "nul", *(f"{port}{n}" for port in ("com", "lpt") for n in range(10))}


def is_definition_file(path: Path) -> bool:
    """Tell whether a path of a folder is read as a definition: not when it is hidden, or a folder itself."""
    return path.suffix.lower() in FORMATS and not path.name.startswith(".") and not path.is_dir()


def safe_file_name(name: str, taken: Collection[str]) -> str:
    """Return a file name for a workflow that every file system takes, and that leads to no other folder.

    Args:
        name: The name of the workflow, any text.
        taken: The names of files that exist already, in any case.
    """
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode("ascii").lower()
    stem = re.sub(r"[^a-z0-9_]+", "-", plain)[:_LONGEST].strip("-") or "workflow"
    if stem in _RESERVED:
        stem = f"{stem}-workflow"
    used = {name.lower() for name in taken}
    names = (f"{stem}{suffix}.yaml" for suffix in ("", *(f"-{number}" for number in range(2, len(used) + 3))))
    return next(name for name in names if name not in used)


LOCK_NAME: Final = "fibonacci.lock"
FORMAT: Final = 1


@dataclass(frozen=True, slots=True)
class LockEntry:
    """One file of the folder and its workflow."""

    name: str
    """The name of the workflow."""

    applied: str
    """The hash of the content that was applied."""

    workflow_id: str | None = None
    """The id of the workflow; None while it is being created, or when that was interrupted."""

    seen: SeenWorkflow | None = None
    """The workflow as the platform returned it after the last apply; None as long as there is no id."""

    idempotency_key: str | None = None
    """The `Idempotency-Key` of the request that creates the workflow; None once there is an id."""


@dataclass(frozen=True, slots=True)
class Lock:
    """The content of a lock file."""

    base_url: str
    """The base URL of the platform that the ids belong to."""

    organization_id: str | None = None
    """The id of the organization that the workflows belong to; None when the platform has not sent it."""

    entries: Mapping[str, LockEntry] = field(default_factory=dict[str, LockEntry])
    """The entries by the name of the file."""

    @property
    def workflow_ids(self) -> set[str]:
        """The ids of the workflows."""
        return {entry.workflow_id for entry in self.entries.values() if entry.workflow_id is not None}

    @property
    def names_of_interrupted(self) -> set[str]:
        """The names of the workflows whose creation was interrupted."""
        return {entry.name for entry in self.entries.values() if entry.workflow_id is None}

    def changed(self, file: str, entry: LockEntry | None, *, instead_of: str | None = None) -> Lock:
        """Return the lock with another entry for a file.

        Args:
            file: The name of the file.
            entry: Its entry; None for none.
            instead_of: Another file, whose entry is dropped.
        """
        entries = {name: entry for name, entry in self.entries.items() if name not in (file, instead_of)}
        return replace(self, entries=entries if entry is None else {**entries, file: entry})


def lock_text(lock: Lock) -> str:
    """Return a lock as the text of its file, in an order that does not depend on its history."""
    workflows = {
        file: {
            "id": entry.workflow_id,
            "name": entry.name,
            "applied": entry.applied,
            **({} if entry.idempotency_key is None else {"idempotency_key": entry.idempotency_key}),
            **({} if entry.seen is None else {"version": entry.seen.version, "seen": entry.seen.digest}),
        }
        for file, entry in sorted(lock.entries.items())
    }
    content = {
        "format": FORMAT,
        "base_url": lock.base_url,
        "organization_id": lock.organization_id,
        "workflows": workflows,
    }
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"


def parse_lock(text: str, place: str) -> Lock:
    """Read the text of a lock file.

    Args:
        text: The text.
        place: The path of the file, for messages.

    Raises:
        DeploymentError: If it is no lock file, is damaged, or was written by a newer version.
    """
    try:
        content: Any = json.loads(text)
        if not is_object(content):
            raise ValueError("it is no object")
        written = content["format"]
        if isinstance(written, int) and written > FORMAT:
            raise DeploymentError(
                f"{place} has the format {written}, and this version of fibonacci-sdk reads {FORMAT}: upgrade it"
            )
        read = _LockFile.model_validate(content)
    except (ValueError, KeyError, RecursionError) as error:
        fault = _first_fault(error)
        raise DeploymentError(f"{place} cannot be read ({fault}): restore it, as from version control") from None
    for file in read.workflows:
        if file != PurePath(file).name or "\\" in file:
            raise DeploymentError(f"{place} names {file!r}, which is no file of this folder: remove that entry")
    lock = Lock(
        read.base_url, read.organization_id, {file: deployed.entry() for file, deployed in read.workflows.items()}
    )
    if len(lock.workflow_ids) < sum(entry.workflow_id is not None for entry in lock.entries.values()):
        raise DeploymentError(f"{place} has one workflow for two files: remove the entry of one of them")
    return lock


def _first_fault(error: Exception) -> str:
    if isinstance(error, ValidationError):
        fault = error.errors(include_url=False, include_input=False)[0]
        return f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}"
    return "no key 'format'" if isinstance(error, KeyError) else str(error)


class _WrittenEntry(BaseModel):
    model_config = ConfigDict(strict=True)

    id: Annotated[str, Field(min_length=1)] | None
    name: str
    applied: str
    version: int | str | None = None
    seen: str | None = None
    idempotency_key: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,255}$")] | None = None

    def entry(self) -> LockEntry:
        seen = None if self.seen is None else SeenWorkflow(self.version, self.seen)
        return LockEntry(self.name, self.applied, self.id, seen, self.idempotency_key)


class _LockFile(BaseModel):
    model_config = ConfigDict(strict=True)

    format: Literal[1]
    base_url: str
    organization_id: str | None
    workflows: dict[str, _WrittenEntry]


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
            names = sorted(path.name for path in self.path.iterdir() if is_definition_file(path))
        except OSError as error:
            raise self._unreadable(error) from error
        for file in names:
            self._check_link(file)
        return names

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
