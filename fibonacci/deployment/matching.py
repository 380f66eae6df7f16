"""Which file is which workflow: by the lock file, by a name or a content that has moved, by an interrupted creation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path, PurePath
from typing import Any, Final

from fibonacci.definitions.problems import Problem, Problems
from fibonacci.deployment.content import WorkflowContent, content_of_file, content_of_workflow
from fibonacci.deployment.lock import Lock, LockEntry
from fibonacci.models.workflows import Workflow

_MOST_COMPARED: Final = 100
"""How many files may be gone for a renamed one to be found by its content: each is compared with each new one."""


class Matches:
    """Which workflow each file is, and which each entry of the lock file.

    Args:
        definitions: The definitions by file, all without errors.
        lock: The lock file.
        workflows: The workflows of the platform, complete where they may be those of the folder.

    Attributes:
        origins: By file, the file that its entry in the lock file stands under: another one when it was renamed.
        workflows: By file of the lock file, the workflow; None when the platform does not have it.
        contents: By file, what it asks for.
        gone: The entries of the lock file whose file is gone, and has not been renamed.
    """

    def __init__(self, definitions: Mapping[str, Mapping[str, Any]], lock: Lock, workflows: Sequence[Workflow]) -> None:
        self._all = {workflow.id: workflow for workflow in workflows}
        self._lock = lock
        self._ambiguous: dict[str, tuple[str, str]] = {}  # by the name of the workflow, the file and what is wrong
        self.gone: dict[str, LockEntry] = {
            file: entry for file, entry in lock.entries.items() if file not in definitions
        }
        self._gone_by_name: dict[str | None, set[str]] = {}
        for file, entry in self.gone.items():
            self._gone_by_name.setdefault(entry.name, set()).add(file)
        created = self._unknown_by_content()
        self.workflows: dict[str, Workflow | None] = {
            file: self._workflow_of(file, entry, created) for file, entry in lock.entries.items()
        }
        self._definitions = definitions
        self.origins: dict[str, str] = {}
        for file in definitions:
            origin = file if file in lock.entries else self._renamed_from(file)
            if origin is not None:
                self.origins[file] = origin
                if origin in self.gone:
                    self._gone_by_name[self.gone.pop(origin).name].remove(origin)
        self.contents: dict[str, WorkflowContent] = {file: self._content(file) for file in definitions}

    def _unknown_by_content(self) -> dict[tuple[str, str], list[Workflow]]:
        """Return the workflows that may be what an interrupted creation has created, by name and digest."""
        names, known = self._lock.names_of_interrupted, self._lock.workflow_ids
        found: dict[tuple[str, str], list[Workflow]] = {}
        for workflow in self._all.values():
            if workflow.name in names and workflow.id not in known:
                content = content_of_workflow(workflow)
                found.setdefault((content.name, content.digest()), []).append(workflow)
        return found

    def _workflow_of(
        self, file: str, entry: LockEntry, created: Mapping[tuple[str, str], Sequence[Workflow]]
    ) -> Workflow | None:
        """Return the workflow of an entry; one whose creation was interrupted is found by what was to be created."""
        if entry.workflow_id is not None:
            return self._all.get(entry.workflow_id)
        found = created.get((entry.name, entry.applied), ())
        if len(found) > 1 and entry.name not in self._ambiguous:
            message = (
                f"its creation was interrupted, and {_ids(found)} are all called {entry.name!r} and as it was to be "
                "created: delete all but one"
            )
            self._ambiguous[entry.name] = (file, message)
        return found[0] if len(found) == 1 else None

    def _renamed_from(self, file: str) -> str | None:
        """Return the file that is gone and whose name or content a new file has; None when that is not clear."""
        name = self._definitions[file].get("name")
        by_name = self._gone_by_name.get(name, set[str]())
        if len(by_name) == 1:
            return next(iter(by_name))
        if len(self.gone) > _MOST_COMPARED:
            return None
        by_content = [
            gone
            for gone, entry in self.gone.items()
            if content_of_file(self._definitions[file], PurePath(gone).stem, self.workflows[gone]).digest()
            == entry.applied
        ]
        return by_content[0] if len(by_content) == 1 else None

    def _content(self, file: str) -> WorkflowContent:
        origin = self.origins.get(file)
        workflow = None if origin is None else self.workflows[origin]
        return content_of_file(self._definitions[file], PurePath(file).stem, workflow)

    def problems(self, folder: Path) -> Problems:
        """Return why the files cannot be deployed; empty when they can.

        Args:
            folder: The folder of the files.
        """
        found = [("ambiguous_creation", file, message) for file, message in self._ambiguous.values()]
        files: dict[str, list[str]] = {}
        for file, content in self.contents.items():
            files.setdefault(content.name, []).append(file)
        own = {workflow.id for workflow in self.workflows.values() if workflow is not None}
        taken: dict[str | None, list[Workflow]] = {}
        for workflow in self._all.values():
            if workflow.id not in own:
                taken.setdefault(workflow.name, []).append(workflow)
        for name, of_name in files.items():
            if len(of_name) > 1:
                message = f"{' and '.join(of_name)} are both called {name!r}: a name stands for one workflow"
                found.append(("duplicate_name", of_name[0], message))
            others = taken.get(name)
            if others and name not in self._ambiguous:
                message = _name_is_taken(name, others, is_known=of_name[0] in self.origins)
                found.append(("taken_name", of_name[0], message))
        return Problems(
            Problem(location="", code=code, message=message, source=str(folder / file)) for code, file, message in found
        )


def _name_is_taken(name: str, others: Sequence[Workflow], *, is_known: bool) -> str:
    start = f"{_ids(others)} on the platform {'is' if len(others) == 1 else 'are'}"
    if is_known or len(others) > 1:
        also = " also" if is_known else ""
        return f"{start}{also} called {name!r}: rename or delete it, for a name stands for one workflow"
    pull = f'pull("{others[0].id}", folder)'
    return f"{start} called {name!r}, and the lock file does not know it: {pull} if it is this file's, else rename one"


def _ids(workflows: Sequence[Workflow]) -> str:
    return " and ".join(workflow.id for workflow in workflows)
