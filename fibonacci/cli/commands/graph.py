"""`fibonacci graph FILE|ID|NAME`: a definition as a diagram, and the states of an execution in it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from fibonacci.cli.exit_codes import DONE, UsageError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

    from fibonacci.cli.context import Context
    from fibonacci.cli.definition_arguments import ReferencedDefinition
    from fibonacci.cli.parser import CommandParser
    from fibonacci.models import Execution

_FORMATS: Final = {".mmd": "mermaid", ".mermaid": "mermaid", ".svg": "svg", ".png": "png"}


def add_arguments(parser: CommandParser) -> None:
    """Add the arguments of the command."""
    parser.add_argument(
        "definition",
        metavar="FILE|ID|NAME",
        nargs="?",
        help="a file, - for stdin, or a workflow, also ID@VERSION; default: the workflow of --execution",
    )
    parser.add_argument("--execution", metavar="ID", help="show the states and durations of its nodes")
    parser.add_argument(
        "--format",
        choices=("mermaid", "svg", "png"),
        help="the format; png needs the extra png; default: that of the name of --out, else mermaid",
    )
    parser.add_argument("--out", metavar="FILE", help="write to a file; default: stdout")


def run(context: Context) -> int:
    """Draw the definition."""
    options = context.options
    draw = _drawer(_format_of(options))  # before anything is sent: an extra may be missing
    execution = None if options.execution is None else context.client.executions.get(options.execution)
    found = _definition(context, execution)
    if faults := found.problems.errors:
        errors = "1 error" if len(faults) == 1 else f"{len(faults)} errors"
        context.say(f"{options.definition} has {errors}: fibonacci validate lists them")
    drawing = draw(found.definition, execution=execution)
    if options.out is not None:
        from fibonacci._files import write_file

        write_file(options.out, drawing if isinstance(drawing, bytes) else drawing + "\n")
        context.say(f"wrote {options.out}")
        if context.output.is_json:
            context.output.value({"file": options.out})
    elif isinstance(drawing, bytes):
        sys.stdout.buffer.write(drawing)
    else:
        context.output.document("diagram", drawing)
    return DONE


def _drawer(drawing_format: str) -> Callable[..., str | bytes]:
    """Return the function that draws in a format.

    Raises:
        ImportError: If it needs an extra that is not installed.
    """
    if drawing_format == "png":
        from fibonacci.definitions.diagrams.png import png

        return png
    from fibonacci.definitions import mermaid, svg

    return svg if drawing_format == "svg" else mermaid


def _format_of(options: argparse.Namespace) -> str:
    """Return the format, by the options.

    Raises:
        UsageError: If the name of the file implies none, there is nothing to draw, or PNG would go to a terminal.
    """
    if options.definition is None and options.execution is None:
        raise UsageError("pass a FILE, an ID or a NAME, or --execution ID")
    suffix = Path(options.out or "").suffix.lower()
    if options.format is None and options.out is not None and suffix not in _FORMATS:
        raise UsageError(f"--out {options.out!r} names no format: end it with .svg, .png or .mmd, or pass --format")
    found: str = options.format or _FORMATS.get(suffix, "mermaid")
    if found == "png" and options.out is None and sys.stdout.isatty():
        raise UsageError("PNG is binary, and stdout is a terminal: pass --out FILE, or redirect stdout")
    if found == "png" and options.out is None and options.json:
        raise UsageError("PNG is binary, and --json prints JSON: pass --out FILE")
    return found


def _definition(context: Context, execution: Execution | None) -> ReferencedDefinition:
    from fibonacci.cli.definition_arguments import read_reference

    reference: str | None = context.options.definition
    of_execution = None if execution is None else execution.workflow_id
    if reference is None:
        if of_execution is None:
            raise UsageError("the response does not name the workflow of the execution: pass FILE, ID or NAME")
        reference = of_execution
    found = read_reference(context, reference)
    if found.workflow is not None and of_execution not in (None, found.workflow.id):
        raise UsageError(f"{context.options.execution} is an execution of {of_execution}, not of {found.workflow.id}")
    return found
