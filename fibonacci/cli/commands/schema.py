"""`fibonacci schema`: the JSON Schema of definition files, for editors."""

from __future__ import annotations

from importlib.resources import files
from typing import TYPE_CHECKING, Final

from fibonacci.cli.exit_codes import DONE

if TYPE_CHECKING:
    from fibonacci.cli.context import Context
    from fibonacci.cli.parser import CommandParser

_FILE: Final = "definition.schema.json"
_EPILOG: Final = """\
Name it in the first line of a definition, by its address or by the path of a copy:
  # yaml-language-server: $schema=https://docs.fibonacci.today/definition.schema.json
Keep a copy outside the folder that you deploy, whose JSON files are definitions."""


def add_arguments(parser: CommandParser) -> None:
    """Add the epilog: the command has no arguments."""
    from fibonacci.cli.parser import keep_lines

    keep_lines(parser)
    parser.epilog = _EPILOG


def run(context: Context) -> int:
    """Print the schema."""
    text = files("fibonacci.definitions").joinpath(_FILE).read_text("utf-8")
    if context.output.is_json:
        import json

        context.output.value(json.loads(text))
    else:
        context.output.text(text.rstrip())
    return DONE
