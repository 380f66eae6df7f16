"""The page of the command line, from the parser of `fibonacci`."""

from __future__ import annotations

import ast
import re
import textwrap
from argparse import SUPPRESS, Action
from collections.abc import Iterator, Mapping
from inspect import cleandoc
from itertools import pairwise
from pathlib import Path
from typing import Any, Final, NamedTuple, cast

from fibonacci.cli import exit_codes
from fibonacci.cli.examples import EXAMPLES
from fibonacci.cli.main import command_parser
from fibonacci.cli.parser import CommandParser
from tests.tools.reference.tables import code, plain, sentence, table

HOW_TO: Final = "../how-to/use-the-command-line.md"

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

_WIDTH: Final = 80
_OPTION: Final = re.compile(r"(?<![\w-])--[a-z][\w-]*")
_DEFAULT: Final = re.compile(r"(?:^|; )default: ")

_BEGIN: Final = f"""\
# The command line

Look here for a command or an option of `fibonacci`. The page is generated from the command, and
`fibonacci COMMAND --help` prints the same text. To learn how to use the commands, read
[Use the command line]({HOW_TO}). [Values and output](command-output.md) has the rules that
all commands share.

```text
fibonacci [GLOBAL OPTIONS] COMMAND [ARGUMENTS]
fibonacci --version
```

## Global options

You can write these options before or after the name of a command. Not every command supports `--json`, `--fields`,
`--limit`, `--all` and `--profile`. If a command doesn't support one of them, it exits 64, and its `--help` doesn't list
the option.
"""

_EXIT_CODES: Final = """\
In a script, treat these codes as follows:

- **1**: The platform said no, for example with a 404, 409 or 422, or because a quota is used up. If `--fields` names a
  field that the response doesn't have, the platform still carried out the request, and the command prints the whole
  response.
- **69**: Try again later.
- **74**: Don't try again. The platform did what you asked for, and stderr has the ID.
- **75**: Look before you try again. The run is still running, or it may have been started.

Some commands use a code in their own way:

- `diff` exits 1 only if there is a difference. If the platform refuses a request, it exits 69.
- `fmt --check` exits 1 if a file would change.
- `plan` exits 2 if there are changes.
- `apply` exits 1 if someone else changed the workflows: the plan is out of date, or you need `--overwrite`. It exits 64
  if you have to change its files or options. For example, the state can't be read, two files have the same name, or a
  deletion needs `--allow-delete`.
- `validate` exits 64 if a definition has errors.
- `fibonacci dev -- COMMAND` exits with the code of `COMMAND`, or with 1 if that passed and a script or something else
  that was prepared [never acted](emulator.md#check_unused).
- `run-many` has [its own list](../how-to/run-rows-from-a-terminal.md#exit-codes).
"""

_ENVIRONMENT: Final = """\
## Environment

[Environment variables](environment-variables.md) lists the variables that the command reads. If you also pass the
option, the option wins.
"""


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


def command_line_page() -> str:
    """Return the page."""
    found = commands()
    shared = listed_options(command_parser())
    overview = table(
        ["Command", "What it does"], [[_link(each), plain(each.parser.description or "")] for each in found]
    )
    parts = [_BEGIN, _table_of(shared), "", "## Exit codes", "", _exit_codes(), "", _EXIT_CODES, _ENVIRONMENT]
    parts += ["## Commands", "", overview]
    names = {action.dest for action in shared}
    for command in found:
        parts += ["", *_section(command, names)]
    return "\n".join(parts) + "\n"


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


def _section(command: ListedCommand, shared: set[str]) -> list[str]:
    own = [action for action in listed_options(command.parser) if action.dest not in shared]
    lines = [f"### fibonacci {command.name}", "", plain(command.parser.description or ""), "", "```text"]
    lines += [_usage(command, own), "```"]
    if own:
        lines += ["", _table_of(own)]
    examples = [f"fibonacci {line}" for line in EXAMPLES[command.name]]
    return [*lines, *_notes(command), "", "For example:", "", "```text", *examples, "```"]


def _notes(command: ListedCommand) -> list[str]:
    if command.endpoint is not None:
        return ["", f"Sends `{command.endpoint}`, as `{command.python}` does."]
    epilog = cleandoc(command.parser.epilog or "")
    lines = [line for text in epilog.split("\n\n") if text for line in ("", _paragraph(text))]
    return [*lines, *(["", f"In Python: `{command.python}`."] if command.python else [])]


def _paragraph(text: str) -> str:
    """Return a paragraph of a help; one whose lines are apart, such as one for each shell, keeps them."""
    filled = textwrap.fill(text, 120, break_long_words=False, break_on_hyphens=False)
    is_prose = not text.startswith(" ") and len(filled.splitlines()) == len(text.splitlines())
    return _prose(filled) if is_prose else f"```text\n{textwrap.dedent(text)}\n```"


def _prose(text: str) -> str:
    """Return a text of a help as Markdown, with its options as code, which no line break divides."""
    parts = re.split(r"(`[^`]+`)", text)
    parts[::2] = [_OPTION.sub(r"`\g<0>`", part) for part in parts[::2]]
    return plain("".join(parts))


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


def _table_of(actions: list[Action]) -> str:
    rows = list(map(_row, actions))
    if not any(default for _, _, default in rows):
        return table(["Argument", "Meaning"], [row[:2] for row in rows])
    return table(["Argument", "Meaning", "Default"], rows)


def _row(action: Action) -> list[str]:
    meaning, _, default = _DEFAULT.sub("\n", (action.help or "").replace("%%", "%")).partition("\n")
    default, _, rest = default.partition(". ")
    name = option(action) if action.option_strings else _value(action)
    meaning = sentence(meaning) + (f". {rest}" if rest else "")
    if action.option_strings and action.required:
        meaning = f"{meaning}. Required"
    return [code(name), _prose(meaning), _prose(default) if default else _default(action)]


def _default(action: Action) -> str:
    value = action.default
    return "" if value in (None, False, SUPPRESS) or value == [] else code(str(value))


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


def _link(command: ListedCommand) -> str:
    return f"[`{command.name}`](#fibonacci-{command.name.replace(' ', '-')})"
