"""`fibonacci pull ID|NAME`: the definition of a workflow as a file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from fibonacci.cli.exit_codes import DONE

if TYPE_CHECKING:
    from fibonacci.cli.context import Context
    from fibonacci.cli.parser import CommandParser


def add_arguments(parser: CommandParser) -> None:
    """Add the arguments of the command."""
    parser.add_argument("workflow", metavar="ID|NAME", help="the workflow")
    place = parser.add_mutually_exclusive_group()
    place.add_argument("--dir", metavar="DIR", default=".", help="the folder; default: the current one")
    place.add_argument("--out", metavar="FILE", help="the file; default: that of the lock file, else a new one")


def run(context: Context) -> int:
    """Write the file, record it in the lock file beside it, and print its path."""
    from fibonacci.cli.inputs import workflow_id_of
    from fibonacci.definitions.files.load_and_dump import format_of_file

    options = context.options
    if options.out is not None:
        format_of_file(options.out)
    workflow_id = workflow_id_of(context.client, options.workflow)
    path = _displayed(_pull(context, workflow_id, options.out or options.dir))
    if context.output.is_json:
        context.output.value({"file": path, "workflow_id": workflow_id})
    else:
        context.output.text(path)
    return DONE


def _pull(context: Context, workflow_id: str, place: str) -> Path:
    """Pull the workflow. Before changes of the file are lost, the user is asked."""
    from fibonacci import DeploymentError
    from fibonacci._remedies import text_of
    from fibonacci.deployment.pulling import LOCAL_CHANGES

    try:
        return context.client.workflows.pull(workflow_id, place)
    except DeploymentError as error:
        if error.code != LOCAL_CHANGES:
            raise
        what = text_of(error).command
    context.confirm(f"{what}. Replace it?")
    return context.client.workflows.pull(workflow_id, place, overwrite=True)


def _displayed(path: Path) -> str:
    """Return a path from the current folder, if it is in it."""
    here = Path.cwd()
    return str(path.relative_to(here) if path.is_relative_to(here) else path)
