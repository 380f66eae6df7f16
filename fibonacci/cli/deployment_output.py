"""Plans and differences: making them for the command, and the forms in which it prints them."""

from __future__ import annotations

import warnings
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fibonacci.cli.context import color_changes, uses_color
from fibonacci.cli.definition_arguments import folder_files, problem_object, relative_path
from fibonacci.cli.exit_codes import UsageError
from fibonacci.definitions import Problems
from fibonacci.deployment.plan import basis_of, plan_text, step_of
from fibonacci.deployment.state import STATE_FOLDER

if TYPE_CHECKING:
    import argparse
    from typing import TextIO

    from fibonacci import DeploymentChange, DeploymentPlan
    from fibonacci.cli.context import Context
    from fibonacci.definitions.comparison import DefinitionDiff


def make_plan(context: Context) -> DeploymentPlan:
    """Return the plan for the folder of the command line, which may have errors among its problems.

    Raises:
        UsageError: If the folder doesn't exist, or has neither a definition nor a state.
        DeploymentError: If the state or the platform rules out a plan.
        APIError: If a call fails.
    """
    options = context.options
    path = _folder(options.folder)
    moved: dict[str, str | None] = {}
    for old, new in options.moved:
        if old in moved:
            raise UsageError(f"--moved has {old!r} twice")
        moved[old] = new
    if not (path / STATE_FOLDER).exists():  # with a state, an empty folder means that its workflows should be deleted
        folder_files(path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # the problems of the plan already report the old dialect
        return context.client.workflows.plan(path, environment=options.environment, moved=moved)


def load_plan(context: Context) -> DeploymentPlan:
    """Return the plan that the command line names, for its folder.

    Raises:
        UsageError: If the folder doesn't exist.
        DeploymentError: If the file is not a plan.
        OSError: If it cannot be read.
    """
    from fibonacci import DeploymentPlan

    return DeploymentPlan.load(context.options.plan, folder=_folder(context.options.folder))


def _folder(folder: str) -> Path:
    path = Path(folder)
    if not path.is_dir():
        raise UsageError(
            f"{folder!r} is a file: pass its folder" if path.exists() else f"there is no folder {folder!r}"
        )
    return path


def plan_with_relative_places(plan: DeploymentPlan) -> DeploymentPlan:
    """Return a plan for display, with the places of problems relative to the current folder."""
    return replace(
        plan,
        problems=Problems(replace(each, source=each.source and relative_path(each.source)) for each in plan.problems),
    )


def shown_plan(plan: DeploymentPlan, options: argparse.Namespace, stream: TextIO, *, detailed: bool) -> str:
    """Return a plan as text, in color if the stream supports it.

    Args:
        plan: The plan.
        options: The parsed command line.
        stream: Where it will be printed.
        detailed: Whether to include the differences between the definitions.
    """
    text = plan_text(plan, detailed=detailed)
    return color_changes(text) if uses_color(options, stream) else text


def plan_object(plan: DeploymentPlan, *, detailed: bool) -> dict[str, Any]:
    """Return a plan as JSON."""
    return {
        "folder": str(plan.folder),
        "environment": plan.environment,
        "base_url": plan.base_url,
        "organization_id": basis_of(plan).organization_id,
        "changes": [_change_object(change, detailed=detailed) for change in plan.changes],
        "unchanged": list(plan.unchanged),
        "problems": [problem_object(problem) for problem in plan.problems],
        "summary": plan.summary,
    }


def _change_object(change: DeploymentChange, *, detailed: bool) -> dict[str, Any]:
    details = {"diff": change_objects(change.diff)} if detailed else {}
    seen = step_of(change).seen
    version = None if seen is None else seen.version
    shown = {name: getattr(change, name) for name in ("reason", "is_conflict", "needs", "breaks", "running")}
    return {**done_object(change), "version": version, **shown, **details}


def done_object(change: DeploymentChange) -> dict[str, Any]:
    """Return a change that was made as JSON."""
    return {name: getattr(change, name) for name in ("action", "file", "name", "workflow_id")}


def change_objects(diff: DefinitionDiff) -> list[dict[str, Any]]:
    """Return the differences between two definitions as JSON."""
    names = ("kind", "location", "node", "old", "new")
    return [{name: getattr(change, name) for name in names} for change in diff.changes]
