"""From files, state and platform to a plan. Nothing here reads or writes anything."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any, Final, cast

from fibonacci._remedies import argument, remedy
from fibonacci.definitions.checks.inputs import changes_for_callers
from fibonacci.definitions.comparison import diff
from fibonacci.definitions.graph import nodes_of, templated_values
from fibonacci.definitions.problems import Problem, Problems
from fibonacci.definitions.templates import references
from fibonacci.deployment.content import (
    SeenWorkflow,
    WorkflowContent,
    applied_digest,
    content_of_file,
    content_of_workflow,
)
from fibonacci.deployment.plan import DeploymentAction, DeploymentChange, DeploymentPlan, PlanBasis, Step
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

_MOST_NAMED: Final = 3


def check_moved(moved: object) -> dict[str, str | None]:
    """Return what the user says of moved files.

    Raises:
        TypeError: If it is not a mapping of strings to strings or None.
    """
    requirement = "must be a mapping of old file names to new ones, or to None for files that are gone for good, not"
    if moved is None:
        return {}
    if not isinstance(moved, Mapping):
        raise TypeError(f"{argument('moved')} {requirement} {type(moved).__name__}")
    files: dict[str, str | None] = {}
    for old, new in cast("Mapping[object, object]", moved).items():
        if not isinstance(old, str) or not isinstance(new, str | None):
            wrong = old if not isinstance(old, str) else new
            raise TypeError(f"{argument('moved')} {requirement} one with {type(wrong).__name__}")
        files[old] = new
    return files


def moved_files(
    moved: Mapping[str, str | None], known: Collection[str], definitions: Collection[str]
) -> dict[str, str | None]:
    """Return which file of the state has become which, by their whole names.

    Args:
        moved: The same by stems or whole names, as the user gives it.
        known: The files of the state.
        definitions: The files of the folder.

    Raises:
        ValueError: If it names a file that is not there, or one of several with its stem, or one twice.
    """
    deployed, present = _files_by_name(known), _files_by_name(definitions)
    files: dict[str, str | None] = {}
    became: dict[str, str] = {}
    for old, new in moved.items():
        if old not in deployed and (new is None or new in deployed):
            continue  # an apply that ended early has done it
        file = _the_file(old, deployed, "deployed to this environment")
        if file in files:
            raise ValueError(f"{argument('moved')} has {file} twice")
        files[file] = None if new is None else _the_file(new, present, "in the folder")
        if new is not None and became.setdefault(str(files[file]), file) != file:
            raise ValueError(f"{argument('moved')} maps two files to {files[file]}")
    return files


def _files_by_name(files: Collection[str]) -> dict[str, list[str]]:
    """Return files by their stems, and each by its whole name."""
    by_name: dict[str, list[str]] = {}
    for file in sorted(files):
        by_name.setdefault(PurePath(file).stem, []).append(file)
    return by_name | {file: [file] for file in files}


def _brief(file: str, by_name: Mapping[str, Sequence[str]]) -> str:
    """Return the stem of a file, or its whole name if the stem could be another file."""
    stem = PurePath(file).stem
    return stem if by_name[stem] == [file] else file


def _the_file(name: str, files: Mapping[str, Sequence[str]], where: str) -> str:
    of_name = files.get(name, ())
    if len(of_name) == 1:
        return of_name[0]
    if of_name:
        raise ValueError(f"{argument('moved')} has {name!r}, which could be {_and(of_name)}: write the full name")
    raise ValueError(f"{argument('moved')} has {name!r}, but no such file is {where}")


class Matches:
    """Which workflow belongs to each file, and which to each state.

    The name in a file decides which workflow it is. Without a name, it is the workflow that the same file had at the
    last apply. If neither is enough, for example because a file was renamed, the user says which.

    Args:
        definitions: The definitions by file, all without errors.
        state: The state of the environment.
        workflows: The workflows of the platform, complete where they may be those of the folder.
        moved: By file of the state, the file that it was moved to, or None if it was removed for good.

    Attributes:
        origins: By file, the file that its state is stored under, which is another one if the file was moved.
        workflows: By file of the state, the workflow, or None when the platform does not have it.
        contents: By file, what it asks for.
        gone: The states whose file is gone, and has not moved.
    """

    def __init__(
        self,
        definitions: Mapping[str, Mapping[str, Any]],
        state: EnvironmentState,
        workflows: Sequence[Workflow],
        moved: Mapping[str, str | None],
    ) -> None:
        self._all = {workflow.id: workflow for workflow in workflows}
        self._state = state
        self._definitions = definitions
        self._applied: dict[str, str] = {}
        self._moved = {old: new for old, new in moved.items() if not self._is_done(old, new)}
        self._ambiguous: dict[str, tuple[str, str]] = {}  # by the name of the workflow, the file and what is wrong
        created = self._unknown_by_content()
        self.workflows: dict[str, Workflow | None] = {
            file: self._workflow_of(file, known, created) for file, known in state.workflows.items()
        }
        self.origins: dict[str, str] = self._find_origins()
        taken = set(self.origins.values())
        self.gone: dict[str, WorkflowState] = {
            file: known for file, known in state.workflows.items() if file not in taken
        }
        self.contents: dict[str, WorkflowContent] = {
            file: content_of_file(definition, PurePath(file).stem, self.workflows.get(self.origins.get(file, "")))
            for file, definition in definitions.items()
        }

    def _is_done(self, old: str, new: str | None) -> bool:
        """Tell whether a move was applied before: another file has taken the old place, and nothing changed since."""
        file = old if new is None else new
        known = self._state.workflows.get(file)
        is_there = old in self._definitions and file in self._definitions
        return is_there and known is not None and not self.is_edited(file, known)

    def _unknown_by_content(self) -> dict[tuple[str, str], list[Workflow]]:
        """Return the workflows that may be what an interrupted creation has created, by name and digest."""
        names, known = self._state.names_of_interrupted, self._state.workflow_ids
        created: dict[tuple[str, str], list[Workflow]] = {}
        for workflow in self._all.values():
            if workflow.name in names and workflow.id not in known:
                content = content_of_workflow(workflow)
                created.setdefault((content.name, applied_digest(content.merged())), []).append(workflow)
        return created

    def _workflow_of(
        self, file: str, known: WorkflowState, created: Mapping[tuple[str, str], Sequence[Workflow]]
    ) -> Workflow | None:
        """Return the workflow of a state, which is found by its content if its creation was interrupted."""
        if known.workflow_id is not None:
            return self._all.get(known.workflow_id)
        candidates = created.get((known.name, known.applied), ())
        if len(candidates) > 1 and known.name not in self._ambiguous:
            message = (
                f"its creation was interrupted, and {_ids(candidates)} are all called {known.name!r} and have the "
                "content it was created with: delete all but one"
            )
            self._ambiguous[known.name] = (file, message)
        return candidates[0] if len(candidates) == 1 else None

    def _find_origins(self) -> dict[str, str]:
        origins = {new: old for old, new in self._moved.items() if new is not None}
        taken = {*self._moved}
        files_of_name: dict[str, list[str]] = {}
        for file, definition in self._definitions.items():
            if file not in origins and (name := definition.get("name")):
                files_of_name.setdefault(name, []).append(file)
        states_of_name: dict[str, list[str]] = {}
        for file, known in self._state.workflows.items():
            if file not in taken and not self._is_as_applied_without_name(file, known):
                states_of_name.setdefault(known.name, []).append(file)
        for name, files in files_of_name.items():
            of_name = states_of_name.get(name, [])
            if len(files) == len(of_name) == 1:
                origins[files[0]] = of_name[0]
        taken.update(origins.values())
        by_stem: dict[str, list[str]] = {}
        for file in self._state.workflows:
            if file not in taken and file not in self._definitions:
                by_stem.setdefault(PurePath(file).stem, []).append(file)
        for file in self._definitions:
            if file not in origins:
                of_stem = by_stem.pop(PurePath(file).stem, []) if file not in self._state.workflows else [file]
                if len(of_stem) == 1 and of_stem[0] not in taken:  # such as one of YAML that was one of JSON
                    origins[file] = of_stem[0]
        return origins

    def _is_as_applied_without_name(self, file: str, known: WorkflowState) -> bool:
        """Tell whether a file without a name asks for what it did, so that its workflow can only be its own."""
        definition = self._definitions.get(file)
        return definition is not None and not definition.get("name") and self.applied(file) == known.applied

    def _unclear(self) -> Iterator[tuple[str, str, str]]:
        """Yield what neither names nor the user say about moved files."""
        gone = [file for file in self.gone if file not in self._moved and self.workflows[file] is not None]
        new = [file for file in self._definitions if file not in self.origins]
        deployed, present = _files_by_name(self._state.workflows), _files_by_name(self._definitions)
        for file in gone:
            if new:
                more = [f"{len(new) - _MOST_NAMED} more"] if len(new) > _MOST_NAMED else []
                old = _brief(file, deployed)
                yield (
                    "unclear_move",
                    new[0],
                    f"{file} is gone, and {_and([*new[:_MOST_NAMED], *more])} {'is' if len(new) == 1 else 'are'} new: "
                    f"if it has moved, pass {remedy('moved', old=old, new=_brief(new[0], present))}, else "
                    f"{remedy('gone', old=old)}",
                )
        applied: dict[str, list[str]] = {}
        for file, state in self._state.workflows.items():
            applied.setdefault(state.applied, []).append(file)
        for file, definition in self._definitions.items():
            known = self._state.workflows.get(file)
            if known is None or self.origins.get(file) != file or file in self._moved or definition.get("name"):
                continue
            digest = self.applied(file)
            if digest != known.applied and (others := applied.get(digest)):
                old, old_other = _brief(file, deployed), _brief(others[0], deployed)
                yield "unclear_move", file, _asked_for_a_swap(file, others[0], old, old_other, _brief(file, present))

    def applied(self, file: str) -> str:
        """Return the hash of what a file asks for, without a name."""
        digest = self._applied.get(file)
        if digest is None:
            digest = self._applied[file] = applied_digest(self._definitions[file])
        return digest

    def is_edited(self, file: str, known: WorkflowState) -> bool:
        """Tell whether a file asks for something else than at the last apply."""
        name = self._definitions[file].get("name") or known.name
        return name != known.name or self.applied(file) != known.applied

    def problems(self, folder: Path, environment: str) -> Problems:
        """Return why the files cannot be deployed. Empty when they can.

        Args:
            folder: The folder of the files.
            environment: What it is deployed to.
        """
        problems = [("ambiguous_creation", file, message) for file, message in self._ambiguous.values()]
        problems += self._unclear()
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
                message = f"{' and '.join(of_name)} are both called {name!r}: each workflow needs its own name"
                problems.append(("duplicate_name", of_name[0], message))
            others = taken.get(name)
            if others and name not in self._ambiguous:
                message = _name_is_taken(
                    name, others, environment, typed_folder(folder), is_known=of_name[0] in self.origins
                )
                problems.append(("taken_name", of_name[0], message))
        return Problems(
            Problem(location="", code=code, message=message, source=str(folder / file))
            for code, file, message in problems
        )


def _name_is_taken(name: str, others: Sequence[Workflow], environment: str, folder: str, *, is_known: bool) -> str:
    start = f"{_ids(others)} on the platform {'is' if len(others) == 1 else 'are'}"
    if is_known or len(others) > 1:
        also = " also" if is_known else ""
        return f"{start}{also} called {name!r}: rename or delete it, because each workflow needs its own name"
    text = f"{start} called {name!r}, but was not deployed from this folder to this environment: "
    return f"{text}{pull_remedy(others[0].id, environment, folder)} if it belongs to this file, or rename one of them"


def _asked_for_a_swap(file: str, other: str, old: str, old_other: str, new: str) -> str:
    start = (
        f"{file} has the content that {other} had at the last apply, and the names do not tell which workflow it is: "
    )
    moved, stayed = remedy("moved", old=old_other, new=new), remedy("moved", old=old, new=new)
    return f"{start}if it has moved, pass {moved}, else {stayed}"


def _and(names: Sequence[str]) -> str:
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))


def _ids(workflows: Sequence[Workflow]) -> str:
    return " and ".join(workflow.id for workflow in workflows)


_ORDER: Final[Sequence[DeploymentAction]] = ("record", "update", "create", "delete")


@dataclass(frozen=True, slots=True)
class DeploymentTarget:
    """What a folder is deployed to."""

    folder: Path
    """The folder."""

    environment: str
    """The name of the environment."""

    base_url: str
    """The base URL of the platform."""

    def check_base_url(self, state: EnvironmentState | None) -> None:
        """Refuse the state of another platform.

        Raises:
            DeploymentError: If it is one.
        """
        if state is not None and not is_same_platform(state.base_url, self.base_url):
            raise self._refusal(f"belongs to {state.base_url}, but the client calls {self.base_url}")

    def check_organization(self, state: EnvironmentState | None, workflows: Sequence[Workflow]) -> str | None:
        """Return the organization that workflows belong to, as far as it is known, and refuse the state of another one.

        Raises:
            DeploymentError: If it is one.
        """
        organizations = {
            organization_id for workflow in workflows if (organization_id := workflow.organization_id) is not None
        }
        known = None if state is None else state.organization_id
        if known is not None and organizations and known not in organizations:
            others = " and ".join(map(repr, sorted(organizations)))
            raise self._refusal(f"belongs to the organization {known!r}, but the client's key belongs to {others}")
        return known or (min(organizations) if len(organizations) == 1 else None)

    def check_any_is_there(self, state: EnvironmentState | None, workflows: Sequence[Workflow]) -> None:
        """Refuse a state that is probably another organization's, where the platform does not send its ID.

        Raises:
            DeploymentError: If it is one.
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
        state: The state of the environment, or None when nothing was deployed to it.
        workflows: The workflows of the platform, complete where they may be those of the folder.
        moved: By file or stem of the state, the file or stem that it was moved to, or None if it was removed for good.
            A move that is done already is no error.

    Raises:
        DeploymentError: If the state cannot be right. The message has everything that is wrong with it.
        ValueError: If `moved` has a file that is not there.
    """
    target.check_base_url(state)
    organization_id = target.check_organization(state, workflows)
    target.check_any_is_there(state, workflows)
    if not definitions and not (state and state.workflows):
        raise DeploymentError(
            f"folder {str(target.folder)!r} has no definition: it has no *.yaml, *.yml or *.json file"
        )
    known = state or EnvironmentState(target.base_url)
    matches = Matches(definitions, known, workflows, moved_files(moved, known.workflows, definitions))
    problems = Problems([*warnings, *matches.problems(target.folder, target.environment)])
    changes: list[DeploymentChange] = []
    if not problems.errors:
        changes = sorted(_changes(matches, known, target), key=lambda change: _ORDER.index(change.action))
    changed = {change.file for change in changes}
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
    """Return the warning that the platform did not list its tools, or none where no node has one."""
    if not any(node.get("type") == "tool" for definition in definitions.values() for node in definition["nodes"]):
        return Problems()
    message = f"tools are not checked, because the platform does not list them: {reason}"
    return Problems([Problem(location="", code="unchecked_tools", message=message, severity="warning")])


def _changes(matches: Matches, state: EnvironmentState, target: DeploymentTarget) -> Iterator[DeploymentChange]:
    """Yield the changes, in the order of the files."""
    for file, content in matches.contents.items():
        origin = matches.origins.get(file)
        if origin is None:
            yield _creation(file, content, "the file is new")
        elif change := _change(matches, file, origin, state.workflows[origin], target):
            yield change
    for file, known in matches.gone.items():
        yield _removal(file, known, matches.workflows[file], target)


def _change(
    matches: Matches, file: str, origin: str, known: WorkflowState, target: DeploymentTarget
) -> DeploymentChange | None:
    """Return what a file needs that has a state, or None for nothing."""
    content, workflow = matches.contents[file], matches.workflows[origin]
    previous = None if origin == file else origin
    since = [] if previous is None else [f"{previous} is now {file}"]
    if workflow is None:
        if known.workflow_id is None:
            since.append("its creation was interrupted before the platform had it")
        else:
            since.append(f"{known.workflow_id} was deleted on the platform, so it is created again")
        return _creation(file, content, ": ".join(since), previous, known)
    if known.workflow_id is None:
        since.append(f"its creation was interrupted after {workflow.id} was created")
    seen, current = SeenWorkflow.of(workflow), content_of_workflow(workflow)
    is_edited = matches.is_edited(file, known)
    is_conflict = known.seen is not None and seen.loses(known.seen, content)
    # The platform may complete what it is sent. What was seen after the last apply then matches the file.
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
            diff=diff(current.merged(), content.merged()),
            needs=_needs(content.definition, current.definition),
            breaks=tuple(changes_for_callers(current.definition, content.definition)),
            _step=Step(content=content, applied=matches.applied(file), seen=seen, known=known, previous_file=previous),
        )
    if not (since or is_edited):
        return None
    kept = WorkflowState(content.name, matches.applied(file), workflow.id, seen)
    return DeploymentChange(
        action="record",
        file=file,
        name=content.name,
        workflow_id=workflow.id,
        reason=": ".join([*(since or ["the platform already has the file's new content"]), "only the state changes"]),
        _step=Step(seen=seen, known=known, recorded=kept, previous_file=previous),
    )


def _removal(file: str, known: WorkflowState, workflow: Workflow | None, target: DeploymentTarget) -> DeploymentChange:
    if workflow is None:
        reason = "the file is gone, and the platform no longer has its workflow: only the state changes"
        return DeploymentChange(
            action="record",
            file=file,
            name=known.name,
            workflow_id=known.workflow_id,
            reason=reason,
            _step=Step(known=known),
        )
    content, seen = content_of_workflow(workflow), SeenWorkflow.of(workflow)
    is_conflict = known.seen is not None and seen.loses(known.seen, None)
    reason = "the file is gone"
    if is_conflict:
        reason = f"{reason}, and {_conflict(known, seen, workflow, target, is_edited=False)}"
    return DeploymentChange(
        action="delete",
        file=file,
        name=workflow.name or known.name,
        workflow_id=workflow.id,
        reason=reason,
        is_conflict=is_conflict,
        diff=diff(content.merged(), content.without_nodes()),
        _step=Step(seen=seen, known=known),
    )


def _creation(
    file: str,
    content: WorkflowContent,
    reason: str,
    previous: str | None = None,
    known: WorkflowState | None = None,
) -> DeploymentChange:
    applied = applied_digest(content.definition)
    interrupted = known if known is not None and known.workflow_id is None else None
    return DeploymentChange(
        action="create",
        file=file,
        name=content.name,
        workflow_id=None,
        reason=reason,
        diff=diff(content.without_nodes(), content.merged()),
        needs=_needs(content.definition, None),
        _step=Step(
            content=content,
            applied=applied,
            known=known,
            is_resumed=interrupted is not None and (interrupted.name, interrupted.applied) == (content.name, applied),
            previous_file=previous,
        ),
    )


def _needs(new: Mapping[str, Any], old: Mapping[str, Any] | None) -> tuple[str, ...]:
    """Return the values that a definition reads, but an older one doesn't. Nobody passes inputs to a new workflow."""
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
    """Return what has become of a workflow on the platform, and how that is settled."""
    before = None if known.seen is None else known.seen.version
    versions = "" if before is None or seen.version is None else f" (version {before} -> {seen.version})"
    folder = typed_folder(target.folder)
    return (
        f"the platform has changed since the last apply{versions}: {overwrite_remedy(target.environment, folder)} "
        f"replaces that, {pull_remedy(workflow.id, target.environment, folder, merge=is_edited)} "
        f"{'adds it to yours' if is_edited else 'keeps it'}"
    )
