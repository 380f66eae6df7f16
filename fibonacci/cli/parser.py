"""The parser of the command line: every command by name, the global options, and verbs added on first use."""

from __future__ import annotations

import argparse
import os
import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final, NamedTuple, NoReturn, Protocol

from fibonacci._texts.suggestions import did_you_mean
from fibonacci.cli.exit_codes import CommandLineError
from fibonacci.cli.numbers import list_of_names, positive
from fibonacci.cli.standard_streams import reading_width, wrapped

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from fibonacci.cli.context import Context


class CommandEntry(NamedTuple):
    """One command.

    Attributes:
        help: Its line in the help of the command above it.
        module: The module under `fibonacci.cli.commands` that has it: `add_NAME_arguments` adds its arguments, and
            `run_NAME` runs it, unless it has verbs.
        options: The global options that apply to it or its verbs, in addition to those of every command.
    """

    help: str
    module: str
    options: tuple[str, ...] = ()


CONNECTED: Final = ("json", "profile")
"""The global options of a command that connects to the platform and prints data."""
SELECTED: Final = ("fields", *CONNECTED)
"""The same, for data with fields to choose from."""
LISTED: Final = ("limit", "all")
"""The global options of a list."""
_JOURNAL: Final = ("json", "fields", *LISTED)


RESOURCES: Final = "the platform's resources"
"""The title of the derived commands in the help."""
SECTIONS: Final[dict[str, dict[str, CommandEntry]]] = {
    "run and follow": {
        "run": CommandEntry("run a workflow, and wait for its outputs", "executions", SELECTED),
        "run-many": CommandEntry("run a workflow for each row of a file, at most once per row", "run_many", SELECTED),
        "journal": CommandEntry("read the journal of a run-many, or stop its run", "journal", _JOURNAL),
    },
    "build and deploy": {
        "validate": CommandEntry("check a definition", "definitions", CONNECTED),
        "fmt": CommandEntry("format a definition", "definitions", ("json",)),
        "schema": CommandEntry("print the JSON Schema of definitions, for editors", "definitions", ("json",)),
        "graph": CommandEntry("draw a definition", "definitions", CONNECTED),
        "diff": CommandEntry("compare two definitions", "deployment", CONNECTED),
        "plan": CommandEntry("show what apply would change", "deployment", CONNECTED),
        "apply": CommandEntry("deploy a folder of definitions", "deployment", CONNECTED),
        "pull": CommandEntry("save a workflow as a definition file", "deployment", CONNECTED),
        "dev": CommandEntry("run an emulator of the platform on this machine", "dev", ("json",)),
    },
    RESOURCES: {
        "request": CommandEntry("send any request", "request", SELECTED),
    },
    "set up": {
        "doctor": CommandEntry("check the API key, the network and versions", "access", CONNECTED),
        "auth": CommandEntry("log in, log out, or show which API key is used", "access", SELECTED),
        "profiles": CommandEntry("list, choose, add and remove profiles", "access", ("json", "fields", *LISTED)),
        "mcp": CommandEntry("serve workflows as tools for agents", "mcp", ("profile",)),
        "completion": CommandEntry("print the completion script of a shell", "completion", ("json",)),
    },
}
"""The commands for people, by section of the help and in its order."""
COMMANDS: Final = {name: entry for section in SECTIONS.values() for name, entry in section.items()}

VERBS: Final[dict[str, dict[str, CommandEntry]]] = {
    "executions": {
        "get": CommandEntry("show one execution, or a node of it", "executions", SELECTED),
        "retry": CommandEntry("start an execution's workflow again, with its inputs", "executions", SELECTED),
        "watch": CommandEntry("follow an execution until it has ended", "executions", SELECTED),
        "tail": CommandEntry("show executions as they change", "executions", ("limit", *SELECTED)),
    },
}
"""The verbs for people in the groups of derived commands. Each replaces the derived command with the same name."""


RAW_CSV: Final = "write CSV cells as they are; default: with ' before text that a spreadsheet would take for a formula"
"""The help of `--raw-csv`."""


_REQUIRED: Final = "the following arguments are required: "
_NO_VALUE: Final = ": expected one argument"

# What each global option needs in order to apply. The others apply to every command.
_PURPOSES: Final = {
    "json": "commands that print data",
    "fields": "commands that print objects",
    "limit": "lists",
    "all": "lists",
    "profile": "commands that connect to the platform",
}
GLOBAL_NAMES: Final = {*_PURPOSES, "quiet", "debug", "yes", "no_color"}
"""The names of all global options in the parsed command line."""


class CommandAdder(Protocol):
    """Adds a command: its parser, and its line in the help, which is also its description."""

    def __call__(self, name: str, help: str, *, section: str | None = None, **options: Any) -> CommandParser:
        """Add a command, and return its parser. With the title of a section, the help lists it there."""
        ...


class CommandHelp(argparse.HelpFormatter):
    """The help, which lists the options of the command before the global ones."""

    def __init__(self, prog: str, **options: Any) -> None:
        super().__init__(prog, **{"max_help_position": 28, "width": reading_width() - 2, **options})

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        """Fill each paragraph, except those that begin with spaces, such as lines to copy."""
        paragraphs = text.strip("\n").split("\n\n")
        return "\n\n".join(
            text if text.startswith(" ") else "\n".join(self._split_lines(text, width)) for text in paragraphs
        )

    def _split_lines(self, text: str, width: int) -> list[str]:
        return wrapped(" ".join(text.split()), width)

    def add_usage(self, usage: Any, actions: Any, groups: Any, prefix: Any = None) -> None:
        """Add the usage without the global options, which follow in a separate group."""
        own = [action for action in actions if action.dest not in GLOBAL_NAMES]
        super().add_usage(usage, own, groups, prefix)


class CommandParser(argparse.ArgumentParser):
    """A parser that adds its arguments on first use, so that one command doesn't load all others.

    Args:
        add_arguments: Adds the arguments of the command, or None if it has none.
        options: The options of `argparse.ArgumentParser`.

    Attributes:
        global_names: The names of the global options that apply to the command.
    """

    def __init__(self, *, add_arguments: Callable[[CommandParser], None] | None = None, **options: Any) -> None:
        super().__init__(allow_abbrev=False, formatter_class=CommandHelp, **options)
        self._add_arguments = add_arguments
        self._typed: Sequence[str] = ()
        self.global_names: frozenset[str] = frozenset(GLOBAL_NAMES)

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Add the arguments of the command, parse, and refuse unknown ones here, where the known ones are at hand."""
        self.complete()
        self._typed = list(sys.argv[1:] if args is None else args)
        parsed, unknown = super().parse_known_args(args, namespace)
        if unknown:
            self.error(self._unknown(unknown[0]))
        self._check_global_options(parsed)
        return parsed, []

    def _check_global_options(self, parsed: argparse.Namespace) -> None:
        """Refuse global options that don't apply to the command, before or after its name."""
        command: CommandParser = getattr(parsed, "command_parser", self)
        for name, purpose in _PURPOSES.items():
            if getattr(parsed, name, None) and name not in command.global_names:
                command.error(f"--{name} does nothing here: it is for {purpose}")
        if getattr(parsed, "all", False) and getattr(parsed, "limit", None) is not None:
            command.error("--all and --limit can't be combined: pass only one")

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        if action.choices is not None and value not in action.choices:
            name = "/".join(action.option_strings) or str(action.metavar or action.dest)
            raise argparse.ArgumentError(None, _unknown_choice(name, str(value), list(map(str, action.choices))))

    def _get_value(self, action: argparse.Action, arg_string: str) -> Any:
        """Read a value. Problems of a definition are raised as they are, so that they are printed one by one."""
        try:
            return super()._get_value(action, arg_string)
        except argparse.ArgumentError as error:
            from fibonacci.errors import DefinitionError  # only a line with a mistake needs it

            if isinstance(error.__context__, DefinitionError):
                raise error.__context__ from None
            raise

    def _unknown(self, word: str) -> str:
        name = word.partition("=")[0]
        if not name.startswith("-") or name == "-":
            return f"unexpected argument {word!r}{self._inputs_remedy(word) or '. A text with spaces needs quotes'}"
        listed = [option for option, action in self._option_string_actions.items() if action.help != argparse.SUPPRESS]
        return f"unknown option {name!r}{did_you_mean(name, listed) or '. --help lists the options'}"

    def _inputs_remedy(self, word: str) -> str:
        """Return how to type inputs that were given as an argument. Empty for other words, or without that option."""
        if word.startswith("{") and "--inputs" in self._option_string_actions:
            return ". Pass inputs with --inputs"
        is_input = "--input" in self._option_string_actions and "=" in word.lstrip("=")
        return f". Did you mean --input {word}?" if is_input else ""

    def add_commands(self, metavar: str) -> CommandAdder:
        """Allow commands below this one, and return the function that adds them.

        Args:
            metavar: The placeholder for one in the usage, such as `VERB`.
        """
        commands: Any = self.add_subparsers(title="commands", metavar=metavar, required=True, prog=self.prog)
        unsectioned: Any = self._subparsers
        sections: dict[str, Any] = {}

        def add(name: str, help: str, *, section: str | None = None, **options: Any) -> CommandParser:
            description = f"{help[:1].upper()}{help[1:]}."
            parser: CommandParser = commands.add_parser(name, help=help, description=description, **options)
            if section is not None:
                if section not in sections:
                    sections[section] = self.add_argument_group(section)
                sections[section]._group_actions.append(commands._choices_actions[-1])
                unsectioned._group_actions.clear()  # leaves the metavar in the usage
            return parser

        return add

    def complete(self) -> None:
        """Add the arguments of the command, unless they were added before."""
        add, self._add_arguments = self._add_arguments, None
        if add is not None:
            add(self)

    def format_help(self) -> str:
        """Return the help, with examples at its end."""
        lines = read_table("examples").get(self.prog.partition(" ")[2], ())
        return super().format_help() + "".join(["\nexamples:\n", *(f"  fibonacci {line}\n" for line in lines)])

    def actions(self) -> list[argparse.Action]:
        """Return the arguments of the command."""
        self.complete()
        return self._actions

    def error(self, message: str) -> NoReturn:
        """Raise a `CommandLineError` with what is wrong."""
        problem = _readable(message)
        if message.startswith(_REQUIRED) and (word := self._unknown_option()):
            problem = self._unknown(word) if self._subparsers else f"{problem}. Put one that begins with - after --"
        raise CommandLineError(problem, self.prog) from None

    def _unknown_option(self) -> str:
        """Return the first word that looks like an option but isn't one. Empty if there is none."""
        known = (*self._option_string_actions, "-", "--")
        return next((word for word in self._typed if word[:1] == "-" and word.partition("=")[0] not in known), "")


def add_global_options(parser: CommandParser, names: Iterable[str], *, is_root: bool = False) -> None:
    """Add the options that go before or after the name of a command. Its help lists those that apply.

    Args:
        parser: The parser of the command line, or that of a command.
        names: The names of those that apply to it, in addition to those of every command.
        is_root: Whether the parser is that of the whole command line, which has the defaults.
    """
    parser.global_names = frozenset((*names, *GLOBAL_NAMES.difference(_PURPOSES)))
    parser.set_defaults(command_parser=parser)
    group = parser.add_argument_group("global options")

    def add(flag: str, default: Any, help: str, **options: Any) -> None:
        is_listed = flag.removeprefix("--").replace("-", "_") in parser.global_names
        group.add_argument(
            flag,
            default=default if is_root else argparse.SUPPRESS,
            help=help if is_listed else argparse.SUPPRESS,
            **options,
        )

    add("--json", action="store_true", default=False, help="print one JSON value: an object or an array")
    add(
        "--fields",
        metavar="A,B",
        type=list_of_names,
        default=None,
        help="print only these fields, such as id,outputs.greet",
    )
    add("--limit", metavar="N", type=positive, default=None, help="print at most N items of a list; default: 100")
    add("--all", action="store_true", default=False, help="print every item of a list")
    add(
        "--profile",
        metavar="NAME",
        default=None,
        help="the profile to use; default: FIBONACCI_PROFILE, or the default profile",
    )
    add("--quiet", action="store_true", default=False, help="print only errors to stderr")
    add("--debug", action="store_true", default=False, help="print requests, waits and tracebacks to stderr")
    add("--yes", action="store_true", default=False, help="don't ask before changing or deleting something")
    add("--no-color", action="store_true", default=False, help="print no color, as with NO_COLOR=1")


def read_table(name: str) -> Any:
    """Return a table from its JSON file: `examples`, `synonyms` (what to type for a word), or derived commands."""
    from json import load

    # The help doesn't load pathlib, which takes longer than the table.
    with open(f"{os.path.dirname(__file__)}/{name}.json", encoding="utf-8") as file:  # noqa: PTH120, PTH123
        return load(file)


def command_adder(entry: CommandEntry, name: str) -> Callable[[CommandParser], None]:
    """Return a function that adds the arguments of a command.

    Args:
        entry: The command, whose module is imported when the function is called.
        name: The name of the command.
    """

    def add(parser: CommandParser) -> None:
        commands, own = vars(import_module(f"fibonacci.cli.commands.{entry.module}")), name.replace("-", "_")
        commands[f"add_{own}_arguments"](parser)
        add_global_options(parser, entry.options)
        run = commands.get(f"run_{own}")
        if run is not None:  # each verb of a command has its own
            parser.set_defaults(run=run)

    return add


def _readable(message: str) -> str:
    """Return argparse's message with a remedy."""
    if message.startswith(_REQUIRED):
        names = message.removeprefix(_REQUIRED)
        return f"{names} {'are' if ', ' in names else 'is'} missing: see --help"
    if message.endswith(_NO_VALUE):
        option = message.removesuffix(_NO_VALUE).removeprefix("argument ")
        return f"{option} needs a value. If it begins with -, write {option}=-x"
    return message


def _unknown_choice(name: str, word: str, known: Sequence[str]) -> str:
    """Return what is wrong with a word. If a known one was probably meant, name it instead of listing all."""
    remedy = ""
    if is_command := name in ("COMMAND", "GROUP", "VERB"):
        is_run = word in ("run", "execute") and name != "COMMAND"  # as in Python, where it is a method of the group
        meant = f"--{word}" if word in ("help", "version") else "fibonacci run ID|NAME|FILE" if is_run else ""
        meant = meant or (read_table("synonyms").get(word, "") if name == "COMMAND" else "")
        remedy = f". Did you mean {meant!r}?" if meant else ""
    remedy = remedy or did_you_mean(word, known) or f": it is one of {', '.join(known)}"
    return f"unknown {'command' if is_command else f'value for {name}'} {word!r}{remedy}"


def add_verb(
    add: CommandAdder, name: str, help: str, run: Callable[[Context], int], options: Iterable[str] = ()
) -> CommandParser:
    """Add a verb to a command, and return its parser, for its arguments.

    Args:
        add: What the command's `add_commands` returned.
        name: The verb.
        help: Its line in the help of the command.
        run: Runs the verb, and returns the exit code.
        options: The global options that apply to it, in addition to those of every command.
    """
    parser = add(name, help)
    parser.set_defaults(run=run)
    add_global_options(parser, options)
    return parser
