"""Makes a plan from the files, the state and the platform's workflows. Nothing here does any I/O."""

from __future__ import annotations

import shlex
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, cast

from fibonacci._remedies import argument, remedy
from fibonacci.definitions.checks.inputs import changes_for_callers
from fibonacci.definitions.comparison import diff
from fibonacci.definitions.graph import nodes_of, templated_values
from fibonacci.definitions.json_types import shown
from fibonacci.definitions.problems import Problem, Problems
from fibonacci.definitions.template_types import listed
from fibonacci.definitions.templates import references
from fibonacci.deployment.content import (
    SeenWorkflow,
    WorkflowContent,
    applied_digest,
    content_of_file,
    content_of_workflow,
    name_in_state,
)
from fibonacci.deployment.plan import DeploymentAction, DeploymentChange, DeploymentPlan, PlanBasis, Step, step_of
from fibonacci.deployment.state import (
    EnvironmentState,
    WorkflowState,
    is_same_platform,
    overwrite_remedy,
    pull_remedy,
    typed_folder,
)
from fibonacci.errors import DeploymentError
from fibonacci.models.workflows import Workflow


def check_moved(moved: object) -> Mapping[str, str | None]:
    """Check what the user says about renamed workflows, and return it.

    Raises:
        TypeError: If it is not a mapping of strings to strings or None.
    """
    if moved is None:
        return {}
    given = cast("Mapping[object, object]", moved)
    if not isinstance(moved, Mapping) or not all(
        isinstance(old, str) and isinstance(new, str | None) for old, new in given.items()
    ):
        requirement = "must be a mapping of old names to new ones, or to None for workflows that are gone for good"
        raise TypeError(f"{argument('moved')} {requirement}, not {shown(given)}")
    return cast("Mapping[str, str | None]", moved)


def moved_names(
    moved: Mapping[str, str | None], known: Collection[str], names: Collection[str]
) -> dict[str, str | None]:
    """Return the part of `moved` that isn't done yet.

    Args:
        moved: By name of a deployed workflow, its new name, or None if it is gone for good.
        known: The names in the state.
        names: The names in the folder.

    Raises:
        ValueError: If it names a workflow that doesn't exist, or merges two into one.
    """
    waiting: dict[str, str | None] = {}
    for old, new in moved.items():
        if (new is None or (new in known and new not in moved)) and (old not in known or old in names):
            continue  # an earlier apply did it
        if old not in known:
            raise ValueError(f"{argument('moved')} has {old!r}, but no such workflow is deployed to this environment")
        if new in known:
            raise ValueError(
                f"{argument('moved')} maps {old!r} to {new!r}, but another workflow is deployed by that name: write"
                f" name: {old} into the file instead"
            )
        if new is not None and new not in names:
            raise ValueError(f"{argument('moved')} has {new!r}, but no file in the folder has this name")
        if new is not None and new in waiting.values():
            raise ValueError(f"{argument('moved')} maps two workflows to {new!r}")
        waiting[old] = new
    return waiting


class Matches:
    """Which workflow belongs to each file.

    It is the workflow with the file's name. If the state has none, it is the one that the same file had at the last
    apply, because the workflow was renamed in the file. If that isn't enough, the user has to say which.

    Args:
        definitions: The definitions by file, all without errors.
        state: The state of the environment.
        workflows: The workflows of the platform. Those that may belong to the folder are complete.
        moved: By name of a deployed workflow, its new name, or None if it is gone for good.

    Attributes:
        names: By file, the name of its workflow in the state.
        known: By file, the state of its workflow, for files that have one.
        gone: The states of workflows that no longer have a file.
        contents: By file, what it asks for.

    Raises:
        ValueError: If `moved` has a name that doesn't exist.
    """

    def __init__(
        self,
        definitions: Mapping[str, Mapping[str, Any]],
        state: EnvironmentState,
        workflows: Sequence[Workflow],
        moved: Mapping[str, str | None],
    ) -> None:
        self._all = {workflow.id: workflow for workflow in workflows}
        self.names: dict[str, str] = {file: name_in_state(each, file) for file, each in definitions.items()}
        present = {*self.names.values()}
        self._moved = moved_names(moved, state.workflows, present)
        origins = {new: old for old, new in self._moved.items() if new is not None}
        origins |= {name: name for name in state.workflows if name not in self._moved}
        last: dict[str, list[str]] = {}  # by file, the names that it no longer has
        for name, known in state.workflows.items():
            if name not in present and name not in self._moved:
                last.setdefault(known.file, []).append(name)
        for file, name in self.names.items():
            if name not in state.workflows and name not in origins and len(renamed := last.get(file, [])) == 1:
                origins[name] = renamed[0]
        self.known: dict[str, WorkflowState] = {
            file: state.workflows[origins[name]] for file, name in self.names.items() if name in origins
        }
        taken = {known.name for known in self.known.values()}
        self.gone: list[WorkflowState] = [known for name, known in state.workflows.items() if name not in taken]
        self._workflows = self._find_workflows(state)
        self.contents: dict[str, WorkflowContent] = {
            file: content_of_file(definition, self.names[file], self.workflow_of(self.known.get(file)))
            for file, definition in definitions.items()
        }

    def workflow_of(self, known: WorkflowState | None) -> Workflow | None:
        """Return the workflow of a state, or None if the platform doesn't have it."""
        return None if known is None else self._workflows[known.name]

    def _find_workflows(self, state: EnvironmentState) -> dict[str, Workflow | None]:
        """Return the workflow of each state. After an interrupted creation, it is the only one with that content."""
        interrupted, ids = state.names_of_interrupted, state.workflow_ids
        created: dict[tuple[str, str], list[Workflow]] = {}
        for workflow in self._all.values():
            if workflow.name in interrupted and workflow.id not in ids:
                content = content_of_workflow(workflow)
                created.setdefault((content.name, applied_digest(content.with_names())), []).append(workflow)
        workflows: dict[str, Workflow | None] = {}
        for name, known in state.workflows.items():
            if known.workflow_id is not None:
                workflows[name] = self._all.get(known.workflow_id)
                continue
            candidates = created.get((name, known.applied), [])
            workflows[name] = candidates[0] if len(candidates) == 1 else None
        return workflows

    def _unclear_renames(self) -> Iterator[Problem]:
        """Yield a problem for each possible rename that neither names nor the user settle."""
        new = [(file, name) for file, name in self.names.items() if file not in self.known]
        for known in self.gone:
            if new and known.name not in self._moved and self.workflow_of(known) is not None:
                file, name = new[0]
                named = listed(repr(name) for _, name in new)
                renamed = remedy("moved", old=known.name, new=name, typed=shlex.quote(f"{known.name}={name}"))
                gone = remedy("gone", old=known.name, typed=shlex.quote(f"{known.name}="))
                message = (
                    f"{known.name!r} is gone, and {named} {'is' if len(new) == 1 else 'are'} new: if it was renamed, "
                    f"pass {renamed}, else {gone}"
                )
                yield _problem("unclear_move", file, message)

    def problems(self, folder: Path, environment: str) -> Problems:
        """Return why the files can't be deployed. Empty if they can.

        Args:
            folder: The folder of the files.
            environment: The environment to deploy to.
        """
        problems = [*self._unclear_renames()]
        files: dict[str, list[str]] = {}
        for file, content in self.contents.items():
            for name in {content.name, self.names[file]}:
                files.setdefault(name, []).append(file)
        own = {workflow.id for workflow in self._workflows.values() if workflow is not None}
        taken: dict[str | None, list[Workflow]] = {}
        for workflow in self._all.values():
            if workflow.id not in own:
                taken.setdefault(workflow.name, []).append(workflow)
        for name, of_name in files.items():
            if len(of_name) > 1:
                message = f"{' and '.join(of_name)} are both called {name!r}: each workflow needs its own name"
                problems.append(_problem("duplicate_name", of_name[0], message))
            others = taken.get(name)
            if others:
                message = _name_is_taken(
                    name, others, environment, typed_folder(folder), is_known=of_name[0] in self.known
                )
                problems.append(_problem("taken_name", of_name[0], message))
        return Problems(replace(problem, source=str(folder / str(problem.source))) for problem in problems)


def _problem(code: str, file: str, message: str) -> Problem:
    return Problem(location="", code=code, message=message, source=file)


def _name_is_taken(name: str, others: Sequence[Workflow], environment: str, folder: str, *, is_known: bool) -> str:
    start = f"{_ids(others)} on the platform {'is' if len(others) == 1 else 'are'}"
    if is_known or len(others) > 1:
        also = " also" if is_known else ""
        return f"{start}{also} called {name!r}: rename or delete it, because each workflow needs its own name"
    text = f"{start} called {name!r}, but was not deployed from this folder to this environment: "
    return f"{text}{pull_remedy(others[0].id, environment, folder)} if it belongs to this file, or rename one of them"


def _ids(workflows: Sequence[Workflow]) -> str:
    return " and ".join(workflow.id for workflow in workflows)


_ORDER: Final[Sequence[DeploymentAction]] = ("record", "update", "create", "delete")


@dataclass(frozen=True, slots=True)
class DeploymentTarget:
    """Where a folder is deployed."""

    folder: Path
    """The folder."""

    environment: str
    """The name of the environment."""

    base_url: str
    """The base URL of the platform."""

    def check_base_url(self, state: EnvironmentState | None) -> None:
        """Refuse the state of another platform.

        Raises:
            DeploymentError: If the state belongs to another platform.
        """
        if state is not None and not is_same_platform(state.base_url, self.base_url):
            raise self._refusal(f"belongs to {state.base_url}, but the client calls {self.base_url}")

    def check_organization(self, state: EnvironmentState | None, workflows: Sequence[Workflow]) -> str | None:
        """Return the organization of the workflows, if it is known, and refuse the state of another organization.

        Raises:
            DeploymentError: If the state belongs to another organization.
        """
        organizations = {
            organization_id for workflow in workflows if (organization_id := workflow.organization_id) is not None
        }
        known = None if state is None else state.organization_id
        if known is not None and organizations and known not in organizations:
            others = " and ".join(map(repr, sorted(organizations)))
            raise self._refusal(f"belongs to the organization {known!r}, but the client's key belongs to {others}")
        return known or (min(organizations) if len(organizations) == 1 else None)

    def check_any_exists(self, state: EnvironmentState | None, workflows: Sequence[Workflow]) -> None:
        """Refuse a state that probably belongs to another organization, for platforms that don't send its ID.

        Raises:
            DeploymentError: If the platform has none of the state's workflows.
        """
        ids = set[str]() if state is None else state.workflow_ids
        if len(ids) > 1 and ids.isdisjoint(workflow.id for workflow in workflows):
            raise self._refusal(
                f"has {len(ids)} workflows, but the platform has none of them: the client's key probably belongs to "
                "another organization"
            )

    def _refusal(self, reason: str) -> DeploymentError:
        start = f"environment {self.environment!r} of {str(self.folder)!r} {reason}. "
        return DeploymentError(f"{start}{remedy('another environment')}")


def make_plan(
    target: DeploymentTarget,
    definitions: Mapping[str, Mapping[str, Any]],
    warnings: Problems,
    state: EnvironmentState | None,
    workflows: Sequence[Workflow],
    moved: Mapping[str, str | None],
) -> DeploymentPlan:
    """Return the changes that make the platform match the files, or the problems that the files have with each other.

    Args:
        target: The folder, the environment and the platform.
        definitions: The definitions by file, all without errors.
        warnings: The warnings of these definitions.
        state: The state of the environment, or None if nothing was deployed to it.
        workflows: The workflows of the platform. Those that may belong to the folder are complete.
        moved: By name of a deployed workflow, its new name, or None if it is gone for good. A move that is already
            done is no error.

    Raises:
        DeploymentError: If the state can't be right. The message lists everything that is wrong with it.
        ValueError: If `moved` has a name that doesn't exist.
    """
    target.check_base_url(state)
    organization_id = target.check_organization(state, workflows)
    target.check_any_exists(state, workflows)
    if not definitions and not (state and state.workflows):
        raise DeploymentError(
            f"folder {str(target.folder)!r} has no definition: it has no *.yaml, *.yml or *.json file"
        )
    known = state or EnvironmentState(target.base_url)
    matches = Matches(definitions, known, workflows, moved)
    problems = Problems([*warnings, *matches.problems(target.folder, target.environment)])
    changes: list[DeploymentChange] = []
    if not problems.errors:
        changes = sorted(_changes(matches, target), key=lambda change: _ORDER.index(change.action))
    changed = {change.file for change in changes if step_of(change).after is not None}
    return DeploymentPlan(
        folder=target.folder,
        environment=target.environment,
        base_url=target.base_url,
        changes=tuple(changes),
        problems=problems,
        unchanged=() if problems.errors else tuple(file for file in definitions if file not in changed),
        _basis=PlanBasis(state=state, organization_id=organization_id),
    )


def tools_unchecked(definitions: Mapping[str, Mapping[str, Any]], reason: str) -> Problems:
    """Return the warning that the platform didn't list its tools, or nothing if no node uses one."""
    if not any(node.get("type") == "tool" for definition in definitions.values() for node in definition["nodes"]):
        return Problems()
    message = f"tools are not checked, because the platform does not list them: {reason}"
    return Problems([Problem(location="", code="unchecked_tools", message=message, severity="warning")])


def _changes(matches: Matches, target: DeploymentTarget) -> Iterator[DeploymentChange]:
    """Yield the changes, in the order of the files."""
    for file in matches.contents:
        known = matches.known.get(file)
        workflow = matches.workflow_of(known)
        change = _creation(matches, file) if workflow is None else _change(matches, file, workflow, target)
        if change is not None:
            yield change
    for known in matches.gone:
        yield _removal(known, matches.workflow_of(known), target)


def _change(matches: Matches, file: str, workflow: Workflow, target: DeploymentTarget) -> DeploymentChange | None:
    """Return the change that a file with a workflow needs, or None if it needs none."""
    content, known = matches.contents[file], matches.known[file]
    seen, current = SeenWorkflow.of(workflow), content_of_workflow(workflow)
    after = WorkflowState(matches.names[file], file, applied_digest(content.definition), workflow.id, seen)
    is_edited = (after.name, after.applied) != (known.name, known.applied)
    is_conflict = known.seen is not None and seen.would_lose_changes_since(known.seen, content)
    since = [f"{known.file} is now {file}"] if known.file != file else []
    if known.workflow_id is None:
        since.append(f"its creation was interrupted after {workflow.id} was created")
    # The platform may complete what it is sent. The workflow seen after the last apply then matches the file.
    if (is_edited or is_conflict) and content.digest() != current.digest():
        why = ["the file has changed"] if is_edited else []
        if is_conflict:
            why.append(_conflict(known, seen, workflow, target, is_edited=is_edited))
        return DeploymentChange(
            action="update",
            file=file,
            name=content.name,
            workflow_id=workflow.id,
            reason=": ".join([*since, ", and ".join(why)]),
            is_conflict=is_conflict,
            diff=diff(current.with_names(), content.with_names()),
            needs=_needs(content.definition, current.definition),
            breaks=tuple(changes_for_callers(current.definition, content.definition)),
            _step=Step(content=content, seen=seen, known=known, after=after),
        )
    if not is_edited and known.workflow_id is not None:
        return None
    return DeploymentChange(
        action="record",
        file=file,
        name=content.name,
        workflow_id=workflow.id,
        reason=": ".join([*(since or ["the platform already has the file's new content"]), "only the state changes"]),
        _step=Step(seen=seen, known=known, after=after),
    )


def _removal(known: WorkflowState, workflow: Workflow | None, target: DeploymentTarget) -> DeploymentChange:
    if workflow is None:
        return DeploymentChange(
            action="record",
            file=known.file,
            name=known.name,
            workflow_id=known.workflow_id,
            reason="the file is gone, and the platform no longer has its workflow: only the state changes",
            _step=Step(known=known),
        )
    content, seen = content_of_workflow(workflow), SeenWorkflow.of(workflow)
    is_conflict = known.seen is not None and seen.would_lose_changes_since(known.seen, None)
    reason = "the file is gone"
    if is_conflict:
        reason = f"{reason}, and {_conflict(known, seen, workflow, target, is_edited=False)}"
    return DeploymentChange(
        action="delete",
        file=known.file,
        name=workflow.name or known.name,
        workflow_id=workflow.id,
        reason=reason,
        is_conflict=is_conflict,
        diff=diff(content.with_names(), content.without_nodes()),
        _step=Step(seen=seen, known=known),
    )


def _creation(matches: Matches, file: str) -> DeploymentChange:
    content, known = matches.contents[file], matches.known.get(file)
    if known is None:
        reason = "the file is new"
    elif known.workflow_id is None:
        reason = "its creation was interrupted before the platform had it"
    else:
        reason = f"{known.workflow_id} was deleted on the platform, so it is created again"
    return DeploymentChange(
        action="create",
        file=file,
        name=content.name,
        workflow_id=None,
        reason=reason,
        diff=diff(content.without_nodes(), content.with_names()),
        needs=_needs(content.definition, None),
        _step=Step(
            content=content,
            known=known,
            after=WorkflowState(matches.names[file], file, applied_digest(content.definition)),
        ),
    )


def _needs(new: Mapping[str, Any], old: Mapping[str, Any] | None) -> tuple[str, ...]:
    """Return the values that a definition newly reads. Inputs of a new workflow don't count: nobody passes any."""
    sources = ("env", "secrets") if old is None else ("env", "secrets", "input")
    had = set[str]() if old is None else {*_read(old)}
    return tuple(name for name in dict.fromkeys(_read(new)) if name not in had and name.startswith(sources))


def _read(definition: Mapping[str, Any]) -> Iterator[str]:
    """Yield the values from outside the workflow that its templates read, such as `secrets.TOKEN`."""
    of_nodes = [value for node in nodes_of(definition).values() for _, value in templated_values(node)]
    for reference in references([*of_nodes, definition.get("outputs")]):
        if not reference.is_node:
            yield ".".join((reference.source, *reference.path[:1]))


def _conflict(
    known: WorkflowState, seen: SeenWorkflow, workflow: Workflow, target: DeploymentTarget, *, is_edited: bool
) -> str:
    """Return how a workflow has changed on the platform, and what to do about it."""
    before = None if known.seen is None else known.seen.version
    versions = "" if before is None or seen.version is None else f" (version {before} -> {seen.version})"
    folder = typed_folder(target.folder)
    return (
        f"the platform has changed since the last apply{versions}: {overwrite_remedy(target.environment, folder)} "
        f"replaces that, {pull_remedy(workflow.id, target.environment, folder, merge=is_edited)} "
        f"{'adds it to yours' if is_edited else 'keeps it'}"
    )
