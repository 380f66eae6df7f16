"""What is deployed from a folder to an environment: `FOLDER/.fibonacci/ENVIRONMENT/`, which version control keeps.

Each workflow has its own small file, named by its ID. Branches that deploy different workflows therefore change
different files, which git merges without conflicts. `platform.json` says whose IDs they are.

A workflow is known by its name in the definition, or else by the name of the definition file, so moving a file with a
name changes nothing here.
"""

from __future__ import annotations

import json
import os
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path, PurePath
from typing import Annotated, Any, Final, Literal
from urllib.parse import quote, urlsplit

from pydantic import BaseModel, Field, TypeAdapter, ValidationError

from fibonacci._core.urls import is_loopback
from fibonacci._remedies import argument, remedy
from fibonacci._system.files import open_state, write_file
from fibonacci._texts.text import visible
from fibonacci.definitions.json_types import is_object
from fibonacci.deployment.content import SeenWorkflow
from fibonacci.errors import ConfigurationError, DeploymentError

STATE_FOLDER: Final = ".fibonacci"
DEFAULT_ENVIRONMENT: Final = "default"
FORMAT: Final = 1
_PLATFORM_FILE: Final = "platform.json"
_SUFFIX: Final = ".json"
_RESTORE: Final = "restore it, for example from version control"
_NAME: Final = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9._-]{0,62}[A-Za-z0-9_-])?")


def environment_name(environment: object, profile: str | None) -> str:
    """Return the environment: the argument, else `FIBONACCI_ENVIRONMENT`, else the name of the profile, or `default`.

    Args:
        environment: The argument, or None.
        profile: The name of the profile that the client uses, or None.

    Raises:
        TypeError: If the argument is not a string.
        ConfigurationError: If it cannot be the name of a folder.
    """
    source: str = argument("environment")
    if environment is None and (variable := os.environ.get("FIBONACCI_ENVIRONMENT")) is not None:
        environment, source = variable, "FIBONACCI_ENVIRONMENT"
    if environment is None:
        return profile or DEFAULT_ENVIRONMENT
    if not isinstance(environment, str):
        raise TypeError(f"{source} must be the name of an environment, not {type(environment).__name__}")
    if not _NAME.fullmatch(environment):
        rule = "at most 64 of A-Z a-z 0-9 - _, and dots that are neither first nor last"
        raise ConfigurationError(f"{source} must be the name of an environment ({rule}), not {environment[:80]!r}")
    return environment


def pull_remedy(workflow_id: str, environment: str, folder: str, *, merge: bool = False) -> str:
    """Return how to pull a workflow from an environment."""
    values = {"id": workflow_id, "folder": folder, **_arguments(environment)}
    return remedy("merge", **values) if merge else remedy("pull", **values)


def overwrite_remedy(environment: str, folder: str) -> str:
    """Return how to overwrite what others have changed in an environment."""
    return remedy("replace", folder=folder, **_arguments(environment))


def _arguments(environment: str) -> dict[str, str]:
    named = "" if environment == DEFAULT_ENVIRONMENT else argument("environment", environment)
    return {"argument": named and f", {named}", "option": named and f" {named}"}


def typed_folder(folder: Path) -> str:
    """Return a folder as it is typed in a command: relative to the current one, and quoted if necessary."""
    return shlex.quote(relative_folder(".", folder))


def relative_folder(start: str | Path, folder: Path) -> str:
    """Return the path of a folder relative to another one."""
    try:
        return os.path.relpath(folder, start)
    except ValueError:  # on another Windows drive
        return str(folder)


def is_same_platform(one: str, other: str) -> bool:
    """Tell whether two base URLs lead to the same platform. `localhost`, `127.0.0.1` and `[::1]` are one host."""
    return _platform(one) == _platform(other)


def _platform(base_url: str) -> tuple[str, str, int | None, str]:
    parts = urlsplit(base_url)
    host = parts.hostname or ""
    port = parts.port or {"http": 80, "https": 443}.get(parts.scheme)
    return parts.scheme, "localhost" if is_loopback(host) else host, port, parts.path


@dataclass(frozen=True, slots=True)
class WorkflowState:
    """One workflow of the folder."""

    name: str
    """The name in the definition, or else the name of the file without its suffix."""

    file: str
    """The name of the file when it was last applied or pulled."""

    applied: str
    """The hash of the file's content, without a name, when it was last applied or pulled."""

    workflow_id: Annotated[str | None, Field(alias="id", min_length=1)] = None
    """The ID of the workflow, or None while it is being created or after that was interrupted."""

    seen: SeenWorkflow | None = None
    """The workflow as the platform returned it after the last apply, or None while it has no ID."""

    idempotency_key: Annotated[str | None, Field(pattern=r"^[A-Za-z0-9_-]{1,255}$")] = None
    """The `Idempotency-Key` of the request that creates the workflow, or None once there is an ID."""


@cache
def _workflow_adapter() -> TypeAdapter[WorkflowState]:
    """Return the adapter that reads and writes a workflow's file."""
    return TypeAdapter(WorkflowState)


@dataclass(frozen=True, slots=True)
class EnvironmentState:
    """What is deployed from a folder to one environment."""

    base_url: str
    """The base URL of the platform that the IDs belong to."""

    organization_id: str | None = None
    """The ID of the organization that the workflows belong to, or None if the platform hasn't sent it."""

    workflows: Mapping[str, WorkflowState] = field(default_factory=dict[str, WorkflowState])
    """The workflows by name."""

    def of_workflow(self, workflow_id: str) -> WorkflowState | None:
        """Return the state of a workflow, or None if it has none."""
        return next((known for known in self.workflows.values() if known.workflow_id == workflow_id), None)

    @property
    def workflow_ids(self) -> set[str]:
        """The IDs of the workflows."""
        return {state.workflow_id for state in self.workflows.values() if state.workflow_id is not None}

    @property
    def names_of_interrupted(self) -> set[str]:
        """The names of the workflows whose creation was interrupted."""
        return {state.name for state in self.workflows.values() if state.workflow_id is None}


class _WrittenPlatform(BaseModel, strict=True):
    format: Literal[1]
    base_url: str
    organization_id: str | None


class StateFiles:
    """The files of the state of one environment.

    Args:
        folder: The folder of the definitions.
        environment: The name of the environment.

    Attributes:
        path: The folder of the state.
    """

    def __init__(self, folder: Path, environment: str) -> None:
        self.path: Path = folder / STATE_FOLDER / environment

    def read(self) -> EnvironmentState | None:
        """Return the state, or None if nothing was deployed to the environment.

        Raises:
            DeploymentError: If it cannot be read. The message has a line for each problem.
        """
        names = self._names()
        if not names:
            return None
        problems: list[str] = []
        platform: _WrittenPlatform | None = None
        workflows: dict[str, WorkflowState] = {}
        for name in [_PLATFORM_FILE, *(name for name in names if name != _PLATFORM_FILE)]:
            try:
                if name == _PLATFORM_FILE:
                    platform = _platform_in(self._read(name))
                    continue
                state = _workflow_in(self._read(name))
                if name != _file_name(state):  # otherwise, the next apply would remove it
                    raise ValueError(f"its content belongs in {_file_name(state)}")
            except (OSError, ValueError, KeyError, RecursionError) as error:
                problems.append(visible(f"{self.path / name} cannot be read ({error_reason(error)}): {_RESTORE}"))
                continue
            other = workflows.get(state.name)
            if other is None or other.workflow_id is None:
                workflows[state.name] = state
            elif state.workflow_id is not None:  # else it was created, and the process ended before it removed the note
                place = self.path / _file_name(other)
                problems.append(visible(f"{place} and {name} are both called {state.name!r}: remove one of them"))
        if problems or platform is None:
            raise DeploymentError("\n".join(problems))
        return EnvironmentState(platform.base_url, platform.organization_id, dict(sorted(workflows.items())))

    def has(self, state: WorkflowState) -> bool:
        """Tell whether the state of a workflow is still the same on disk."""
        try:
            return _workflow_in(self._read(_file_name(state))) == state
        except (OSError, ValueError, RecursionError):
            return False

    def write_platform(self, base_url: str, organization_id: str | None) -> None:
        """Write which platform and organization the state belongs to."""
        self._write(_PLATFORM_FILE, {"format": FORMAT, "base_url": base_url, "organization_id": organization_id})

    def replace(self, before: WorkflowState | None, after: WorkflowState | None) -> None:
        """Replace the state of a workflow. `before` is None for a new state, and `after` is None to remove it."""
        if after is not None:
            content: dict[str, Any] = _workflow_adapter().dump_python(after, by_alias=True, exclude_none=True)
            self._write(_file_name(after), content)
        if before is not None and (after is None or _file_name(after) != _file_name(before)):
            (self.path / _file_name(before)).unlink(missing_ok=True)

    def remove_ended_creations(self, state: EnvironmentState) -> None:
        """Remove notes of finished creations that a killed process left behind."""
        kept = {_file_name(workflow) for workflow in state.workflows.values()}
        for name in self._names():
            if name not in kept and name != _PLATFORM_FILE:
                (self.path / name).unlink(missing_ok=True)

    def _write(self, name: str, content: Mapping[str, Any]) -> None:
        self.path.mkdir(parents=True, exist_ok=True)
        write_file(self.path / name, json.dumps(content, indent=2, ensure_ascii=False) + "\n", is_state=True)

    def _names(self) -> list[str]:
        """Return the sorted names of the files, or none if there is no folder."""
        for folder in (self.path.parent, self.path):
            if folder.is_symlink():
                raise DeploymentError(f"{folder} is a symbolic link, but must be a folder: remove it")
        try:
            names = sorted(path.name for path in self.path.iterdir())
        except FileNotFoundError:
            return []
        except OSError as error:
            raise DeploymentError(f"{self.path} cannot be read: {error.strerror}") from error
        return [name for name in names if name.endswith(_SUFFIX) and not name.startswith(".")]

    def _read(self, name: str) -> str:
        with os.fdopen(open_state(self.path / name, os.O_RDONLY, is_private=False), encoding="utf-8") as file:
            return file.read()


def _file_name(state: WorkflowState) -> str:
    if state.workflow_id is None:
        return f"creation-{state.idempotency_key}{_SUFFIX}"
    return f"{quote(state.workflow_id, safe='').replace('.', '%2E')}{_SUFFIX}"  # not a hidden file


def named_in_states(folder: Path) -> dict[str, str]:
    """Return the name on the platform of the workflow of each definition file, for files that any environment knows.

    Raises:
        DeploymentError: If a state cannot be read.
    """
    names: dict[str, str] = {}
    states = folder / STATE_FOLDER
    for place in sorted(states.iterdir()) if states.is_dir() else ():
        state = StateFiles(folder, place.name).read() if place.is_dir() else None
        for known in () if state is None else state.workflows.values():
            names.setdefault(known.file, known.name if known.seen is None else known.seen.name)
    return names


def _platform_in(text: str) -> _WrittenPlatform:
    content: Any = json.loads(text)
    written = content["format"] if is_object(content) else None
    if isinstance(written, int) and written > FORMAT:
        raise ValueError(
            f"it has the format {written}, but this version of fibonacci-sdk reads {FORMAT}: upgrade fibonacci-sdk"
        )
    platform = _WrittenPlatform.model_validate(content)
    _platform(platform.base_url)  # refuses anything but a URL
    return platform


def _workflow_in(text: str) -> WorkflowState:
    state = _workflow_adapter().validate_json(text, strict=True)
    if PurePath(state.file).name != state.file or "\\" in state.file:
        raise ValueError(f"it belongs to {state.file!r}, which is not a file of this folder")
    return state


def error_reason(error: Exception) -> str:
    """Return why a file couldn't be read, or what is wrong with its content."""
    if isinstance(error, ValidationError):
        fault = error.errors(include_url=False, include_input=False)[0]
        return ": ".join(filter(None, (".".join(map(str, fault["loc"])), fault["msg"])))
    if isinstance(error, OSError):
        return error.strerror or type(error).__name__
    return "no key 'format'" if isinstance(error, KeyError) else str(error)
