"""From files, lock file and platform to a plan. Nothing here reads or writes anything."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePath
from typing import Any, Final

from fibonacci._remedies import joined, remedy
from fibonacci.definitions.comparison import diff
from fibonacci.definitions.problems import Problem, Problems
from fibonacci.deployment.folder import (
    LOCK_NAME,
    Lock,
    LockEntry,
    SeenWorkflow,
    WorkflowContent,
    content_of_file,
    content_of_workflow,
)
from fibonacci.deployment.plan import DeploymentAction, DeploymentChange, DeploymentPlan, PlanBasis, Step
from fibonacci.errors import DeploymentError
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
        created: dict[tuple[str, str], list[Workflow]] = {}
        for workflow in self._all.values():
            if workflow.name in names and workflow.id not in known:
                content = content_of_workflow(workflow)
                created.setdefault((content.name, content.digest()), []).append(workflow)
        return created

    def _workflow_of(
        self, file: str, entry: LockEntry, created: Mapping[tuple[str, str], Sequence[Workflow]]
    ) -> Workflow | None:
        """Return the workflow of an entry; one whose creation was interrupted is found by what was to be created."""
        if entry.workflow_id is not None:
            return self._all.get(entry.workflow_id)
        candidates = created.get((entry.name, entry.applied), ())
        if len(candidates) > 1 and entry.name not in self._ambiguous:
            message = (
                f"its creation was interrupted, and {_ids(candidates)} are all called {entry.name!r} and as it was to "
                "be created: delete all but one"
            )
            self._ambiguous[entry.name] = (file, message)
        return candidates[0] if len(candidates) == 1 else None

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
        problems = [("ambiguous_creation", file, message) for file, message in self._ambiguous.values()]
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
                problems.append(("duplicate_name", of_name[0], message))
            others = taken.get(name)
            if others and name not in self._ambiguous:
                message = _name_is_taken(name, others, is_known=of_name[0] in self.origins)
                problems.append(("taken_name", of_name[0], message))
        return Problems(
            Problem(location="", code=code, message=message, source=str(folder / file))
            for code, file, message in problems
        )


def _name_is_taken(name: str, others: Sequence[Workflow], *, is_known: bool) -> str:
    start = f"{_ids(others)} on the platform {'is' if len(others) == 1 else 'are'}"
    if is_known or len(others) > 1:
        also = " also" if is_known else ""
        return f"{start}{also} called {name!r}: rename or delete it, for a name stands for one workflow"
    text = f"{start} called {name!r}, and the lock file does not know it: "
    return joined(text, remedy("pull", id=others[0].id), " if it is this file's, else rename one")


def _ids(workflows: Sequence[Workflow]) -> str:
    return " and ".join(workflow.id for workflow in workflows)


_REMEDY: Final = "Use the client that it was made with, or a copy of the folder without this file."
_ORDER: Final[Sequence[DeploymentAction]] = ("record", "update", "create", "delete")


def make_plan(
    folder: Path,
    base_url: str,
    definitions: Mapping[str, Mapping[str, Any]],
    warnings: Problems,
    lock: Lock | None,
    workflows: Sequence[Workflow],
) -> DeploymentPlan:
    """Return the changes that make the platform match the files, or the problems that the files have with each other.

    Args:
        folder: The folder.
        base_url: The base URL of the platform.
        definitions: The definitions by file, all without errors.
        warnings: The warnings of these definitions.
        lock: The lock file; None when there is none.
        workflows: The workflows of the platform, complete where they may be those of the folder.

    Raises:
        DeploymentError: If the state cannot be right; the message has everything that is wrong with it.
    """
    check_base_url(lock, folder, base_url)
    organization_id = check_organization(lock, folder, workflows)
    _check_any_is_there(lock, folder, workflows)
    if not definitions and not (lock and lock.entries):
        raise DeploymentError(f"folder {str(folder)!r} has no definition: no file *.yaml, *.yml or *.json")
    matches = Matches(definitions, lock or Lock(base_url), workflows)
    basis = PlanBasis(lock=lock, organization_id=organization_id)
    problems = Problems([*warnings, *matches.problems(folder)])
    if problems.errors:
        return DeploymentPlan(folder=folder, base_url=base_url, problems=problems, _basis=basis)
    changes = sorted(_changes(matches, lock or Lock(base_url)), key=lambda change: _ORDER.index(change.action))
    changed = {change.file for change in changes}
    unchanged = tuple(file for file in definitions if file not in changed)
    return DeploymentPlan(
        folder=folder,
        base_url=base_url,
        changes=tuple(changes),
        problems=problems,
        unchanged=unchanged,
        _basis=basis,
    )


def tools_unchecked(definitions: Mapping[str, Mapping[str, Any]], reason: str) -> Problems:
    """Return the warning that the platform did not list its tools; none where no node has one."""
    if not any(node.get("type") == "tool" for definition in definitions.values() for node in definition["nodes"]):
        return Problems()
    message = f"tools are not checked, because the platform does not list them: {reason}"
    return Problems([Problem(location="", code="unchecked_tools", message=message, severity="warning")])


def check_base_url(lock: Lock | None, folder: Path, base_url: str) -> None:
    """Refuse a lock file of another platform.

    Raises:
        DeploymentError: If it is one.
    """
    if lock is not None and lock.base_url != base_url:
        raise DeploymentError(
            f"{folder / LOCK_NAME} belongs to {lock.base_url}, and the client calls {base_url}. {_REMEDY}"
        )


def check_organization(lock: Lock | None, folder: Path, workflows: Sequence[Workflow]) -> str | None:
    """Return the organization that workflows belong to, as far as it is known; refuse a lock file of another one.

    Raises:
        DeploymentError: If it is one.
    """
    organizations = {
        organization_id for workflow in workflows if (organization_id := workflow.organization_id) is not None
    }
    known = None if lock is None else lock.organization_id
    if known is not None and organizations and known not in organizations:
        others = " and ".join(map(repr, sorted(organizations)))
        raise DeploymentError(
            f"{folder / LOCK_NAME} belongs to the organization {known!r}, and the client's key to {others}. {_REMEDY}"
        )
    return known or (min(organizations) if len(organizations) == 1 else None)


def _check_any_is_there(lock: Lock | None, folder: Path, workflows: Sequence[Workflow]) -> None:
    """Refuse a lock file that is probably another organization's, where the platform does not send its id."""
    ids = set[str]() if lock is None else lock.workflow_ids
    if len(ids) > 1 and ids.isdisjoint(workflow.id for workflow in workflows):
        raise DeploymentError(
            f"none of the {len(ids)} workflows of {folder / LOCK_NAME} is on the platform: the client's key is "
            f"probably that of another organization. {_REMEDY}"
        )


def _changes(matches: Matches, lock: Lock) -> Iterator[DeploymentChange]:
    """Yield the changes, in the order of the files."""
    for file, content in matches.contents.items():
        origin = matches.origins.get(file)
        if origin is None:
            yield _creation(file, content, "the file is new")
        elif change := _change(file, content, origin, lock.entries[origin], matches.workflows[origin]):
            yield change
    for file, entry in matches.gone.items():
        yield _removal(file, entry, matches.workflows[file])


def _change(
    file: str, content: WorkflowContent, origin: str, entry: LockEntry, workflow: Workflow | None
) -> DeploymentChange | None:
    """Return what a file with an entry in the lock file needs; None for nothing."""
    previous = None if origin == file else origin
    moved = "" if previous is None else f"{previous} is now {file}; "
    if workflow is None:
        if entry.workflow_id is None:
            moved += "its creation was interrupted, and the platform does not have it"
        else:
            moved += f"{entry.workflow_id} was deleted on the platform, so it is created again"
        resumed = entry if entry.workflow_id is None and entry.applied == content.digest() else None
        return _creation(file, content, moved, previous, resumed)
    if entry.workflow_id is None:
        moved += f"its creation was interrupted, and {workflow.id} is what was created; "
    seen = SeenWorkflow.of(workflow)
    reason = _why_update(entry, seen, content, workflow)
    if reason is not None:
        return DeploymentChange(
            action="update",
            file=file,
            name=content.name,
            workflow_id=workflow.id,
            reason=moved + reason,
            diff=diff(content_of_workflow(workflow).merged(), content.merged()),
            _step=Step(content=content, seen=seen, previous_file=previous),
        )
    if not moved:
        return None
    kept = LockEntry(content.name, content.digest(), workflow.id, seen)
    return DeploymentChange(
        action="record",
        file=file,
        name=content.name,
        workflow_id=workflow.id,
        reason=f"{moved}only the lock file changes",
        _step=Step(seen=seen, entry=kept, previous_file=previous),
    )


def _removal(file: str, entry: LockEntry, workflow: Workflow | None) -> DeploymentChange:
    if workflow is None:
        reason = "the file is gone, and the platform does not have its workflow; only the lock file changes"
        return DeploymentChange(
            action="record", file=file, name=entry.name, workflow_id=entry.workflow_id, reason=reason
        )
    content = content_of_workflow(workflow)
    return DeploymentChange(
        action="delete",
        file=file,
        name=workflow.name or entry.name,
        workflow_id=workflow.id,
        reason="the file is gone",
        diff=diff(content.merged(), content.without_nodes()),
        _step=Step(seen=SeenWorkflow.of(workflow)),
    )


def _creation(
    file: str,
    content: WorkflowContent,
    reason: str,
    previous: str | None = None,
    resumed: LockEntry | None = None,
) -> DeploymentChange:
    return DeploymentChange(
        action="create",
        file=file,
        name=content.name,
        workflow_id=None,
        reason=reason,
        diff=diff(content.without_nodes(), content.merged()),
        _step=Step(content=content, entry=resumed, previous_file=previous),
    )


def _why_update(entry: LockEntry, seen: SeenWorkflow, content: WorkflowContent, workflow: Workflow) -> str | None:
    """Return why a workflow is updated; None when it matches its file."""
    wanted = content.digest()
    if wanted == seen.digest:
        return None
    is_file_changed = wanted != entry.applied
    # The platform may complete what it is sent. What was seen after the last apply then matches the file.
    is_workflow_changed = entry.seen is not None and entry.seen != seen
    if not is_workflow_changed:
        return "the file has changed" if is_file_changed else None
    versions = (
        "" if entry.seen is None or seen.version is None else f" (version {entry.seen.version} -> {seen.version})"
    )
    both = "the file and the platform have" if is_file_changed else "the platform has"
    text = f"{both} changed since the last apply{versions}: this replaces what is on the platform; to keep it instead, "
    return joined(text, remedy("pull", id=workflow.id))
