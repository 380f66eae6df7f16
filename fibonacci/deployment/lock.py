"""The lock file: which file of a folder is which workflow of the platform, and how it was last seen."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import PurePath
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from fibonacci.definitions.json_types import is_object
from fibonacci.deployment.content import SeenWorkflow
from fibonacci.errors import DeploymentError

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
        entries = {name: each for name, each in self.entries.items() if name not in (file, instead_of)}
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
    lock = Lock(read.base_url, read.organization_id, {file: each.entry() for file, each in read.workflows.items()})
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
