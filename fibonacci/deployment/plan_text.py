"""Plans and results as text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from fibonacci.definitions.comparison.diff_text import visible
from fibonacci.deployment.plan import Action, DeploymentChange, DeploymentPlan
from fibonacci.deployment.result import DeploymentResult

_SIGNS: Final[dict[Action, str]] = {"record": ".", "update": "~", "create": "+", "delete": "-"}
_DONE: Final[dict[Action, str]] = {
    "record": "recorded",
    "update": "updated",
    "create": "created",
    "delete": "deleted",
}


def plan_text(plan: DeploymentPlan) -> str:
    """Return what a plan does, change by change, and a summary."""
    place = f"{visible(str(plan.folder))} at {plan.base_url}"
    if not plan:
        return f"No changes: {place} matches its {_count(plan.unchanged)}."
    width = max(len(visible(change.file)) for change in plan.changes)
    changes = "\n\n".join(change_text(change, width) for change in plan.changes)
    return f"Plan for {place}\n\n{changes}\n\nPlan: {plan_summary(plan)}."


def change_text(change: DeploymentChange, width: int = 0) -> str:
    """Return what a change does, with its reason and the difference indented below it."""
    workflow = "" if change.workflow_id is None else f" ({_known(change)})"
    head = f"{_SIGNS[change.action]} {change.action} {visible(change.file):{width}}  {change.name!r}{workflow}"
    return "\n".join([head, f"    {visible(change.reason)}", *_difference(change)])


def _known(change: DeploymentChange) -> str:
    version = None if change.seen is None else change.seen.version
    return f"{change.workflow_id}" if version is None else f"{change.workflow_id}, version {version}"


def _difference(change: DeploymentChange) -> Iterator[str]:
    if change.diff:
        yield from (f"    {line}" for line in str(change.diff).splitlines())


def plan_summary(plan: DeploymentPlan) -> str:
    """Return the number of changes of each kind."""
    counts = [(sum(change.action == action for change in plan.changes), action) for action in _SIGNS]
    parts = [f"{count} to {action}" for count, action in counts if count]
    return ", ".join([*parts, f"{len(plan.unchanged)} unchanged"])


def result_text(result: DeploymentResult) -> str:
    """Return what was done, a line for each change."""
    if not result:
        return "Nothing was done."
    ids = {file: workflow.id for file, workflow in result.workflows.items()}
    return "\n".join(
        f"{_DONE[change.action]} {visible(change.file)}  {change.name!r}"
        f" ({ids.get(change.file, change.workflow_id or 'in the lock file')})"
        for change in result.changes
    )


def _count(files: Sequence[str]) -> str:
    return "1 file" if len(files) == 1 else f"{len(files)} files"
