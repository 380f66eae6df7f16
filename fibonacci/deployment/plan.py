"""A deployment plan: what `apply` would do and why, what it has done, and a plan saved to a file for later."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from hashlib import sha256
from operator import attrgetter
from pathlib import Path, PurePath
from typing import Annotated, Any, Final, Literal, NoReturn, get_args

from pydantic import BaseModel, Field

from fibonacci._remedies import argument, remedy
from fibonacci._system.files import write_file
from fibonacci._texts.text import counted, visible
from fibonacci.definitions import DefinitionError, Problems
from fibonacci.definitions.comparison import DefinitionDiff, diff_text
from fibonacci.definitions.files.source import FORMATS
from fibonacci.definitions.json_types import is_object
from fibonacci.deployment.content import SeenWorkflow, WorkflowContent
from fibonacci.deployment.folder import check_path
from fibonacci.deployment.state import (
    EnvironmentState,
    WorkflowState,
    environment_name,
    error_reason,
    overwrite_remedy,
    pull_remedy,
    relative_folder,
    typed_folder,
)
from fibonacci.errors import DeploymentError
from fibonacci.models.workflows import Workflow

DeploymentAction = Literal["record", "update", "create", "delete"]
"""The kinds of change, in the order in which `apply` makes them. `record` changes only what is recorded in
`.fibonacci/`."""

MOST_COUNTED: Final = 200
"""How many executions of a workflow are counted at most: one page."""

_SIGNS: Final[dict[DeploymentAction, str]] = {"record": ".", "update": "~", "create": "+", "delete": "-"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What `apply` needs to know to make a change, besides what the change shows to its reader."""

    content: WorkflowContent | None = None
    """What to send, or None if nothing is sent."""

    seen: SeenWorkflow | None = None
    """The workflow when the plan was made, or None if there was none. `apply` refuses if it has changed since."""

    known: WorkflowState | None = None
    """The previous state of the workflow, or None."""

    after: WorkflowState | None = None
    """Its new state, as far as that is known before the change is made, or None to remove it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeploymentChange:
    """One change that `client.workflows.apply` would make or has made.

    Example:
        ```python
        from pathlib import Path

        Path("flows").mkdir()
        Path("flows", "hello.json").write_text('{"nodes": [{"id": "hi", "type": "llm", "instruction": "Say hi"}]}')
        (change,) = client.workflows.plan("flows").changes
        print(change.action, change.file)  # prints: create hello.json
        ```
    """

    action: DeploymentAction
    """What to do: `create`, `update` or `delete` a workflow. `record` changes only the notes in
    `.fibonacci/` about what is deployed."""

    file: str
    """The name of the file, or the name that it had if it was removed."""

    name: str
    """The name of the workflow after the change, or before it if the workflow is deleted."""

    workflow_id: str | None
    """The ID of the workflow, or None if it has yet to be created."""

    reason: str
    """Why the change is needed, in words."""

    is_conflict: bool = False
    """Whether this change would replace or delete what somebody has changed on the platform since the last apply.
    `apply` then needs `overwrite=True`, while `pull` keeps what they changed."""

    diff: DefinitionDiff = field(default=DefinitionDiff(), repr=False)
    """How the definition on the platform will change."""

    needs: tuple[str, ...] = ()
    """What the definition newly reads, such as `secrets.TOKEN`, `env.REGION` or `input.city`. For a workflow that has
    yet to be created, these are secrets and environment variables only."""

    breaks: tuple[str, ...] = ()
    """What breaks programs that run the workflow, such as `input.city is required now` and `input.town is gone`."""

    running: int | None = None
    """The number of executions of the workflow that were running at the plan, up to 200. None if that is unknown, or
    if the change neither updates nor deletes a workflow."""

    _step: Annotated[Step, Field(alias="step")] = field(default=Step(), repr=False)

    def __str__(self) -> str:
        return change_text(self)


step_of: Final[Callable[[DeploymentChange], Step]] = attrgetter("_step")
"""Return what `apply` needs to know to make a change."""


def change_text(change: DeploymentChange, width: int = 0, *, detailed: bool = True) -> str:
    """Return what a change does, with its reason, its effects and the difference indented below.

    Args:
        change: The change.
        width: The minimum width of the file name, so that several changes align.
        detailed: Whether to include the whole difference, not only that of the name and the description.

    Returns:
        A line, and indented lines below it.
    """
    seen = step_of(change).seen
    version = "" if seen is None or seen.version is None else f", version {seen.version}"
    workflow = "" if change.workflow_id is None else f" ({change.workflow_id}{version})"
    sign = "!" if change.is_conflict else _SIGNS[change.action]
    head = f"{sign} {change.action} {visible(change.file):{width}}  {change.name!r}{workflow}"
    shown = [each for each in change.diff.changes if detailed or each.location in ("name", "description")]
    difference = diff_text(shown).splitlines() if shown else []
    lines = (*map(visible, (change.reason, *effects_of(change))), *difference)
    return "\n".join([head, *(f"    {line}" for line in lines)])


def effects_of(change: DeploymentChange) -> list[str]:
    """Return what a change newly needs, what it breaks, and what is running, each in words."""
    effects: list[str] = []
    if change.needs:
        effects.append(f"newly needs {', '.join(change.needs)}")
    if change.breaks:
        effects.append(f"breaks callers: {', '.join(change.breaks)}")
    if change.running:
        number = f"{change.running} or more" if change.running >= MOST_COUNTED else change.running
        effects.append(f"{number} {'execution is' if change.running == 1 else 'executions are'} running")
    return effects


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanBasis:
    """The state that a plan is based on. `apply` refuses the plan if it has changed since."""

    state: EnvironmentState | None = None
    """The state of the environment, or None if nothing was deployed to it."""

    organization_id: str | None = None
    """The ID of the organization, or None if the platform hasn't sent it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeploymentPlan:
    """The changes that make the platform match the definitions in a folder.

    Print it to see the problems in the files, and the changes. If there is an error among the problems, the plan has no
    changes, and `apply` refuses it. A plan is for one folder and one environment. You can save it, and apply it in
    another process.

    Example:
        ```python
        from pathlib import Path

        Path("flows").mkdir()
        Path("flows", "hello.json").write_text('{"nodes": [{"id": "hi", "type": "llm", "instruction": "Say hi"}]}')
        plan = client.workflows.plan("flows")
        print(plan.summary)  # prints: 1 to create, 0 unchanged
        if plan.has_changes:
            client.workflows.apply(plan)
        ```
    """

    folder: Path
    """The absolute path of the folder."""

    environment: str
    """The name of the environment."""

    base_url: str
    """The base URL of the platform that the plan is for."""

    changes: tuple[DeploymentChange, ...] = ()
    """What `apply` would do, in order."""

    problems: Problems = field(default_factory=Problems)
    """What is wrong with the files. This includes everything that `check_definition` finds if it gets the platform's
    tools. It also includes names of workflows that another file or the platform already has. `apply` refuses a plan
    with errors, but not one that has only warnings."""

    unchanged: tuple[str, ...] = ()
    """The names of the files whose workflows stay as they are, in alphabetical order."""

    _basis: Annotated[PlanBasis, Field(alias="basis")] = PlanBasis()

    @property
    def has_changes(self) -> bool:
        """Whether there is anything to do. A plan with an error among its `problems` has no changes."""
        return bool(self.changes)

    @property
    def summary(self) -> str:
        """The number of changes of each kind and of problems, such as `1 to create, 5 unchanged, 2 warnings`."""
        counts = ((len(self.problems.errors), "error"), (len(self.problems.warnings), "warning"))
        problems = [counted(number, noun) for number, noun in counts if number]
        if self.problems.errors:
            return ", ".join(problems)
        actions = Counter(change.action for change in self.changes)
        parts = [f"{actions[action]} to {action}" for action in get_args(DeploymentAction) if actions[action]]
        conflicts = sum(change.is_conflict for change in self.changes)
        parts += [counted(conflicts, "conflict")] * bool(conflicts)
        return ", ".join([*parts, f"{len(self.unchanged)} unchanged", *problems])

    def save(self, path: str | os.PathLike[str]) -> None:
        """Save the plan as a JSON file, so that you can review it and apply exactly this plan later, on any machine.

        The file has everything that `apply` sends, so the definitions aren't read again. It contains no secrets.
        `apply` refuses the plan if the state of its environment, or a workflow on the platform, has changed since.

        Args:
            path: The file, which is replaced if it exists. The folder's path is saved relative to this file. In another
                checkout, put the file in the same place, or pass `folder` to `load`.

        Raises:
            TypeError: If `path` is not a str or a path object.
            ValueError: If the file would be one of the folder's definitions.
            OSError: If the file can't be written.

        Example:
            ```python
            from pathlib import Path

            from fibonacci import DeploymentPlan

            Path("flows").mkdir()
            Path("flows", "hello.json").write_text('{"nodes": [{"id": "hi", "type": "llm", "instruction": "Say hi"}]}')
            client.workflows.plan("flows").save("plan.json")
            print(client.workflows.apply(DeploymentPlan.load("plan.json")).changes[0].action)  # prints: create
            ```
        """
        check_path(path, "path must be the path of a file")
        file = Path(path).absolute()
        if file.suffix.lower() in FORMATS and file.parent.resolve() == self.folder.resolve():
            raise ValueError(
                f"{visible(str(path))} would be read as one of the folder's definitions: save the plan somewhere else"
            )
        inside = f"{self.folder}{os.sep}"
        problems = Problems(
            replace(each, source=each.source and each.source.removeprefix(inside)) for each in self.problems
        )
        folder = PurePath(relative_folder(file.parent, self.folder)).as_posix()
        relative = replace(self, folder=Path(folder), problems=problems)
        saved = SavedPlan.model_construct(format=FORMAT, plan=relative)
        content = saved.model_dump(mode="json", by_alias=True)
        write_file(path, json.dumps({"digest": file_digest(content), **content}, indent=2) + "\n")

    @classmethod
    def load(cls, path: str | os.PathLike[str], *, folder: str | os.PathLike[str] | None = None) -> DeploymentPlan:
        """Read a plan that `save` wrote.

        Args:
            path: The file.
            folder: The folder with the definitions, if it isn't where the plan expects it, as in another checkout.
                Default: the folder that the plan was made for, found relative to the file.

        Returns:
            The plan as it was saved, with the absolute path of its folder.

        Raises:
            TypeError: If `path` or `folder` is not a str or a path object.
            DeploymentError: If the file isn't a plan, was changed since it was saved, or was written by a newer
                version.
            OSError: If the file can't be read.

        Example:
            ```python
            from pathlib import Path

            from fibonacci import DeploymentPlan

            Path("flows").mkdir()
            Path("flows", "hello.json").write_text('{"nodes": [{"id": "hi", "type": "llm", "instruction": "Say hi"}]}')
            client.workflows.plan("flows").save("plan.json")
            print(DeploymentPlan.load("plan.json").summary)  # prints: 1 to create, 0 unchanged
            ```
        """
        check_path(path, "path must be the path of a file")
        if folder is not None:
            check_path(folder, "folder must be the path of a folder")
        plan = _parse(Path(path).read_bytes(), visible(os.fspath(path)))
        beside = Path(os.path.normpath(Path(path).absolute().parent / plan.folder))
        place = beside if folder is None else Path(folder).absolute()
        problems = Problems(replace(each, source=each.source and str(place / each.source)) for each in plan.problems)
        return replace(plan, folder=place, problems=problems)

    def __bool__(self) -> NoReturn:
        raise TypeError(
            "a DeploymentPlan is neither true nor false: check plan.has_changes to see whether there is anything to "
            "do, and plan.problems to see what is wrong with the files"
        )

    def __str__(self) -> str:
        return plan_text(self)

    def __repr__(self) -> str:
        return f"<DeploymentPlan {str(self.folder)!r}: {self.summary}>"


basis_of: Final[Callable[[DeploymentPlan], PlanBasis]] = attrgetter("_basis")
"""Return what a plan was made from."""


def plan_text(plan: DeploymentPlan, *, detailed: bool = True) -> str:
    """Return the problems and the changes of a plan as text.

    Args:
        plan: The plan.
        detailed: Whether to include the differences between the definitions.

    Returns:
        The folder and the platform, a line for each problem, a paragraph for each change, and the summary.
    """
    place = f"{visible(str(plan.folder))} in {plan.environment} at {plan.base_url}"
    problems = ["\n".join(visible(str(problem)) for problem in plan.problems)] if plan.problems else []
    if plan.problems.errors:
        return "\n\n".join([f"Plan for {place}", *problems, f"Plan: {plan.summary}. apply refuses this plan."])
    if not plan.has_changes:
        files = "1 file" if len(plan.unchanged) == 1 else f"{len(plan.unchanged)} files"
        text = f"No changes: {visible(str(plan.folder))} ({files}) matches {plan.environment} at {plan.base_url}."
        return "\n\n".join([*problems, text])
    width = max(len(visible(change.file)) for change in plan.changes)
    changes = [change_text(change, width, detailed=detailed) for change in plan.changes]
    return "\n\n".join([f"Plan for {place}", *problems, *changes, f"Plan: {plan.summary}."])


CONFLICT: Final = "conflict"


def check_plan(plan: object, *, allow_delete: bool, allow_empty: bool, overwrite: bool) -> None:
    """Refuse anything but a plan, a plan with errors, and a plan that does more than is allowed.

    Args:
        plan: The plan.
        allow_delete: Whether it may delete workflows.
        allow_empty: Whether it may delete the workflows of a folder that has no definitions left.
        overwrite: Whether it may replace or delete what was changed on the platform.

    Raises:
        TypeError: If it isn't a plan.
        DefinitionError: If it has an error.
        DeploymentError: If it does something that is not allowed. For a conflict, the code is `conflict`.
    """
    if not isinstance(plan, DeploymentPlan):
        raise TypeError(
            f"plan must be a DeploymentPlan, as workflows.plan(folder) returns it, not {type(plan).__name__}"
        )
    if plan.problems.errors:
        raise DefinitionError(plan.problems)
    removed = [f"{change.name!r} ({change.workflow_id})" for change in plan.changes if change.action == "delete"]
    is_emptied = is_emptying(plan)
    if removed and not (allow_delete and (allow_empty or not is_emptied)):
        options = argument("allow_delete", True) + f" and {argument('allow_empty', True)}" * is_emptied
        raise DeploymentError(
            f"the plan deletes {', '.join(removed)}{', because no definition is left in the folder' * is_emptied}: pass"
            f" {options} if you mean to delete, or restore the files. Nothing was done."
        )
    changed = {str(change.workflow_id): change.name for change in plan.changes if change.is_conflict}
    if changed and not overwrite:
        names = ", ".join(f"{name!r} ({workflow_id})" for workflow_id, name in changed.items())
        were, keep = ("was", "keeps") if len(changed) == 1 else ("were", "keep")
        folder = typed_folder(plan.folder)
        pulls = ", ".join(pull_remedy(id, plan.environment, folder) for id in changed)
        raise DeploymentError(
            f"{names} {were} changed on the platform since the last apply: {pulls} {keep} the platform's version, "
            f"{overwrite_remedy(plan.environment, folder)} replaces it. Nothing was done.",
            code=CONFLICT,
        )


def is_emptying(plan: DeploymentPlan) -> bool:
    """Tell whether the folder of a plan has no definitions left."""
    steps = map(step_of, plan.changes)
    return not plan.unchanged and all(step.after is None for step in steps)


_DONE: Final[dict[DeploymentAction, str]] = {
    "record": "recorded",
    "update": "updated",
    "create": "created",
    "delete": "deleted",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class DeploymentResult:
    """What `client.workflows.apply` has done, which is everything in its plan.

    Print it to see one line for each change.

    Example:
        ```python
        from pathlib import Path

        Path("flows").mkdir()
        Path("flows", "hello.json").write_text('{"nodes": [{"id": "hi", "type": "llm", "instruction": "Say hi"}]}')
        result = client.workflows.apply(client.workflows.plan("flows"))
        print(result.workflows["hello.json"].id)
        ```
    """

    folder: Path
    """The absolute path of the folder."""

    changes: tuple[DeploymentChange, ...]
    """The changes that were made, in order."""

    workflows: Mapping[str, Workflow]
    """The workflows that were created or updated, by the name of the file."""

    def __bool__(self) -> NoReturn:
        raise TypeError("a DeploymentResult is neither true nor false: result.changes lists what was done")

    def __str__(self) -> str:
        if not self.changes:
            return "Nothing was done."
        return "\n".join(map(done_text, self.changes))

    def __repr__(self) -> str:
        return f"<DeploymentResult {str(self.folder)!r}: {len(self.changes)} done>"


def done_text(change: DeploymentChange) -> str:
    """Return what was done, in a line."""
    where = change.workflow_id or "in the state"
    return f"{_DONE[change.action]} {visible(change.file)}  {change.name!r} ({where})"


# The file has the plan's fields as they are, so a new field is saved without a change here. The digest shows whether a
# plan was edited or damaged after its review. Places are relative, because a checkout may move.

FORMAT: Final = 1


class SavedPlan(BaseModel, extra="forbid", defer_build=True):
    """The content of a file, without its digest."""

    format: Literal[1]
    """The format."""

    plan: DeploymentPlan
    """The plan. The folder is relative to the file, and the places of problems are relative to the folder."""


def file_digest(content: Mapping[str, Any]) -> str:
    """Return the hash of a file's content, which the file has as its `digest`."""
    return f"sha256:{sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()}"


def _parse(text: bytes, place: str) -> DeploymentPlan:
    """Return the plan that is in a file.

    Raises:
        DeploymentError: If it isn't a saved plan, or was changed since it was saved.
    """
    try:
        content: Any = json.loads(text)
    except (ValueError, RecursionError):
        content = None
    if not (is_object(content) and {"format", "digest", "plan"} <= {*content}):
        raise _refusal(f"{place} is not a saved plan")
    content = dict(content)
    digest, written = content.pop("digest"), content["format"]
    if isinstance(written, int) and written > FORMAT:
        raise DeploymentError(
            f"{place} has the format {written}, but this version of fibonacci-sdk reads {FORMAT}: upgrade fibonacci-sdk"
        )
    if digest != file_digest(content):
        raise _refusal(f"{place} has been changed since it was saved")
    try:
        saved = SavedPlan.model_validate(content)
        environment_name(saved.plan.environment, None)  # the environment is the name of a folder
    except ValueError as error:
        raise _refusal(f"{place} cannot be applied ({error_reason(error)})") from None
    return saved.plan


def _refusal(reason: str) -> DeploymentError:
    return DeploymentError(f"{reason}: make a new plan and save it with {remedy('save a plan')}")
