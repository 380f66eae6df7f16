"""The arguments and options of derived commands, from the derived tables."""

from __future__ import annotations

from argparse import SUPPRESS
from functools import partial
from typing import TYPE_CHECKING, Any

from fibonacci.cli.calls.entries import NULLS, PREFIX, CallEntry, CallGroup, calls_of
from fibonacci.cli.parser import VERBS, add_global_options, command_adder

if TYPE_CHECKING:
    from fibonacci.cli.calls.entries import CallParameter
    from fibonacci.cli.context import Context
    from fibonacci.cli.parser import CommandAdder, CommandParser


def add_group(parser: CommandParser, name: str) -> None:
    """Add the calls of a group, such as `workflows`, and its verbs that are not calls."""
    calls, verbs = calls_of(name), VERBS.get(name, {})
    derived = {verb: entry for verb, entry in calls.entries.items() if verb not in verbs}
    add = _add_entries(parser, calls._replace(entries=derived), (name,))
    for verb, entry in verbs.items():
        add(verb, entry.help, add_arguments=command_adder(entry, verb))


def _add_entries(parser: CommandParser, group: CallGroup, path: tuple[str, ...]) -> CommandAdder:
    is_parent = any(isinstance(entry, CallGroup) for entry in group.entries.values())
    add = parser.add_commands("GROUP" if is_parent else "VERB")
    for name, entry in group.entries.items():
        if isinstance(entry, CallGroup):
            add(name, entry.help, add_arguments=partial(_add_entries, group=entry, path=(*path, name)))
        else:
            add_arguments = partial(_add_call, entry=entry, path=(*path, name))
            add(name, entry.help, epilog=f"Sends {entry.endpoint}.", add_arguments=add_arguments)
    add_global_options(parser, group.global_options)
    return add


def _add_call(parser: CommandParser, entry: CallEntry, path: tuple[str, ...]) -> None:
    from fibonacci.cli.calls.value_kinds import KINDS, word

    for parameter in entry.parameters:
        kind = KINDS[parameter.kind]
        options: dict[str, Any] = {"type": kind.read, "help": parameter.help.replace("%", "%%")}
        if parameter.choices:
            options["type"] = partial(word, choices=parameter.choices)
        if parameter.is_positional:
            metavar = kind.metavar if parameter.kind in ("workflow", "file") else parameter.name.upper()
            options |= {"nargs": "?"} if parameter.kind == "file" else {}
            parser.add_argument(f"{PREFIX}{parameter.name}", metavar=metavar, **options)
            continue
        if parameter.kind == "names":
            options["action"] = "extend"
        parser.add_argument(
            f"--{parameter.option}",
            dest=f"{PREFIX}{parameter.name}",
            metavar=kind.metavar,
            required=parameter.is_required,
            default=SUPPRESS,  # null is a valid value
            **options,
        )
    _add_nulls(parser, entry.parameters)
    add_global_options(parser, entry.global_options)
    parser.set_defaults(run=partial(_run, entry=entry, path=path))


def _add_nulls(parser: CommandParser, parameters: tuple[CallParameter, ...]) -> None:
    nullable = [parameter.option for parameter in parameters if parameter.is_nullable]
    if nullable:
        from fibonacci.cli.numbers import list_of_names

        help = f"send null for an option, one of {', '.join(nullable)}"
        parser.add_argument("--null", dest=NULLS, metavar="A,B", type=list_of_names, action="extend", help=help)


def _run(context: Context, entry: CallEntry, path: tuple[str, ...]) -> int:
    from fibonacci.cli.calls.running import run_call

    return run_call(context, entry, path)
