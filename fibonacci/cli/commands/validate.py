"""`fibonacci validate FILE|DIR|-`: every fault of definitions, with its line and a caret under the place."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from fibonacci.cli.exit_codes import DONE, USAGE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fibonacci.cli.context import Context
    from fibonacci.cli.parser import CommandParser
    from fibonacci.definitions import Problem, Problems
    from fibonacci.models import Tool


def add_arguments(parser: CommandParser) -> None:
    """Add the arguments of the command."""
    parser.add_argument(
        "files", metavar="FILE|DIR|-", nargs="+", help="definitions; in a folder its files, without subfolders"
    )
    parser.add_argument("--strict", action="store_true", help="exit 64 for warnings, too")
    parser.add_argument(
        "--tools",
        action="store_true",
        help="compare tools and their parameters with those of the platform; needs a key",
    )
    parser.add_argument(
        "--format",
        choices=("text", "github"),
        default="text",
        help="text: FILE:LINE:COLUMN: SEVERITY: MESSAGE [CODE]; github: annotations of GitHub Actions",
    )


def run(context: Context) -> int:
    """Print the faults of all files."""
    from fibonacci.cli.definition_arguments import definition_files
    from fibonacci.definitions import Problems

    options = context.options
    files = definition_files(options.files)
    tools = list(context.client.tools.list()) if options.tools else None  # once, for all files
    problems = Problems(problem for file in files for problem in _problems(file, tools))
    _print(context, problems)
    errors, warnings = len(problems.errors), len(problems.warnings)
    context.say(f"{_count(len(files), 'file')}: {_count(errors, 'error')}, {_count(warnings, 'warning')}")
    return USAGE if errors or (options.strict and warnings) else DONE


def _problems(file: str, tools: Sequence[Tool] | None) -> Problems:
    from fibonacci.cli.definition_arguments import read_definition_text
    from fibonacci.definitions.files.load_and_dump import problems_of
    from fibonacci.errors import DefinitionError

    try:
        text = read_definition_text(file)
        return problems_of(*text, tools)
    except DefinitionError as error:
        return error.problems


def _print(context: Context, problems: Sequence[Problem]) -> None:
    from fibonacci.cli.definition_arguments import fault_object, github_line

    if context.output.is_json:
        context.output.value([fault_object(problem) for problem in problems])
        return
    for problem in problems:
        if context.options.format == "github":
            context.output.ci_command(github_line(problem))
            continue
        for line in _lines(context, problem):
            context.output.text(line)


def _lines(context: Context, problem: Problem) -> list[str]:
    from fibonacci._text import printable
    from fibonacci.cli.colors import ColoredText, colored, uses_color
    from fibonacci.cli.definition_arguments import fault_lines

    lines, severity = fault_lines(problem), f" {problem.severity}: "
    if not uses_color(context.options, sys.stdout):
        return lines
    color = "red" if problem.severity == "error" else "yellow"
    before, _, after = printable(lines[0]).partition(severity)
    lines[0] = ColoredText(before + colored(severity, color) + after)
    if lines[-1].endswith(" ^"):
        lines[-1] = ColoredText(lines[-1][:-1] + colored("^", color))
    return lines


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
