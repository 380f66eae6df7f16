"""The context of a command: the options, the client, and where data and messages go, in which colors."""

from __future__ import annotations

import json
import os
import re
import sys
from contextlib import ExitStack, contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from fibonacci._core.json_bodies import is_array, is_object
from fibonacci._texts.suggestions import did_you_mean
from fibonacci._texts.text import printable, printable_line
from fibonacci.cli.exit_codes import UnwrittenResultError, UsageError
from fibonacci.cli.rendering import (
    Painter,
    TerminalTable,
    encodable,
    encoding_of,
    named_fields,
    plain,
    select,
    styled,
    unknown_field_text,
    unknown_fields,
    visible_json,
    write_object,
)
from fibonacci.cli.standard_streams import (
    discard_unwritable,
    has_stream,
    is_dumb,
    is_read_by_ci,
    is_terminal,
    print_message,
    without_commands,
    without_commands_in_json,
)

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
    from types import TracebackType
    from typing import TextIO

    from fibonacci import Fibonacci, WaitEvent
    from fibonacci.models._base import Model


_SIGNS: Final = {"+": "green", "-": "red", "~": "yellow", "!": "magenta", "@": "cyan"}
# Each level, and the lines of a long text, are indented by four spaces. One more space marks an unchanged line.
_SIGN: Final = re.compile(r"(?: {4})*([-+~!@])")


class ColoredText(str):
    """A text with colors, whose other control characters are escaped, so it is safe to print to a terminal."""

    __slots__ = ()


def uses_color(options: argparse.Namespace, stream: TextIO | None) -> bool:
    """Tell whether to print to a stream in color: if it is a terminal with colors, and they aren't turned off."""
    return is_terminal(stream) and not (options.no_color or os.environ.get("NO_COLOR") or is_dumb())


def color_changes(text: str) -> ColoredText:
    """Color the added, removed and changed lines of a difference or a plan."""
    return ColoredText("\n".join(map(_colored_change, text.split("\n"))))


def _colored_change(line: str) -> str:
    sign = _SIGN.match(line)
    return printable(line) if sign is None else colored(line, _SIGNS[sign[1]])


def colored(text: str, color: str) -> ColoredText:
    """Return a text in a color: `red`, `green`, `yellow`, `magenta` or `cyan`."""
    return ColoredText(styled(printable(text), color))


@contextmanager
def _ignoring_closed_stdout() -> Generator[None]:
    """Carry on if the reader of stdout has left, as `head` does: a file or an exit code may still be due.

    Streams end in that case, because they have nothing else to do.
    """
    try:
        yield
    except BrokenPipeError:
        discard_unwritable()


DEFAULT_LIMIT: Final = 100
"""How many items of a list are printed without `--limit` and `--all`."""


class Output:
    """Prints data to stdout, in the form that suits the options and the terminal.

    Args:
        options: The parsed command line.
        name_of: Returns the name that people read for the ID of a workflow.

    Attributes:
        is_json: Whether to print one JSON value.
        is_terminal: Whether a person reads stdout.
    """

    def __init__(self, options: argparse.Namespace, name_of: Callable[[str], str] = str) -> None:
        self.is_json: bool = options.json
        self.is_terminal: bool = is_terminal(sys.stdout)
        self._options = options
        self._name_of = name_of
        self._fields: Sequence[str] = options.fields or ()
        self._change = ""
        self._has_printed = False

    @property
    def awaits_json(self) -> bool:
        """Whether one JSON value is due, and none of it has been printed."""
        return self.is_json and not self._has_printed

    def record_change(self, change: str) -> None:
        """Note what was changed, in case the result can't be written.

        Args:
            change: What was done, with its ID: `exec_abc123 was started`.
        """
        self._change = change

    @contextmanager
    def writing(self, file: str | None = None) -> Generator[None]:
        """Write data in the block.

        Args:
            file: The file to write to, or None for stdout.

        Raises:
            UnwrittenResultError: If the result of a change can't be written, or stdout is closed. Nothing else is
                printed then.
            OSError: If data can't be written for another reason, and nothing was changed.
        """
        try:
            if file is None and not has_stream(sys.stdout):
                raise UnwrittenResultError(self._change or "the command has worked", "stdout is closed")
            yield
            self._has_printed = self._has_printed or file is None
        except OSError as error:
            if not self._change:
                raise
            discard_unwritable()
            raise UnwrittenResultError(self._change, error.strerror or str(error)) from error

    def check_fields(self, model: type[Model], *, is_read: bool = False) -> None:
        """Check `--fields` before anything is sent.

        Args:
            model: The class of what will be printed.
            is_read: Whether the command only reads. If so, unknown names are allowed, unless they resemble known
                fields.

        Raises:
            UsageError: If a name isn't a field.
        """
        if not self._fields:
            return
        from fibonacci.models._base import other_names, plain_names

        known = (*plain_names(model), *other_names(model))
        for name in unknown_fields(self._fields, known):
            if not is_read or did_you_mean(name, known):
                raise UsageError(unknown_field_text(name, known))

    def value(self, value: Any) -> None:
        """Print one object: a model, or a value that has a JSON form."""
        shown = self._selected(value)
        with _ignoring_closed_stdout():
            if not (self.is_terminal and not self.is_json and is_object(shown)):
                self._print(self._json(shown, indent=2 if self.is_terminal else None))
                return
            if hasattr(value, "model_dump") and not self._fields:
                sent = value.model_dump(mode="json")
                shown = {name: field for name, field in shown.items() if field is not None or name in sent}
            is_named = bool(self._fields) or "name" in shown or not hasattr(value, "model_dump")
            with self.writing():
                write_object(self.painter(), shown, str if is_named else self._name_of)

    def document(self, name: str, text: str) -> None:
        """Print a text that is all of the data, such as a diagram. As JSON, it is the only field of an object.

        Args:
            name: The name of the field.
            text: The text.
        """
        if self.is_json:
            self.value({name: text})
        else:
            self.text(text)

    def items(self, items: Iterable[Any], columns: Sequence[str] = ()) -> None:
        """Print a list while its items arrive: 100 of them, or as many as `--limit` or `--all` asks for.

        Args:
            items: Models, or objects that have a JSON form.
            columns: The fields that a table shows. Default: those for the class of the items.
        """
        limited = self._limited(items)
        if self.is_json:
            self.array(limited)
        elif self.is_terminal:
            if not TerminalTable(self.painter(), self._fields or columns, self._name_of).write(limited):
                self._note("there are none")
        else:
            for text in self._texts(limited):
                self._print(text)

    def line(self, value: Any) -> None:
        """Print one object of a stream as a line of JSON."""
        self._print(self._json(self._selected(value), indent=None))

    def text(self, text: str) -> None:
        """Print a text that is the data, such as a diagram. What CI would take for a command is escaped."""
        if is_read_by_ci(sys.stdout):
            text = without_commands(text)
        with _ignoring_closed_stdout():
            self._print(printable(text) if self.is_terminal and not isinstance(text, ColoredText) else text)

    def ci_command(self, text: str) -> None:
        """Print a command for CI."""
        with _ignoring_closed_stdout():
            self._print(printable(text))

    def painter(self) -> Painter:
        """Return what prints colored lines on the terminal."""
        return Painter(sys.stdout, has_color=uses_color(self._options, sys.stdout))

    def _selected(self, value: Any) -> Any:
        shown = plain(value)
        if is_array(shown):
            return [self._selected(item) for item in shown]
        known = named_fields(value) if self._fields else {}
        is_found = len(unknown_fields(self._fields, known)) < len(self._fields)
        return select(value, self._fields) if is_found else shown  # no request is left without its response

    def _limited(self, items: Iterable[Any]) -> Iterator[Any]:
        options = self._options
        if options.all:
            yield from items
        elif options.limit is not None:
            yield from take_first(items, options.limit)
        else:
            for number, item in enumerate(items):
                if number == DEFAULT_LIMIT:
                    self._note(f"there are more than these {number}: --all prints every item, --limit N the first N")
                    return
                yield item

    def array(self, items: Iterable[Any]) -> None:
        """Print all items of an iterable as a JSON array.

        The closing bracket is printed only after the last item, so a partial array isn't valid JSON.
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
        for item in items:
            yield self._json(self._selected(item), indent=indent)

    def _json(self, value: Any, *, indent: int | None) -> str:
        text = without_commands_in_json(json.dumps(value, ensure_ascii=False, indent=indent))
        try:
            text.encode(encoding_of(sys.stdout))
        except UnicodeEncodeError:
            return without_commands_in_json(json.dumps(value, indent=indent))
        return visible_json(text) if self.is_terminal else text

    def _print(self, text: str, *, end: str = "\n") -> None:
        with self.writing():
            print(encodable(text, encoding_of(sys.stdout)), end=end, flush=True)

    def _note(self, text: str) -> None:
        if not self._options.quiet:
            print_message(text)


def take_first(items: Iterable[Any], limit: int | None) -> Iterator[Any]:
    """Yield the first items without requesting any beyond the limit, or all of them if it is None."""
    for number, item in enumerate(items, 1):
        yield item
        if number == limit:
            return


class Context:
    """What a command works with. The client is created on first use.

    Args:
        options: The parsed command line.

    Attributes:
        options: The parsed command line.
        output: Prints data to stdout.
    """

    def __init__(self, options: argparse.Namespace) -> None:
        self.options: argparse.Namespace = options
        self.output: Output = Output(options, self.name_of)
        self._exits = ExitStack()

    def __enter__(self) -> Context:
        if self.options.debug:
            import logging

            from fibonacci.cli.debug_log import LogFormatter, logging_to

            handler = logging.StreamHandler(sys.stderr)
            handler.setFormatter(LogFormatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
            self._exits.enter_context(logging_to(handler))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._exits.close()

    @cached_property
    def client(self) -> Fibonacci:
        """The client, with credentials from the environment or the profile."""
        import logging

        from fibonacci import Fibonacci

        client = self._exits.enter_context(Fibonacci(profile=self.options.profile, on_wait=self._say_wait))
        logger, handler = logging.getLogger("fibonacci"), logging.NullHandler()
        logger.addHandler(handler)  # otherwise Python writes warnings to stderr, which already has what a person needs
        self._exits.callback(logger.removeHandler, handler)
        return client

    def name_of(self, workflow_id: str) -> str:
        """Return the name that people read for the ID of a workflow, or the ID if it has none or it can't be read."""
        return self._workflow_names.get(workflow_id, workflow_id) if workflow_id else ""

    @cached_property
    def _workflow_names(self) -> dict[str, str]:
        from fibonacci.cli.workflow_names import names_of_workflows

        return names_of_workflows(self.client)

    def say(self, text: str) -> None:
        """Print a message to stderr, unless `--quiet` was given."""
        if not self.options.quiet:
            print_message(text if isinstance(text, ColoredText) else printable(text))

    def _say_wait(self, event: WaitEvent) -> None:
        if event.reason == "rate_limit":
            self.say(f"waiting {event.seconds:.0f} s for the rate limit")

    def where(self) -> str:
        """Return where a change will be made, for a question: the platform, and the profile if one is used."""
        from fibonacci._profiles.config_file import read_profiles
        from fibonacci._profiles.credentials import used_profile

        profile = used_profile(read_profiles(), self.options.profile)
        return f"at {self.client.base_url}" + (f" (profile {profile.name!r})" if profile else "")

    def check_confirmable(self, question: str) -> None:
        """Check that `confirm` can ask, or needn't. Commands that will ask check this before they send anything.

        Raises:
            UsageError: If there is no terminal to ask on, and `--yes` was not given.
        """
        if not (self.options.yes or (is_terminal(sys.stdin) and is_terminal(sys.stderr))):
            raise UsageError(f"{question} Pass --yes: there is no terminal to ask on")

    def confirm(self, question: str) -> None:
        """Ask before something that can't be undone.

        Raises:
            UsageError: If there is no terminal to ask on and `--yes` was not given, or if the answer isn't yes.
        """
        self.check_confirmable(question)
        if self.options.yes:
            return
        print_message(f"{printable_line(question)} [y/N] ", end="")
        typed = sys.stdin.readline()
        if not typed:
            print_message("")  # Ctrl-D leaves the cursor after the question
        if typed.strip().lower() not in ("y", "yes"):
            raise UsageError("nothing was changed")
