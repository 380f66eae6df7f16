"""Writes a workflow of the platform to a file: what, where, and whether that would lose local changes."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from fibonacci._remedies import argument, remedy
from fibonacci._system.files import write_file
from fibonacci.definitions import diff, dumps
from fibonacci.definitions.comparison import definition_digest
from fibonacci.definitions.document import Document
from fibonacci.definitions.files.legacy_dialect import in_todays_words
from fibonacci.definitions.files.load_and_dump import format_of_file, text_of_file
from fibonacci.definitions.files.source import FORMATS
from fibonacci.definitions.files.updating import updated_text
from fibonacci.definitions.merging import merge
from fibonacci.deployment.content import (
    SeenWorkflow,
    applied_digest,
    content_of_file,
    content_of_workflow,
    name_in_state,
)
from fibonacci.deployment.folder import DeploymentFolder, check_path, safe_file_name
from fibonacci.deployment.plan import CONFLICT
from fibonacci.deployment.state import EnvironmentState, WorkflowState, typed_folder
from fibonacci.errors import DefinitionError, DeploymentError
from fibonacci.models.workflows import Workflow, WorkflowVersion

LOCAL_CHANGES: Final = "local_changes"


def split_target(path: str | os.PathLike[str]) -> tuple[DeploymentFolder, str | None]:
    """Split a path into the folder and the name of the file, which is None for the path of a folder.

    Raises:
        DeploymentError: If it is the path of another kind of file, or `check_file` refuses it.
        TypeError: If it is not a str or a path object.
    """
    check_path(path, "path must be the path of a folder or a file")
    folder = DeploymentFolder(path)
    if folder.path.suffix.lower() in FORMATS and not folder.path.is_dir():
        folder, file = DeploymentFolder(folder.path.parent), folder.path.name
        folder.check_file(file)
        return folder, file
    if folder.path.is_file():
        raise DeploymentError(f"{str(folder.path)!r} is neither a folder nor a *.yaml, *.yml or *.json file")
    return folder, None


def pulled_definition(workflow: Workflow, file: str, present: Mapping[str, Any] | None) -> Mapping[str, Any]:
    """Return the definition of a workflow as a file has it, in the current dialect.

    It has the workflow's own name and description, which may differ from those in its definition. A file without them
    stays without, as long as it means the same.

    Args:
        workflow: The workflow.
        file: The name of the file.
        present: The definition that is in the file now, or None.
    """
    content = content_of_workflow(workflow)
    own = {"name": content.name or None, "description": content.description}
    definition = {**content.definition, **{key: value for key, value in own.items() if value is not None}}
    if present is not None:
        asked = content_of_file(present, name_in_state(present, file), workflow).with_names()
        for key in own:
            if present.get(key) is None and asked[key] == definition.get(key):
                definition.pop(key, None)
    return definition


def choose_file(folder: DeploymentFolder, state: EnvironmentState, workflow: Workflow, file: str | None) -> str:
    """Return the name of the file to pull a workflow into.

    If the user gives no name, it is the workflow's file, else the file with its name, else a new one.

    Args:
        folder: The folder.
        state: What is deployed from it.
        workflow: The workflow.
        file: The name that the user gives, or None.

    Raises:
        DeploymentError: If the workflow already has another file, or the file another workflow.
    """
    known = state.of_workflow(workflow.id)
    own = None if known is None else _file_of(folder, state, known)
    if file is None:
        return own or _file_by_name(folder, state, workflow)
    name = _name_in(folder, file)
    owners = [each for each in state.workflows.values() if (each.file == file if name is None else each.name == name)]
    owner = next((each for each in owners if each.workflow_id not in (None, workflow.id)), None)
    if owner is not None and (folder.path / file).exists():
        raise DeploymentError(f"{file} belongs to {owner.workflow_id}, not to {workflow.id}: pull into another file")
    if own is not None and own != file and (folder.path / own).exists():
        raise DeploymentError(f"{workflow.id} already has the file {own}: rename that file, or pull into the folder")
    return file


def _file_of(folder: DeploymentFolder, state: EnvironmentState, known: WorkflowState) -> str | None:
    """Return the file of a deployed workflow: the one with its name, or else its last file, if it is still its own."""
    for file in (known.file, *folder.files()):
        if _name_in(folder, file) == known.name:
            return file
    return None if _name_in(folder, known.file) in state.workflows else known.file


def _file_by_name(folder: DeploymentFolder, state: EnvironmentState, workflow: Workflow) -> str:
    files = folder.files()
    known = state.workflows.get(workflow.name or "")
    is_free = known is None or known.workflow_id is None
    matching = [file for file in files if is_free and _name_in(folder, file) == workflow.name]
    if len(matching) > 1:
        raise DeploymentError(
            f"{' and '.join(matching)} are both called {workflow.name!r}: pass the path of one of them"
        )
    return matching[0] if matching else safe_file_name(workflow.name or workflow.id, files)


def _name_in(folder: DeploymentFolder, file: str) -> str | None:
    """Return the name of a file's workflow in the state, or None if the file can't be read."""
    definition = folder.read_definition(file)
    name = None if definition is None else name_in_state(definition, file)
    return name if isinstance(name, str) else None


def local_changes(path: Path, present: Mapping[str, Any] | None, workflow: Workflow) -> DeploymentError:
    """Return the error for a file whose changes would be lost. A file that can't be read can't be merged either."""
    text = f"{path} has changes that {workflow.id} does not have"
    what_to_do = remedy("overwrite") if present is None else remedy("merge or overwrite")
    return DeploymentError(f"{text}{what_to_do}", code=LOCAL_CHANGES)


def has_local_changes(
    present: Mapping[str, Any] | None, pulled: Mapping[str, Any], known: WorkflowState | None, workflow: Workflow
) -> bool:
    """Tell whether a file has changes that its workflow doesn't have.

    Args:
        present: The definition that is in the file, or None if it cannot be read.
        pulled: The definition of the workflow.
        known: The state of the file, or None.
        workflow: The workflow.
    """
    if present is not None and known is not None and known.workflow_id == workflow.id:
        return known.applied != applied_digest(present) and bool(diff(present, pulled))
    return present is None or bool(diff(present, pulled))


def merged_definition(
    path: Path,
    present: Mapping[str, Any],
    workflow: Workflow,
    seen: SeenWorkflow | None,
    snapshot: WorkflowVersion | None,
) -> Mapping[str, Any]:
    """Return a definition with the changes of both a file and its workflow.

    Args:
        path: The path of the file.
        present: The definition that is in it.
        workflow: The workflow.
        seen: The workflow when the two were last the same, or None if that is unknown.
        snapshot: Its version from that time, or None.

    Raises:
        DeploymentError: If that version is unknown or doesn't match, or both have changed the same field (its code is
            `conflict`).
    """
    if (
        seen is None
        or snapshot is None
        or definition_digest(in_todays_words(snapshot.definition or {})) != seen.definition
    ):
        start = f"{path} and {workflow.id} cannot be merged, because the version that both were changed from is unknown"
        raise DeploymentError(f"{start}: leave out {argument('merge', True)}")
    before = {"name": seen.name, "description": seen.description, "definition": snapshot.definition}
    base = pulled_definition(workflow.model_copy(update=before), path.name, present)
    merged = merge(base, present, pulled_definition(workflow, path.name, present))
    if merged.conflicts:
        raise DeploymentError(
            (
                f"{path} and {workflow.id} have both changed {', '.join(merged.conflicts)}. Nothing was "
                "written. Write the platform's values, which "
                f"{remedy('show both', id=workflow.id, file=typed_folder(path))}, into these places of the "
                "file, and pull again. To keep yours, put them back after that"
            ),
            code=CONFLICT,
        )
    return merged.definition


def write_definition(folder: DeploymentFolder, file: str, definition: Mapping[str, Any]) -> None:
    """Write a definition to a file, even with errors, so that the user can correct them there.

    Whatever else is in the file, such as comments, stays.

    Args:
        folder: The folder.
        file: The name of the file.
        definition: The definition.

    Raises:
        DefinitionError: If the file couldn't be read back. Nothing is written.
        ImportError: If the file is YAML and PyYAML is not installed.
        OSError: If the file cannot be written.
        DeploymentError: If it is a link that leads out of the folder.
    """
    folder.check_file(file)
    Document.parse(dumps(definition, format="json"), name=file, format="json")
    path = folder.path / file
    text = None
    if path.exists():
        with suppress(DefinitionError):  # the file isn't UTF-8
            text = updated_text(text_of_file(path)[0], file, definition)
    write_file(path, dumps(definition, format=format_of_file(file)) if text is None else text)


def pulled_state(
    definition: Mapping[str, Any], file: str, workflow: Workflow, state: EnvironmentState
) -> WorkflowState:
    """Return the state of a file that matches its workflow.

    Raises:
        DeploymentError: If another workflow in the state has its name.
    """
    name = name_in_state(definition, file)
    other = state.workflows.get(name)
    if other is not None and other.workflow_id not in (None, workflow.id):
        raise DeploymentError(
            f"{other.workflow_id} and {workflow.id} are both called {name!r}: rename one of them, because each workflow"
            " of a folder needs its own name"
        )
    return WorkflowState(name, file, applied_digest(definition), workflow.id, SeenWorkflow.of(workflow))
