"""`fibonacci validate`, `fmt`, `schema` and `graph`: definitions in files, checked, formatted and drawn."""

from __future__ import annotations

import difflib
import sys
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Final

from fibonacci._texts.text import counted
from fibonacci.cli.exit_codes import DONE, FAILED, USAGE, UsageError
from fibonacci.cli.standard_streams import has_stream, is_terminal

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Mapping, Sequence

    from fibonacci.cli.context import Context
    from fibonacci.cli.definition_arguments import ReferencedDefinition
    from fibonacci.cli.parser import CommandParser
    from fibonacci.definitions import Problem, Problems
    from fibonacci.models import Execution, Tool


def add_validate_arguments(parser: CommandParser) -> None:
    """Add the arguments of the command."""
    parser.add_argument(
        "files",
        metavar="FILE|DIR|-",
        nargs="+",
        help="definition files, folders of them (without subfolders), or - for stdin",
    )
    parser.add_argument("--strict", action="store_true", help="exit 64 for warnings too")
    parser.add_argument(
        "--tools",
        action="store_true",
        help="compare tools and their parameters with the platform's, which needs an API key",
    )
    parser.add_argument(
        "--format",
        choices=("text", "github"),
        default="text",
        help="how to print problems: text (FILE:LINE:COLUMN: SEVERITY: MESSAGE [CODE]) or github (annotations)",
    )


def run_validate(context: Context) -> int:
    """Print the problems of all files."""
    from fibonacci.cli.definition_arguments import definition_files
    from fibonacci.definitions import Problems

    options = context.options
    files = definition_files(options.files)
    tools = list(context.client.tools.list()) if options.tools else None  # once, for all files
    problems = Problems(problem for file in files for problem in _problems(file, tools))
    _print_problems(context, problems)
    errors, warnings = len(problems.errors), len(problems.warnings)
    context.say(f"{counted(len(files), 'file')}: {counted(errors, 'error')}, {counted(warnings, 'warning')}")
    return USAGE if errors or (options.strict and warnings) else DONE


def _problems(file: str, tools: Sequence[Tool] | None) -> Problems:
    from fibonacci.cli.definition_arguments import read_definition_text
    from fibonacci.errors import DefinitionError

    try:
        return read_definition_text(file).document().check(tools=tools)
    except DefinitionError as error:
        return error.problems


def _print_problems(context: Context, problems: Sequence[Problem]) -> None:
    from fibonacci.cli.definition_arguments import github_line, problem_object

    if context.output.is_json:
        context.output.value([problem_object(problem) for problem in problems])
        return
    for problem in problems:
        if context.options.format == "github":
            context.output.ci_command(github_line(problem))
            continue
        for line in _lines(context, problem):
            context.output.text(line)


def _lines(context: Context, problem: Problem) -> list[str]:
    from fibonacci.cli.context import colored, uses_color
    from fibonacci.cli.definition_arguments import problem_lines

    lines = problem_lines(problem, sys.stdout)
    if not uses_color(context.options, sys.stdout):
        return lines
    return [colored(lines[0], "red" if problem.severity == "error" else "yellow"), *lines[1:]]


def add_fmt_arguments(parser: CommandParser) -> None:
    """Add the arguments of the command."""
    parser.add_argument(
        "files",
        metavar="FILE|DIR|-",
        nargs="+",
        help="definition files, folders of them, or - to format stdin to stdout",
    )
    parser.add_argument("--check", action="store_true", help="write nothing, and exit 1 if a file would change")
    parser.add_argument("--diff", action="store_true", help="do the same as --check, and print what would change")


def run_fmt(context: Context) -> int:
    """Format the files, and print the names of those that change."""
    from fibonacci._system.files import write_file
    from fibonacci.cli.definition_arguments import STDIN, check_link, definition_files

    options = context.options
    files = definition_files(options.files)
    if STDIN in files and len(files) > 1:
        raise UsageError("- must be the only argument, because it formats stdin to stdout")
    texts = _formatted(files)  # before the first is written, so that an error in one leaves all unchanged
    changed = {file: texts[file] for file in files if texts[file][0] != texts[file][1]}
    is_dry = options.check or options.diff
    if files == [STDIN] and not is_dry:
        context.output.document("definition", texts[STDIN][1].removesuffix("\n"))
        return DONE
    if not is_dry:
        for file in changed:
            check_link(file)
        for file, (_, new) in changed.items():
            write_file(file, new)
    _print_changed(context, changed)
    context.say(f"{len(changed)} of {counted(len(files), 'file')} {'would change' if is_dry else 'changed'}")
    return FAILED if is_dry and changed else DONE


def _formatted(files: Sequence[str]) -> dict[str, tuple[str, str]]:
    """Return the texts of files, before and after.

    Raises:
        DefinitionError: If any can't be formatted. It lists the problems of all.
    """
    import warnings

    from fibonacci.cli.definition_arguments import read_definition_text
    from fibonacci.definitions import Problems, format_definition
    from fibonacci.errors import DefinitionError

    formatted: dict[str, tuple[str, str]] = {}
    problems = Problems()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # about the old words that it replaces
        for file in files:
            try:
                text = read_definition_text(file)
                formatted[file] = text.text, format_definition(text.text, name=text.name, format=text.format)
            except DefinitionError as error:
                problems += error.problems
    if problems:
        raise DefinitionError(problems)
    return formatted


def _print_changed(context: Context, changed: Mapping[str, tuple[str, str]]) -> None:
    from fibonacci.cli.context import color_changes, uses_color

    shown = {file: _difference(file, *texts) for file, texts in changed.items()} if context.options.diff else {}
    if context.output.is_json:
        context.output.value([{"file": file} | ({"diff": shown[file]} if shown else {}) for file in changed])
        return
    for file in changed:
        text = shown.get(file, file)
        context.output.text(color_changes(text) if shown and uses_color(context.options, sys.stdout) else text)


def _difference(file: str, old: str, new: str) -> str:
    lines = difflib.unified_diff(old.splitlines(), new.splitlines(), file, f"{file} (formatted)", lineterm="")
    return "\n".join(lines) or f"{file}: the line breaks differ"


_FILE: Final = "definition.schema.json"
_EPILOG: Final = """\
For completion and checks in your editor, name the schema in the first line of a definition, by its URL or by the path
of a copy:

  # yaml-language-server: $schema=https://docs.fibonacci.today/definition.schema.json

Keep a copy outside the folder that you deploy, because each JSON file in that folder is a definition."""


def add_schema_arguments(parser: CommandParser) -> None:
    """Add the epilog: the command has no arguments."""
    parser.epilog = _EPILOG


def run_schema(context: Context) -> int:
    """Print the schema."""
    text = files("fibonacci.definitions").joinpath(_FILE).read_text("utf-8")
    if context.output.is_json:
        import json

        context.output.value(json.loads(text))
    else:
        context.output.text(text.rstrip())
    return DONE


_FORMATS: Final = {".mmd": "mermaid", ".mermaid": "mermaid", ".svg": "svg", ".png": "png"}


def add_graph_arguments(parser: CommandParser) -> None:
    """Add the arguments of the command."""
    parser.add_argument(
        "definition",
        metavar="FILE|ID|NAME",
        nargs="?",
        help="a file, - for stdin, or a workflow (ID, NAME or ID@VERSION); default: the workflow of --execution",
    )
    parser.add_argument("--execution", metavar="ID", help="show the states and durations of this execution's nodes")
    parser.add_argument(
        "--format",
        choices=("mermaid", "svg", "png"),
        help="the format (png needs the extra png); default: that of the file name of --out, or mermaid",
    )
    parser.add_argument("--out", metavar="FILE", help="the file to write; default: stdout")


def run_graph(context: Context) -> int:
    """Draw the definition."""
    options = context.options
    draw = _drawer(_format_of(options))  # before anything is sent, because an extra may be missing
    if options.out is not None:
        from fibonacci.cli.values import check_out

        check_out(options.out)
    execution = None if options.execution is None else context.client.executions.get(options.execution)
    referenced = _definition(context, execution)
    if faults := referenced.problems.errors:
        context.say(f"{options.definition} has {counted(len(faults), 'error')}: fibonacci validate lists them")
    drawing = draw(referenced.definition, execution=execution)
    if options.out is not None:
        from fibonacci._system.files import write_file

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
    """Return the format that the options ask for.

    Raises:
        UsageError: If the name of the file implies no format, there is nothing to draw, or PNG would go to a terminal.
    """
    if options.definition is None and options.execution is None:
        raise UsageError("pass a FILE, an ID or a NAME, or --execution ID")
    if options.out == "-":
        raise UsageError("--out takes a file. Without it, the diagram goes to stdout")
    suffix = Path(options.out or "").suffix.lower()
    if options.format is None and options.out is not None and suffix not in _FORMATS:
        raise UsageError(f"--out {options.out!r} names no format: end it with .svg, .png or .mmd, or pass --format")
    drawing_format: str = options.format or _FORMATS.get(suffix, "mermaid")
    is_readable = options.json or not has_stream(sys.stdout) or is_terminal(sys.stdout)
    if drawing_format == "png" and options.out is None and is_readable:
        raise UsageError("PNG is binary: pass --out FILE, or redirect stdout without --json")
    return drawing_format


def _definition(context: Context, execution: Execution | None) -> ReferencedDefinition:
    from fibonacci.cli.definition_arguments import read_reference

    reference: str | None = context.options.definition
    of_execution = None if execution is None else execution.workflow_id
    if reference is None:
        if of_execution is None:
            raise UsageError("the response does not name the workflow of the execution: pass FILE, ID or NAME")
        reference = of_execution
    referenced = read_reference(context, reference)
    if referenced.workflow is not None and of_execution not in (None, referenced.workflow.id):
        raise UsageError(
            f"{context.options.execution} is an execution of {of_execution}, not of {referenced.workflow.id}"
        )
    return referenced
