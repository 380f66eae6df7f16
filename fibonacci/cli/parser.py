"""The parser of the command line: options that every command has, and arguments that are added when they are needed."""

from __future__ import annotations

import argparse
import re
from collections.abc import Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final, NoReturn, cast

from fibonacci._suggestions import did_you_mean
from fibonacci.cli.exit_codes import USAGE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

_INVALID_CHOICE: Final = re.compile(
    r"argument (?P<name>\S+): invalid choice: '(?P<word>.*)' \(choose from (?P<known>.*)\)"
)


_GLOBAL_NAMES: Final = {"json", "fields", "limit", "all", "profile", "quiet", "debug", "yes", "no_color"}


class CommandHelp(argparse.HelpFormatter):
    """The help, in whose first lines the global options do not hide those of the command."""

    def __init__(self, prog: str, **options: Any) -> None:
        super().__init__(prog, **{"max_help_position": 28, **options})

    def add_usage(self, usage: Any, actions: Any, groups: Any, prefix: Any = None) -> None:
        """Add the usage without the global options, which follow in a group of their own."""
        own = [action for action in actions if action.dest not in _GLOBAL_NAMES]
        super().add_usage(usage, own, groups, prefix)


class CommandParser(argparse.ArgumentParser):
    """A parser that adds its arguments when it is used, so that one command does not load all others.

    Args:
        add_arguments: Adds the arguments of the command; None if it has none.
        options: The options of `argparse.ArgumentParser`.
    """

    def __init__(self, *, add_arguments: Callable[[CommandParser], None] | None = None, **options: Any) -> None:
        super().__init__(allow_abbrev=False, formatter_class=CommandHelp, **options)
        self._add_arguments = add_arguments

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Add the arguments of the command, parse, and refuse what is unknown: here it is known what there is."""
        self.complete()
        found, unknown = super().parse_known_args(args, namespace)
        if unknown:
            self.error(self._unknown(unknown[0]))
        return found, []

    def _unknown(self, word: str) -> str:
        name = word.partition("=")[0]
        if not name.startswith("-") or name == "-":
            return f"unexpected argument {word!r}; a text with spaces needs quotes"
        return f"unknown option {name!r}{did_you_mean(name, self._option_string_actions) or '; --help lists them'}"

    def complete(self) -> None:
        """Add the arguments of the command, unless they are there."""
        add, self._add_arguments = self._add_arguments, None
        if add is not None:
            add(self)

    def all_actions(self) -> Iterator[argparse.Action]:
        """Yield the arguments of the command, and of the commands below it."""
        self.complete()
        for action in self._actions:
            yield action
            choices: Any = action.choices
            if isinstance(choices, Mapping):  # of commands by their names
                for command in cast("Mapping[str, CommandParser]", choices).values():
                    yield from command.all_actions()

    def error(self, message: str) -> NoReturn:
        """Print one line to stderr, and exit."""
        self.exit(USAGE, f"{self.prog}: {_readable(message)}\n")


def add_global_options(parser: argparse.ArgumentParser, *, is_root: bool = False) -> None:
    """Add the options that stand before or after the name of a command.

    Args:
        parser: The parser of the command line, or that of a command.
        is_root: Whether the parser is that of the whole command line, which has the defaults.
    """
    group = parser.add_argument_group("global options")

    def add(*flags: str, default: Any, **options: Any) -> None:
        group.add_argument(*flags, default=default if is_root else argparse.SUPPRESS, **options)

    add("--json", action="store_true", default=False, help="print JSON: the fields of the API; an array for lists")
    add("--fields", metavar="A,B", type=_names, default=None, help="print these fields alone; a.b for one inside")
    add("--limit", metavar="N", type=_positive, default=None, help="print at most N items of a list; default: 100")
    add("--all", action="store_true", default=False, help="print every item of a list")
    add("--profile", metavar="NAME", default=None, help="the profile; default: FIBONACCI_PROFILE, or the file's")
    add("--quiet", action="store_true", default=False, help="print errors alone to stderr")
    add("--debug", action="store_true", default=False, help="print requests, waits and tracebacks to stderr")
    add("--yes", action="store_true", default=False, help="do not ask before something is deleted")
    add("--no-color", action="store_true", default=False, help="print no color; NO_COLOR does the same")


def command_adder(module: str) -> Callable[[CommandParser], None]:
    """Return a function that adds the arguments of a command.

    Args:
        module: The module of the command, which is imported when the function is called.
    """

    def add(parser: CommandParser) -> None:
        command: Any = import_module(f"fibonacci.cli.commands.{module}")
        command.add_arguments(parser)
        add_global_options(parser)
        if not parser.get_default("run"):  # a command with verbs has one for each
            parser.set_defaults(run=command.run)

    return add


def _names(text: str) -> Sequence[str]:
    names = [name.strip() for name in text.split(",")]
    if not all(names):
        raise argparse.ArgumentTypeError(f"{text!r} is no list of names, such as id,name")
    return names


def _positive(text: str) -> int:
    if not (text.isascii() and text.isdecimal()) or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number from 1")
    return int(text)


def _readable(message: str) -> str:
    """Return the message of argparse, with the name that was probably meant in place of a list of all."""
    found = _INVALID_CHOICE.fullmatch(message)
    if found is None:
        return message
    known = re.findall(r"[\w.-]+", found["known"])
    kind = "command" if found["name"] in ("COMMAND", "GROUP", "VERB") else f"value for {found['name']}"
    remedy = did_you_mean(found["word"], known) or ": it is one of " + ", ".join(known)
    return f"unknown {kind} {found['word']!r}{remedy}"
