"""Data on stdout: tables for people, JSON for programs."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any, Final

from fibonacci._text import printable
from fibonacci.cli.ci_commands import is_read_by_ci, without_commands, without_commands_in_json
from fibonacci.cli.colors import ColoredText, uses_color
from fibonacci.cli.exit_codes import UsageError
from fibonacci.cli.json_types import is_array, is_object
from fibonacci.cli.rendering import Painter, encodable, encoding_of, plain, select, visible_json
from fibonacci.cli.standard_streams import is_terminal, print_message

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable, Iterator, Sequence

DEFAULT_LIMIT: Final = 100
"""The items of a list that are printed without `--limit` and `--all`."""


class Output:
    """Prints data to stdout, in the form that the options and the terminal call for.

    Args:
        options: The parsed command line.

    Attributes:
        is_json: Whether one JSON value is called for.
        is_terminal: Whether a person reads stdout.
    """

    def __init__(self, options: argparse.Namespace) -> None:
        self.is_json: bool = options.json
        self.is_terminal: bool = is_terminal(sys.stdout)
        self._options = options
        self._fields: Sequence[str] = options.fields or ()

    def value(self, value: Any) -> None:
        """Print one object: a model, or a value that has a JSON form."""
        shown = self._selected(value)
        if self.is_terminal and not self.is_json and is_object(shown):
            from fibonacci.cli.rendering import write_object

            write_object(self.painter(), shown)
        else:
            self._print(self._json(shown, indent=2 if self.is_terminal else None))

    def document(self, name: str, text: str) -> None:
        """Print a text that is all of the data, such as a diagram; as JSON, it is the one field of an object.

        Args:
            name: The name of the field.
            text: The text.
        """
        if self.is_json:
            self.value({name: text})
        else:
            self.text(text)

    def items(self, items: Iterable[Any], columns: Sequence[str] = ()) -> None:
        """Print a list as its items come: 100 of them, or as many as `--limit` says, or `--all`.

        Args:
            items: Models, or objects that have a JSON form.
            columns: The fields that a table shows; default: those for the class of the items.

        Raises:
            UsageError: If `--fields` has a name that the first item does not have.
        """
        self._print_items(self._limited(items), columns)

    def line(self, value: Any) -> None:
        """Print one object of a stream, as a line of JSON."""
        self._print(self._json(self._selected(value, is_checked=False), indent=None))

    def text(self, text: str) -> None:
        """Print a text that is the data, such as a diagram. In a log of CI, what would be a command is escaped."""
        if is_read_by_ci(sys.stdout):
            text = without_commands(text)
        self._print(printable(text) if self.is_terminal and not isinstance(text, ColoredText) else text)

    def ci_command(self, text: str) -> None:
        """Print a command for CI."""
        self._print(printable(text))

    def painter(self) -> Painter:
        """Return what prints colored lines on the terminal."""
        return Painter(sys.stdout, has_color=uses_color(self._options, sys.stdout))

    def _selected(self, value: Any, *, is_checked: bool = True) -> Any:
        shown = plain(value)
        if not self._fields:
            return shown
        if is_array(shown):
            return [select(each, self._fields, is_checked=is_checked) for each in shown]
        return select(value, self._fields, is_checked=is_checked)

    def _limited(self, items: Iterable[Any]) -> Iterator[Any]:
        options = self._options
        if options.all and options.limit is not None:
            raise UsageError("--all and --limit contradict each other: give one of them")
        if options.all:
            yield from items
        elif options.limit is not None:
            yield from first(items, options.limit)
        else:
            for number, item in enumerate(items):
                if number == DEFAULT_LIMIT:
                    self._note(f"there are more than these {number}: --all prints every item, --limit N the first N")
                    return
                yield item

    def _print_items(self, items: Iterable[Any], columns: Sequence[str]) -> None:
        if self.is_json:
            self.array(items)
        elif self.is_terminal:
            from fibonacci.cli.rendering import TerminalTable

            chosen = self._fields or columns
            if not TerminalTable(self.painter(), chosen, is_checked=bool(self._fields)).write(items):
                self._note("there are none")
        else:
            for text in self._texts(items):
                self._print(text)

    def array(self, items: Iterable[Any]) -> None:
        """Print all items of an iterable as a JSON array.

        Its end is printed after the last item only, so that a part is no JSON.
        """
        separator = "["
        indent = "\n  " if self.is_terminal else "\n"
        try:
            for text in self._texts(items, indent=2 if self.is_terminal else None):
                self._print(separator + indent + text.replace("\n", "\n  "), end="")
                separator = ","
        except BaseException:
            if separator == ",":
                self._print("")
            raise
        self._print("[]" if separator == "[" else "\n]")

    def _texts(self, items: Iterable[Any], *, indent: int | None = None) -> Iterator[str]:
        for number, item in enumerate(items):
            yield self._json(self._selected(item, is_checked=number == 0), indent=indent)

    def _json(self, value: Any, *, indent: int | None) -> str:
        text = without_commands_in_json(json.dumps(value, ensure_ascii=False, indent=indent))
        try:
            text.encode(encoding_of(sys.stdout))
        except UnicodeEncodeError:
            return without_commands_in_json(json.dumps(value, indent=indent))
        return visible_json(text) if self.is_terminal else text

    def _print(self, text: str, *, end: str = "\n") -> None:
        print(encodable(text, encoding_of(sys.stdout)), end=end, flush=True)

    def _note(self, text: str) -> None:
        if not self._options.quiet:
            print_message(text)


def first(items: Iterable[Any], limit: int | None) -> Iterator[Any]:
    """Yield the first items, without asking for one more; all of them where the limit is None."""
    for number, item in enumerate(items, 1):
        yield item
        if number == limit:
            return
