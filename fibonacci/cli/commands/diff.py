"""`fibonacci diff A B`: what differs between two definitions, in files or on the platform."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from fibonacci.cli.exit_codes import DONE, FAILED, UsageError

if TYPE_CHECKING:
    from fibonacci.cli.context import Context
    from fibonacci.cli.parser import CommandParser


def add_arguments(parser: CommandParser) -> None:
    """Add the arguments of the command."""
    what = "a file, - for stdin, or a workflow: ID, NAME, ID@VERSION"
    parser.add_argument("old", metavar="A", help=what)
    parser.add_argument("new", metavar="B", help=what)


def run(context: Context) -> int:
    """Print the differences; exit 0 if there are none, 1 if there are."""
    from fibonacci.cli.colors import color_changes, uses_color
    from fibonacci.cli.definition_arguments import read_reference
    from fibonacci.cli.deployment_output import change_objects
    from fibonacci.definitions import Problems, diff
    from fibonacci.errors import DefinitionError

    options = context.options
    if options.old == options.new == "-":
        raise UsageError("only one of the two can be stdin")
    old, new = read_reference(context, options.old), read_reference(context, options.new)
    problems = Problems([*old.problems, *new.problems])
    if problems.errors:
        raise DefinitionError(problems)
    found = diff(old.compared_with(new), new.compared_with(old))
    if context.output.is_json:
        context.output.value(change_objects(found))
    elif found:
        context.output.text(color_changes(str(found)) if uses_color(options, sys.stdout) else str(found))
    return FAILED if found else DONE
