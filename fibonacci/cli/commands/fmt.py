"""`fibonacci fmt FILE|DIR|-`: definitions in their normal form, with their comments."""

from __future__ import annotations

import difflib
import sys
from typing import TYPE_CHECKING, NamedTuple

from fibonacci.cli.exit_codes import DONE, FAILED, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fibonacci.cli.context import Context
    from fibonacci.cli.parser import CommandParser


class _Formatted(NamedTuple):
    """A file before and after."""

    file: str
    old: str
    new: str

    def difference(self) -> str:
        lines = difflib.unified_diff(
            self.old.splitlines(), self.new.splitlines(), self.file, f"{self.file} (formatted)", lineterm=""
        )
        return "\n".join(lines) or f"{self.file}: the line breaks differ"


def add_arguments(parser: CommandParser) -> None:
    """Add the arguments of the command."""
    parser.add_argument(
        "files", metavar="FILE|DIR|-", nargs="+", help="definitions; - formats stdin to stdout; a folder: its files"
    )
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 if a file would change")
    parser.add_argument("--diff", action="store_true", help="as --check, and print what would change")


def run(context: Context) -> int:
    """Format the files, and print the names of those that change."""
    from fibonacci.cli.definition_arguments import STDIN, definition_files

    options = context.options
    files = definition_files(options.files)
    if STDIN in files and len(files) > 1:
        raise UsageError("- stands alone: stdin is formatted to stdout")
    formatted = _all_formatted(files)  # before the first is written: a fault in one leaves all as they are
    changed = [each for each in formatted if each.new != each.old]
    if options.check or options.diff:
        _print(context, changed)
        context.say(f"{len(changed)} of {_files(len(files))} would change")
        return FAILED if changed else DONE
    if files == [STDIN]:
        context.output.document("definition", formatted[0].new.removesuffix("\n"))
        return DONE
    _write(changed)
    _print(context, changed)
    context.say(f"{len(changed)} of {_files(len(files))} changed")
    return DONE


def _all_formatted(files: Sequence[str]) -> list[_Formatted]:
    """Return the formatted files.

    Raises:
        DefinitionError: If any cannot be formatted; it has the faults of all.
    """
    from fibonacci.definitions import Problems
    from fibonacci.errors import DefinitionError

    formatted: list[_Formatted] = []
    problems = Problems()
    for file in files:
        try:
            formatted.append(_formatted(file))
        except DefinitionError as error:
            problems += error.problems
    if problems:
        raise DefinitionError(problems)
    return formatted


def _formatted(file: str) -> _Formatted:
    import warnings

    from fibonacci.cli.definition_arguments import read_definition_text
    from fibonacci.definitions import format_definition

    text = read_definition_text(file)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of the words that it replaces
        new = format_definition(text.text, name=text.name, format=text.format)
    return _Formatted(file, text.text, new)


def _write(changed: Sequence[_Formatted]) -> None:
    from fibonacci._files import write_file
    from fibonacci.cli.definition_arguments import check_link

    for each in changed:
        check_link(each.file)
    for each in changed:
        write_file(each.file, each.new)


def _print(context: Context, changed: Sequence[_Formatted]) -> None:
    from fibonacci.cli.colors import color_changes, uses_color

    is_diff = context.options.diff
    if context.output.is_json:
        context.output.value(
            [{"file": each.file, **({"diff": each.difference()} if is_diff else {})} for each in changed]
        )
        return
    for each in changed:
        text = each.difference() if is_diff else each.file
        context.output.text(color_changes(text) if is_diff and uses_color(context.options, sys.stdout) else text)


def _files(number: int) -> str:
    return "1 file" if number == 1 else f"{number} files"
