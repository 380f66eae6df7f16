"""One thing that `apply` would do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Final, Literal

from fibonacci._text import visible
from fibonacci.definitions.comparison.diff import DefinitionDiff
from fibonacci.deployment.content import SeenWorkflow, WorkflowContent
from fibonacci.deployment.lock import LockEntry

DeploymentAction = Literal["record", "update", "create", "delete"]
"""What is done, in the order in which a plan does it. `record` changes the lock file only."""

_SIGNS: Final[dict[DeploymentAction, str]] = {"record": ".", "update": "~", "create": "+", "delete": "-"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What `apply` needs to know to make a change, besides what the change shows to its reader."""

    content: WorkflowContent | None = None
    """What is sent; None where nothing is."""

    seen: SeenWorkflow | None = None
    """The workflow as the plan saw it; `apply` refuses when it has changed since. None where there is none."""

    entry: LockEntry | None = None
    """For `record`, the new entry in the lock file, None for none; for the creation of a workflow that was
    interrupted, its entry."""

    previous_file: str | None = None
    """The name that the file had at the last apply; None when it had the same."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeploymentChange:
    """One thing that `client.workflows.apply` would do, or has done.

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
    """What is done: `create`, `update` or `delete` a workflow, or `record`: change the lock file only."""

    file: str
    """The name of the file; for a removal, of the one that is gone."""

    name: str
    """The name that the workflow will have; for a removal, the one it has."""

    workflow_id: str | None
    """The id of the workflow; None for one that is still to be created."""

    reason: str
    """Why, in words."""

    diff: DefinitionDiff = field(default=DefinitionDiff(), repr=False)
    """How the definition on the platform will change."""

    _step: Step = field(default=Step(), repr=False)

    def __str__(self) -> str:
        return change_text(self)


step_of: Final[Callable[[DeploymentChange], Step]] = attrgetter("_step")
"""Return what `apply` needs to know to make a change."""


def change_text(change: DeploymentChange, width: int = 0, *, detailed: bool = True) -> str:
    """Return what a change does, with its reason and the difference indented below it.

    Args:
        change: The change.
        width: The least number of characters for the name of the file, so that those of several changes align.
        detailed: Whether the difference is part of it.

    Returns:
        A line, and indented lines below it.
    """
    seen = step_of(change).seen
    version = "" if seen is None or seen.version is None else f", version {seen.version}"
    workflow = "" if change.workflow_id is None else f" ({change.workflow_id}{version})"
    head = f"{_SIGNS[change.action]} {change.action} {visible(change.file):{width}}  {change.name!r}{workflow}"
    difference = str(change.diff).splitlines() if change.diff and detailed else []
    return "\n".join([head, *(f"    {line}" for line in (visible(change.reason), *difference))])
