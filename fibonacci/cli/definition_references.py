"""A definition as an argument: a file, stdin, or a workflow of the platform, also one of its versions."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from fibonacci.cli.definition_files import STDIN, read_definition_text
from fibonacci.cli.exit_codes import UsageError
from fibonacci.cli.workflow_names import workflow_id_of
from fibonacci.definitions.files.reading import FORMATS, read_checked
from fibonacci.definitions.problems import Problems
from fibonacci.deployment.content import content_of_file, content_of_workflow
from fibonacci.models import Workflow

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fibonacci import Fibonacci
    from fibonacci.cli.context import Context

_WITH_VERSION: Final = re.compile(r"(.+)@(v?[0-9][\w.-]*)", re.DOTALL)


class ReferencedDefinition(NamedTuple):
    """What an argument refers to.

    Attributes:
        definition: The definition as plain JSON.
        stem: The name of the file without its suffix; of a workflow, its name.
        workflow: The workflow; None for a file.
        problems: The faults of the file.
    """

    definition: Mapping[str, Any]
    stem: str
    workflow: Workflow | None = None
    problems: Problems = Problems()  # never added to

    def compared_with(self, other: ReferencedDefinition) -> Mapping[str, Any]:
        """Return the definition to compare with another one, as a deployment compares a file with its workflow.

        Args:
            other: The other one. Of its workflow is the name, and the description, that a file does not have.
        """
        if self.workflow is None and other.workflow is not None:
            return content_of_file(self.definition, self.stem, other.workflow).merged()
        return self.definition


def is_file_reference(reference: str) -> bool:
    """Tell whether an argument is a file: by its suffix, or because it exists."""
    return reference == STDIN or Path(reference).suffix.lower() in FORMATS or Path(reference).is_file()


def read_reference(context: Context, reference: str) -> ReferencedDefinition:
    """Return what an argument refers to; the definition in a file may have faults, as long as it can be read.

    Args:
        context: The context, whose client is used for a workflow.
        reference: A file, `-`, or the id or name of a workflow, also with a version: `ID@VERSION`.

    Raises:
        DefinitionError: If the text of a file cannot be read to its end.
        UsageError: If there is no such file or workflow, or the workflow has no definition.
        APIError: If a request fails.
    """
    if not is_file_reference(reference):
        if Path(reference).is_dir():
            raise UsageError(f"{reference!r} is a folder: pass one of its files")
        return _of_workflow(context.client, reference)
    text = read_definition_text(reference)
    source = text.source()
    definition = read_checked(source, text.format).plain()
    return ReferencedDefinition(definition, Path(reference).stem, problems=source.in_order())


def _of_workflow(client: Fibonacci, reference: str) -> ReferencedDefinition:
    found = _WITH_VERSION.fullmatch(reference)
    if found is None:
        workflow = client.workflows.get(workflow_id_of(client, reference))
    else:
        workflow = _version(client, found[1], found[2])
    if workflow.definition is None:
        raise UsageError(f"{reference!r} has no definition")
    return ReferencedDefinition(content_of_workflow(workflow).merged(), workflow.name or workflow.id, workflow)


def _version(client: Fibonacci, workflow: str, version: str) -> Workflow:
    snapshot = client.versions.get(workflow_id_of(client, workflow), version)
    fields = {name: getattr(snapshot, name) for name in ("name", "description", "definition", "version")}
    return Workflow.model_validate({**fields, "id": snapshot.workflow_id or workflow})
