"""From files, lock file and platform to a plan. Nothing here reads or writes anything."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from fibonacci.definitions.comparison.diff import diff
from fibonacci.definitions.problems import Problem, Problems
from fibonacci.deployment.change import DeploymentAction, DeploymentChange, Step
from fibonacci.deployment.content import SeenWorkflow, WorkflowContent, content_of_workflow
from fibonacci.deployment.lock import LOCK_NAME, Lock, LockEntry
from fibonacci.deployment.matching import Matches
from fibonacci.deployment.plan import DeploymentPlan, PlanBasis
from fibonacci.errors import DeploymentError
from fibonacci.models.workflows import Workflow

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
    told = {each for workflow in workflows if (each := workflow.organization_id) is not None}
    known = None if lock is None else lock.organization_id
    if known is not None and told and known not in told:
        others = " and ".join(map(repr, sorted(told)))
        raise DeploymentError(
            f"{folder / LOCK_NAME} belongs to the organization {known!r}, and the client's key to {others}. {_REMEDY}"
        )
    return known or (min(told) if len(told) == 1 else None)


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
    return (
        f"{both} changed since the last apply{versions}: this replaces what is on the platform; "
        f'to keep it instead, pull("{workflow.id}", folder)'
    )
