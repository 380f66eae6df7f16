"""`fibonacci plan DIR`: what `apply` would change on the platform."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from fibonacci.cli.exit_codes import DONE, PLANNED

if TYPE_CHECKING:
    from fibonacci.cli.context import Context
    from fibonacci.cli.parser import CommandParser


def add_arguments(parser: CommandParser) -> None:
    """Add the arguments of the command."""
    parser.add_argument("folder", metavar="DIR", help="each *.yaml, *.yml and *.json in it is a workflow")
    parser.add_argument(
        "--detailed", action="store_true", help="print every difference of each definition; with --json, too"
    )


def run(context: Context) -> int:
    """Print the plan; exit 0 if there is nothing to do, 2 if there is."""
    from fibonacci.cli.deployment_output import make_plan, plan_object, shown_plan

    detailed: bool = context.options.detailed
    plan = make_plan(context, context.options.folder)
    if context.output.is_json:
        context.output.value(plan_object(plan, detailed=detailed))
    else:
        context.output.text(shown_plan(plan, context.options, sys.stdout, detailed=detailed))
    return PLANNED if plan.has_changes else DONE
