"""The content of a workflow, in a file and on the platform, and the hashes that show whether it has changed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

from pydantic import BaseModel

from fibonacci.definitions.comparison import definition_digest, digest_of
from fibonacci.definitions.document import Document
from fibonacci.definitions.files.legacy_dialect import in_todays_words
from fibonacci.models.workflows import Workflow


@dataclass(frozen=True, slots=True)
class WorkflowContent:
    """The name, the description and the definition of a workflow."""

    name: str
    """The name of the workflow."""

    description: str | None
    """The description, or None."""

    definition: Mapping[str, Any]
    """The definition as plain JSON."""

    def with_names(self) -> dict[str, Any]:
        """Return the definition with the workflow's own name and description in it."""
        return {**self.definition, "name": self.name, "description": self.description}

    def without_nodes(self) -> dict[str, Any]:
        """Return that definition without its nodes and outputs."""
        return {**self.with_names(), "nodes": [], "outputs": None}

    def digest(self) -> str:
        """Return a hash that is equal for contents with the same meaning."""
        return digest_of(self.with_names())


def content_of_workflow(workflow: Workflow) -> WorkflowContent:
    """Return the content of a workflow on the platform, in the current dialect."""
    return WorkflowContent(workflow.name or "", workflow.description, in_todays_words(workflow.definition or {}))


def name_in_state(definition: Mapping[str, Any], file: str) -> str:
    """Return the name of a file's workflow in the state: the definition's name, or else the file's without suffix."""
    return definition.get("name") or PurePath(file).stem


def content_of_file(definition: Mapping[str, Any], stem: str, workflow: Workflow | None) -> WorkflowContent:
    """Return the content that a file asks for.

    If the file has no name, the content has the workflow's name, or the file's if there is no workflow yet. If neither
    the file nor the definition on the platform has a description, the workflow keeps its own, set by other means.

    Args:
        definition: The definition in the file.
        stem: The name of the file without its suffix.
        workflow: The workflow on the platform, or None when there is none yet.
    """
    name, description = definition.get("name"), definition.get("description")
    if workflow is None:
        return WorkflowContent(name or stem, description, definition)
    if description is None and (workflow.definition or {}).get("description") is None:
        description = workflow.description
    return WorkflowContent(name or workflow.name or stem, description, definition)


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenWorkflow:
    """What is recorded about a workflow on the platform, to notice when it changes."""

    version: int | str | None = None
    """Its version, or None on a platform without versions. The other fields are its content."""

    definition: str
    """The hash of its definition, without the name and the description in it."""

    name: str
    """Its name."""

    description: str | None = None
    """Its description."""

    @classmethod
    def of(cls, workflow: Workflow) -> SeenWorkflow:
        """Return what to record about a workflow."""
        content = content_of_workflow(workflow)
        return cls(
            version=workflow.version,
            definition=definition_digest(content.definition),
            name=content.name,
            description=content.description,
        )

    def would_lose_changes_since(self, before: SeenWorkflow, content: WorkflowContent | None) -> bool:
        """Tell whether writing a content would lose what has changed in the workflow since an earlier moment.

        Args:
            before: The workflow at that moment.
            content: The content, or None when the workflow is deleted.
        """
        changed = [
            name for name in ("definition", "name", "description") if getattr(self, name) != getattr(before, name)
        ]
        if content is None or not changed:
            return bool(changed)
        wanted = {
            "definition": definition_digest(content.definition),
            "name": content.name,
            "description": content.description,
        }
        return any(getattr(self, name) != wanted[name] for name in changed)


def differs(workflow: Workflow, description: str | None, definition: Mapping[str, Any] | BaseModel | None) -> bool:
    """Tell whether a workflow on the platform differs in meaning from a description and a definition."""
    before = content_of_workflow(workflow)
    asked = WorkflowContent(before.name, description, in_todays_words(Document.of(definition or {}).value))
    return before.digest() != asked.digest()


def applied_digest(definition: Mapping[str, Any]) -> str:
    """Return the hash of what a file asks for, without a name."""
    return digest_of({**definition, "name": None})
