"""`fibonacci apply DIR`: make the platform match a folder of definitions."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from fibonacci.cli.exit_codes import DONE, UsageError

if TYPE_CHECKING:
    from fibonacci import DeploymentChange, DeploymentPlan
    from fibonacci.cli.context import Context
    from fibonacci.cli.parser import CommandParser


def add_arguments(parser: CommandParser) -> None:
    """Add the arguments of the command."""
    parser.add_argument("folder", metavar="DIR", help="each *.yaml, *.yml and *.json in it is a workflow")
    parser.add_argument("--allow-delete", action="store_true", help="delete the workflows of files that are gone")


def run(context: Context) -> int:
    """Show the plan, ask, make its changes, and print each when it is made."""
    from fibonacci.cli.deployment_output import make_plan, shown_plan

    context.check_confirmable("apply changes workflows.")
    plan = make_plan(context, context.options.folder)
    context.say(shown_plan(plan, context.options, sys.stderr, detailed=True))
    if plan.has_changes:
        _check_deletions(plan, is_allowed=context.options.allow_delete)
        context.confirm(f"Make these changes at {plan.base_url}?")
    _apply(context, plan)
    return DONE


def _check_deletions(plan: DeploymentPlan, *, is_allowed: bool) -> None:
    deleted = [f"{change.name!r} ({change.workflow_id})" for change in plan.changes if change.action == "delete"]
    if deleted and not is_allowed:
        raise UsageError(f"the plan deletes {', '.join(deleted)}: pass --allow-delete, or restore the files")


def _apply(context: Context, plan: DeploymentPlan) -> None:
    """Make the changes. Those that are made are printed, also when an error or Ctrl-C prevents the others."""
    from fibonacci.cli.deployment_output import done_object
    from fibonacci.deployment.plan import done_text

    done: list[DeploymentChange] = []

    def report(change: DeploymentChange) -> None:
        done.append(change)
        if not context.output.is_json:
            _print(context, done_text(change))

    try:
        context.client.workflows.apply(plan, allow_delete=context.options.allow_delete, on_change=report)
    finally:
        if context.output.is_json:
            context.output.value([done_object(change) for change in done])


def _print(context: Context, line: str) -> None:
    """Print a line at once. That the reader of stdout has closed it, as `head` does, must not end the changes."""
    try:
        context.output.text(line)
        sys.stdout.flush()
    except BrokenPipeError:
        from fibonacci.cli.standard_streams import discard_unwritable

        discard_unwritable()
