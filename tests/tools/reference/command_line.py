"""The pages of the command line, from the parser of `fibonacci`."""

from __future__ import annotations

import ast
import re
import textwrap
from argparse import SUPPRESS, Action
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from inspect import cleandoc
from itertools import pairwise
from pathlib import Path
from typing import Any, Final, NamedTuple, cast

from fibonacci.cli import exit_codes
from fibonacci.cli.main import command_parser
from fibonacci.cli.parser import CommandParser, read_table
from tests.tools.markdown import ROOT
from tests.tools.reference.tables import plain, table

EXAMPLES: dict[str, list[str]] = read_table("examples")

FOLDER: Final = ROOT / "docs" / "reference"
OVERVIEW: Final = FOLDER / "command-line.md"

PYTHON: Final[Mapping[str, str]] = {
    "run": "client.workflows.run",
    "run-many": "client.workflows.run_many",
    "request": "client.request",
    "validate": "fibonacci.definitions.check_definition",
    "fmt": "fibonacci.definitions.format_file",
    "graph": "fibonacci.definitions.mermaid",
    "diff": "fibonacci.definitions.diff",
    "plan": "client.workflows.plan",
    "apply": "client.workflows.apply",
    "pull": "client.workflows.pull",
    "dev": "fibonacci.emulator.Emulator",
    "executions retry": "client.executions.retry",
    "executions watch": "client.executions.wait",
}
"""What the commands for people are in Python, where it is one name."""

TASKS: Final[Mapping[str, tuple[str, str, tuple[str, ...]]]] = {
    "command-run.md": (
        "Commands that run workflows",
        "Run a workflow once or for many rows, follow runs, and look into journals.",
        ("run", "run-many", "journal", "executions"),
    ),
    "command-deploy.md": (
        "Commands for definition files and deployment",
        "Check, format, draw and compare definitions, and deploy a folder of them.",
        ("validate", "fmt", "schema", "graph", "diff", "plan", "apply", "pull"),
    ),
    "command-platform.md": (
        "Commands for what is on the platform",
        "Workflows and their versions, the registry, organizations, memory and tools.",
        ("workflows", "versions", "registry", "organizations", "memory", "tools", "health", "request"),
    ),
    "command-setup.md": (
        "Commands that set up your machine",
        "Keys and profiles, checks of the setup, the emulator, completion, and the server for agents.",
        ("auth", "profiles", "doctor", "dev", "mcp", "completion"),
    ),
}
"""The title, the subject and the groups of commands of each page, by what people do."""

_WIDTH: Final = 80
_COLUMN: Final = 28
_DEFAULT: Final = re.compile(r"(?:^|; )default: ")
_CODES: Final = re.compile(r"^\| Code \|.+?\n(?=\n)", re.MULTILINE | re.DOTALL)


class ListedCommand(NamedTuple):
    """One command that can be run.

    Attributes:
        name: What is typed after `fibonacci`, such as `workflows get`.
        parser: Its parser, complete.
    """

    name: str
    parser: CommandParser

    @property
    def endpoint(self) -> str | None:
        """The request that a derived command sends, such as `GET /workflows`; None for the commands for people."""
        text = self.parser.epilog or ""
        return text.removeprefix("Sends ").removesuffix(".") if text.startswith("Sends ") else None

    @property
    def python(self) -> str | None:
        """What it is in Python: a path from `client`, or from the package; None where it is not one name."""
        if self.endpoint is not None:
            return f"client.{self.name.replace(' ', '.').replace('-', '_')}"
        return PYTHON.get(self.name)


def commands() -> list[ListedCommand]:
    """Return all commands, in the order of the help."""
    return list(_commands_below(command_parser(), ()))


def command_line_pages() -> dict[Path, Callable[[], str]]:
    """Return what derives each page, by its path."""
    pages: dict[Path, Callable[[], str]] = {OVERVIEW: overview_page}
    return pages | {FOLDER / name: partial(task_page, name) for name in TASKS}


def overview_page() -> str:
    """Return the page: what is written by hand, with the table of exit codes."""
    return _CODES.sub(lambda _: f"{_exit_codes()}\n", OVERVIEW.read_text("utf-8"))


def task_page(name: str) -> str:
    """Return the page of some groups of commands."""
    title, subject, groups = TASKS[name]
    shared = {action.dest for action in listed_options(command_parser())}
    intro = f"""\
# {title}

{subject}
`fibonacci COMMAND --help` prints the same, with the [options of all commands](command-line.md#global-options)."""
    sections = [_section(each, shared) for each in commands() if each.name.split()[0] in groups]
    return "\n\n".join([intro, *sections]) + "\n"


def _commands_below(parser: CommandParser, path: tuple[str, ...]) -> Iterator[ListedCommand]:
    children = [child for action in parser.actions() for child in _commands_of(action).items()]
    if not children:
        yield ListedCommand(" ".join(path), parser)
    for name, child in children:
        yield from _commands_below(child, (*path, name))


def _commands_of(action: Action) -> Mapping[str, CommandParser]:
    """Return the commands that an action chooses from, by name; none for an argument."""
    choices: Any = action.choices
    return cast("Mapping[str, CommandParser]", choices) if isinstance(choices, Mapping) else {}


def listed_options(parser: CommandParser) -> list[Action]:
    """Return the arguments of a parser without `--help`, `--version` and commands."""
    found = [action for action in parser.actions() if not _commands_of(action)]
    return [action for action in found if action.dest not in ("help", "version")]


def _section(command: ListedCommand, shared: set[str]) -> str:
    own = [action for action in listed_options(command.parser) if action.dest not in shared]
    parts = [_usage(command, own), "\n".join(map(_line, own)), *_notes(command)]
    parts.append("\n".join(f"fibonacci {line}" for line in EXAMPLES[command.name]))
    body = "\n\n".join(filter(None, parts))
    in_python = f"\n\nIn Python: `{command.python}`." if command.python else ""
    return (
        f"## fibonacci {command.name}\n\n{plain(command.parser.description or '')}\n\n```text\n{body}\n```{in_python}"
    )


def _line(action: Action) -> str:
    """Return an argument with its meaning beside it, or below a long one."""
    meaning, _, default = _DEFAULT.sub("\n", (action.help or "").replace("%%", "%")).partition("\n")
    default, _, rest = (default or _default(action)).partition(". ")
    stated = [meaning, *([f"default: {default}"] if default else []), *(["required"] if action.required else [])]
    text = "; ".join(stated if action.option_strings else stated[:-1] or stated) + (f". {rest}" if rest else "")
    name = f"  {option(action) if action.option_strings else _value(action)}"
    indent = " " * _COLUMN
    lines = textwrap.wrap(text, 100, initial_indent=indent, subsequent_indent=indent, break_on_hyphens=False)
    first = f"{name:{_COLUMN}}{lines[0].strip()}" if len(name) < _COLUMN - 1 else f"{name}\n{lines[0]}"
    return "\n".join([first, *lines[1:]])


def _notes(command: ListedCommand) -> list[str]:
    if command.endpoint is not None:
        return [f"Sends {command.endpoint}."]
    return [_paragraph(text) for text in cleandoc(command.parser.epilog or "").split("\n\n") if text]


def _paragraph(text: str) -> str:
    """Return a paragraph of a help; one whose lines are apart, such as one for each shell, keeps them."""
    is_prose = not text.startswith(" ") and len(_filled(text, 120).splitlines()) == len(text.splitlines())
    return _filled(text, 100) if is_prose else text


def _filled(text: str, width: int) -> str:
    return textwrap.fill(text, width, break_long_words=False, break_on_hyphens=False)


def _usage(command: ListedCommand, own: list[Action]) -> str:
    begin = f"fibonacci {command.name}"
    groups = _alternatives(command.parser)
    words = [word for action in own if action.option_strings for word in _usage_words(action, groups)]
    words += [positional(action) for action in own if not action.option_strings]
    lines = [begin]
    for word in words:
        if len(lines[-1]) + len(word) >= _WIDTH:
            lines.append(" " * len(begin))
        lines[-1] += f" {word}"
    return "\n".join(lines)


def _usage_words(action: Action, groups: list[list[Action]]) -> list[str]:
    group = next((group for group in groups if action in group), [action])
    if action is not group[0]:  # it stands with the first of its group
        return []
    text = " | ".join(option(each) for each in group)
    return [text if action.required else f"[{text}]"]


def _alternatives(parser: CommandParser) -> list[list[Action]]:
    """Return the options that exclude each other; argparse has no public name for them."""
    groups: list[Any] = vars(parser)["_mutually_exclusive_groups"]
    return [vars(group)["_group_actions"] for group in groups]


def option(action: Action) -> str:
    """Return an option with the placeholder of its value."""
    value = [] if action.nargs == 0 else [_value(action) + (" ..." if action.nargs == "+" else "")]
    return " ".join([action.option_strings[0], *value])


def positional(action: Action) -> str:
    """Return the placeholder of an argument without a name, with how often it is given."""
    name = _value(action)
    return {"?": f"[{name}]", "*": f"[-- {name} ...]", "+": f"{name} ..."}.get(str(action.nargs), name)


def _value(action: Action) -> str:
    if isinstance(action.metavar, str):
        return action.metavar
    return "|".join(map(str, action.choices)) if action.choices else action.dest.upper()


def _default(action: Action) -> str:
    value = action.default
    return "" if value in (None, False, SUPPRESS) or value == [] else str(value)


def _exit_codes() -> str:
    """Return the exit codes, from the texts below the constants of the module."""
    body = ast.parse(Path(exit_codes.__file__).read_text("utf-8")).body
    rows = [
        [f"{exit_codes.SIGNALED} + N" if name == "SIGNALED" else str(getattr(exit_codes, name)), plain(text)]
        for name, text in _described(body)
    ]
    return table(["Code", "Meaning"], rows)


def _described(body: list[ast.stmt]) -> Iterator[tuple[str, str]]:
    for statement, text in pairwise(body):
        if isinstance(statement, ast.AnnAssign) and isinstance(text, ast.Expr):
            yield ast.unparse(statement.target), ast.literal_eval(text.value)
