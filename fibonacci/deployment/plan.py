"""A deployment plan: what `apply` would do, and why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from operator import attrgetter
from pathlib import Path
from typing import Final, NoReturn, get_args

from fibonacci._text import visible
from fibonacci.definitions import DefinitionError, Problems
from fibonacci.deployment.change import DeploymentAction, DeploymentChange, change_text
from fibonacci.deployment.lock import Lock


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanBasis:
    """What a plan was made from; `apply` refuses when it has changed since."""

    lock: Lock | None = None
    """The lock file; None when there was none."""

    organization_id: str | None = None
    """The id of the organization; None when the platform has not sent it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeploymentPlan:
    """The changes that make the platform match the definitions in a folder.

    Its text lists the problems of the files, and the changes. With an error among the problems it has no changes, and
    `apply` refuses it. It belongs to one folder and one platform. It can be pickled, and applied by another process.

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

    base_url: str
    """The base URL of the platform that it was made for."""

    changes: tuple[DeploymentChange, ...] = ()
    """What `apply` would do, in order."""

    problems: Problems = field(default_factory=Problems)
    """What is wrong with the files: what `check_definition` finds with the tools of the platform, two files with one
    name, a name that another workflow on the platform has. `apply` refuses a plan with errors, but not for warnings."""

    unchanged: tuple[str, ...] = ()
    """The names of the files whose workflows are left alone, in alphabetical order."""

    _basis: PlanBasis = PlanBasis()

    @property
    def has_changes(self) -> bool:
        """Whether there is anything to do. A plan with an error among its `problems` has no changes."""
        return bool(self.changes)

    @property
    def summary(self) -> str:
        """The number of changes of each kind, and of problems, such as `1 to create, 5 unchanged, 2 warnings`."""
        counts = ((len(self.problems.errors), "error"), (len(self.problems.warnings), "warning"))
        problems = [f"{number} {noun}{'s' * (number > 1)}" for number, noun in counts if number]
        if self.problems.errors:
            return ", ".join(problems)
        actions = Counter(change.action for change in self.changes)
        parts = [f"{actions[action]} to {action}" for action in get_args(DeploymentAction) if actions[action]]
        return ", ".join([*parts, f"{len(self.unchanged)} unchanged", *problems])

    def __bool__(self) -> NoReturn:
        raise TypeError(
            "a DeploymentPlan is neither true nor false: plan.has_changes says whether there is anything to do, and"
            " plan.problems what is wrong with the files"
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
        detailed: Whether the differences between the definitions are part of it.

    Returns:
        The folder and the platform, a line for each problem, a paragraph for each change, and the summary.
    """
    place = f"{visible(str(plan.folder))} at {plan.base_url}"
    problems = ["\n".join(visible(str(problem)) for problem in plan.problems)] if plan.problems else []
    if plan.problems.errors:
        return "\n\n".join([f"Plan for {place}", *problems, f"Plan: {plan.summary}, so apply refuses it."])
    if not plan.has_changes:
        files = "1 file" if len(plan.unchanged) == 1 else f"{len(plan.unchanged)} files"
        return "\n\n".join([*problems, f"No changes: {place} matches its {files}."])
    width = max(len(visible(change.file)) for change in plan.changes)
    changes = [change_text(change, width, detailed=detailed) for change in plan.changes]
    return "\n\n".join([f"Plan for {place}", *problems, *changes, f"Plan: {plan.summary}."])


def check_plan(plan: object) -> None:
    """Refuse what is no plan, and a plan with an error among its problems.

    Raises:
        TypeError: If it is something else.
        DefinitionError: If it has an error.
    """
    if not isinstance(plan, DeploymentPlan):
        raise TypeError(f"plan must be what workflows.plan(folder) returns, not {type(plan).__name__}")
    if plan.problems.errors:
        raise DefinitionError(plan.problems)
