"""`fibonacci plan`, `apply`, `diff` and `pull`: definitions in files, compared with the workflows of the platform."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from fibonacci.cli.exit_codes import DONE, FAILED, NO_ANSWER, PLANNED, UnwrittenResultError, UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fibonacci import DeploymentChange, DeploymentPlan
    from fibonacci.cli.context import Context
    from fibonacci.cli.parser import CommandParser


def add_plan_arguments(parser: CommandParser) -> None:
    """Add the arguments of the command."""
    _add_folder(parser)
    _add_environment(parser)
    _add_moved(parser)
    parser.add_argument(
        "--detailed", action="store_true", help="print every difference of each definition, also with --json"
    )
    parser.add_argument(
        "--markdown", action="store_true", help="print Markdown for a comment on a pull request, with differences"
    )
    parser.add_argument("--out", metavar="FILE", help="save the plan for `apply --plan FILE`")


def run_plan(context: Context) -> int:
    """Print the plan, and exit 0 if there is nothing to do or 2 if there is."""
    from fibonacci.cli.deployment_output import make_plan, plan_object, plan_with_relative_places, shown_plan
    from fibonacci.errors import DefinitionError

    options = context.options
    if options.out == "-":
        raise UsageError("--out takes a file. Without it, --json and --markdown print the plan to stdout")
    if options.out is not None:
        from fibonacci.cli.values import check_out

        check_out(options.out)
    made = make_plan(context)
    plan = plan_with_relative_places(made)
    if options.markdown:
        from fibonacci.cli.plan_markdown import plan_markdown

        context.output.document("markdown", plan_markdown(plan))
    elif plan.problems.errors:
        pass  # errors are all there is to show, printed as in other commands
    elif context.output.is_json:
        context.output.value(plan_object(plan, detailed=options.detailed))
    else:
        context.output.text(shown_plan(plan, options, sys.stdout, detailed=options.detailed))
    if made.problems.errors:
        raise DefinitionError(made.problems)
    if options.out is not None:
        made.save(options.out)
        context.say(f"saved: `fibonacci apply {options.folder} --plan {options.out}` does exactly this")
    return PLANNED if plan.has_changes else DONE


def add_apply_arguments(parser: CommandParser) -> None:
    """Add the arguments of the command."""
    _add_folder(parser)
    parser.add_argument(
        "--plan", metavar="FILE", help="apply the plan that `plan --out FILE` saved; default: make a new plan"
    )
    _add_environment(parser)
    _add_moved(parser)
    parser.add_argument("--allow-delete", action="store_true", help="delete workflows whose files are gone")
    parser.add_argument(
        "--allow-empty", action="store_true", help="do that even if no definition is left in the folder"
    )
    parser.add_argument("--overwrite", action="store_true", help="replace what others changed on the platform")


def run_apply(context: Context) -> int:
    """Show the plan, ask, make its changes, and print each when it is made."""
    from fibonacci.cli.deployment_output import load_plan, make_plan, plan_with_relative_places, shown_plan
    from fibonacci.deployment.plan import check_plan

    options = context.options
    if options.plan is not None and (options.environment is not None or options.moved):
        option = "--moved" if options.environment is None else "--environment"
        raise UsageError(f"{option} is for making a plan, but --plan already has one")
    context.check_confirmable("apply changes workflows.")
    plan = make_plan(context) if options.plan is None else load_plan(context)
    if not plan.problems.errors:
        context.say(shown_plan(plan_with_relative_places(plan), options, sys.stderr, detailed=True))
    allowed = {name: vars(options)[name] for name in ("allow_delete", "allow_empty", "overwrite")}
    check_plan(plan, **allowed)
    if plan.has_changes:
        context.confirm(f"Make these changes in {plan.environment} {context.where()}?")
    _apply(context, plan, allowed)
    return DONE


def _add_folder(parser: CommandParser) -> None:
    parser.add_argument(
        "folder", metavar="DIR", help="the folder, in which each *.yaml, *.yml and *.json file is a workflow"
    )


def _add_environment(parser: CommandParser) -> None:
    default = "FIBONACCI_ENVIRONMENT, or the name of the profile, or `default`"
    parser.add_argument(
        "--environment", metavar="NAME", help=f"the environment of the workflows, such as staging; default: {default}"
    )


def _add_moved(parser: CommandParser) -> None:
    parser.add_argument(
        "--moved",
        metavar="OLD=NEW",
        action="append",
        type=_moved_file,
        default=[],
        help="the workflow OLD is now called NEW. OLD= is gone for good. You can repeat it",
    )


def _moved_file(text: str) -> tuple[str, str | None]:
    old, sign, new = text.partition("=")
    if not (old and sign):
        raise argparse.ArgumentTypeError(
            f"{text!r} is not OLD=NEW, such as triage=sorting, or triage= for a file that is gone"
        )
    return old, new or None


def _apply(context: Context, plan: DeploymentPlan, allowed: Mapping[str, bool]) -> None:
    """Make the changes, and print each, even if an error or Ctrl-C then prevents the others.

    If stdout can't be written, for example because of `head`, the changes continue, and the error lists those made.
    """
    from fibonacci.cli.deployment_output import done_object
    from fibonacci.deployment.plan import done_text

    done: list[DeploymentChange] = []
    faults: list[UnwrittenResultError] = []

    def report(change: DeploymentChange) -> None:
        done.append(change)
        context.output.record_change("; ".join(map(done_text, done)))
        if not (context.output.is_json or faults):
            try:
                context.output.text(done_text(change))
            except UnwrittenResultError as error:
                faults.append(error)

    try:
        context.client.workflows.apply(plan, **allowed, on_change=report)
    finally:
        if context.output.is_json and (done or not plan.has_changes):  # otherwise there is an error, which is printed
            context.output.value([done_object(change) for change in done])
    if faults:
        raise UnwrittenResultError("; ".join(map(done_text, done)), faults[0].reason)


def add_diff_arguments(parser: CommandParser) -> None:
    """Add the arguments of the command."""
    what = "a file, - for stdin, or a workflow (ID, NAME or ID@VERSION)"
    parser.add_argument("old", metavar="A", help=what)
    parser.add_argument("new", metavar="B", help=what)


def run_diff(context: Context) -> int:
    """Print the differences, and exit 0 if there are none or 1 only if there are."""
    from fibonacci.cli.context import color_changes, uses_color
    from fibonacci.cli.definition_arguments import read_reference
    from fibonacci.cli.deployment_output import change_objects
    from fibonacci.cli.errors import report
    from fibonacci.definitions import Problems, diff
    from fibonacci.errors import APIStatusError, DefinitionError

    options = context.options
    if options.old == options.new == "-":
        raise UsageError("only one of the two can be stdin")
    try:
        old, new = read_reference(context, options.old), read_reference(context, options.new)
    except APIStatusError as error:
        code = report(error, is_json=options.json, is_debug=options.debug)
        return NO_ANSWER if code == FAILED else code
    problems = Problems([*old.problems, *new.problems])
    if problems.errors:
        raise DefinitionError(problems)
    differences = diff(old.compared_with(new), new.compared_with(old))
    if context.output.is_json:
        context.output.value(change_objects(differences))
    elif differences:
        context.output.text(color_changes(str(differences)) if uses_color(options, sys.stdout) else str(differences))
    return FAILED if differences else DONE


def add_pull_arguments(parser: CommandParser) -> None:
    """Add the arguments of the command."""
    parser.add_argument("workflow", metavar="ID|NAME", help="the workflow")
    place = parser.add_mutually_exclusive_group()
    place.add_argument("--dir", metavar="DIR", default=".", help="the folder to write to; default: the current one")
    place.add_argument(
        "--out", metavar="FILE", help="the file to write; default: the workflow's file in the state, or a new one"
    )
    parser.add_argument(
        "--merge",
        action="store_true",
        help="keep the changes of the file, and add those that were made on the platform since the last apply",
    )
    _add_environment(parser)


def run_pull(context: Context) -> int:
    """Write the file, record it in the state next to it, and print its path."""
    from fibonacci.cli.definition_arguments import relative_path
    from fibonacci.cli.workflow_names import workflow_id_of
    from fibonacci.definitions.files.load_and_dump import format_of_file

    options = context.options
    if options.out is not None:
        format_of_file(options.out)
    place: str = options.out or options.dir
    workflow_id = workflow_id_of(context.client, options.workflow)
    path = relative_path(str(_pull(context, workflow_id, place)))
    context.output.record_change(f"{path} was written")
    if context.output.is_json:
        context.output.value({"file": path, "workflow_id": workflow_id})
    else:
        context.output.text(path)
    return DONE


def _pull(context: Context, workflow_id: str, place: str) -> Path:
    """Pull the workflow. Ask the user before changes in the file are lost."""
    from fibonacci import DeploymentError
    from fibonacci.deployment.pulling import LOCAL_CHANGES

    options, pull = context.options, context.client.workflows.pull
    try:
        return pull(workflow_id, place, merge=options.merge, environment=options.environment)
    except DeploymentError as error:
        if error.code != LOCAL_CHANGES or options.merge:
            raise
        what = str(error)
    context.confirm(f"{what}. Replace it?")
    return pull(workflow_id, place, overwrite=True, environment=options.environment)
