"""The arguments of the command that serves an emulator. Heavy imports wait until a value is checked."""

from __future__ import annotations

import argparse
import os
import sys
from typing import Final, Literal, get_args

from fibonacci.emulator.option_values import KEPT, PORT, PlanName, TimeMode

_KEY_VARIABLE: Final = "FIBONACCI_EMULATOR_API_KEY"

Shell = Literal["sh", "fish", "powershell"]
"""The language of a shell. bash and zsh use `sh` too."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments to a parser, which may be that of a larger command."""
    _add_server(parser)
    _add_content(parser)
    shell_help = "the shell to print lines for; default: that of SHELL"
    parser.add_argument("--shell", choices=get_args(Shell), default=_current_shell(), help=shell_help)
    parser.add_argument(
        "command", metavar="COMMAND", nargs="*", help="after --: the command to run with the two variables set"
    )


def given_key(options: argparse.Namespace) -> str | None:
    """Return the owner's key from the options, or else from the environment, or `None`."""
    api_key: str | None = options.api_key
    return api_key or os.environ.get(_KEY_VARIABLE) or None


def _add_server(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--host", default="127.0.0.1", help="the address to listen on; default: loopback")
    add("--port", type=int, default=PORT, help=f"the port, or 0 for any free one; default: {PORT}")
    add("--db", metavar="FILE", help="keep the state in this file; default: in memory")
    add("--plan", choices=get_args(PlanName), default="enterprise", help="the plan, which sets rate limits and quotas")
    add(
        "--keep",
        type=number_or_all,
        default=KEPT,
        metavar="N",
        help=f"how many ended executions to keep, or all; default: {KEPT}",
    )
    key = parser.add_mutually_exclusive_group()
    key.add_argument(
        "--api-key",
        metavar="KEY",
        help="the owner's API key, which other users of this machine can see in the process list; default: that of "
        f"{_KEY_VARIABLE}, or a new one",
    )
    key.add_argument(
        "--api-key-file",
        dest="api_key",
        type=_key_in_file,
        metavar="FILE",
        help="a file with the owner's API key, which keeps it out of the process list",
    )
    add("--time", choices=get_args(TimeMode), default="real", help="how the clock runs; default: real")
    add(
        "--allowed-host",
        action="append",
        default=[],
        metavar="NAME",
        help="a name or address that requests may have in Host, such as a container's. You can repeat it",
    )
    add(
        "--origin",
        action="append",
        default=[],
        metavar="ORIGIN",
        help="an origin whose pages may call the emulator, such as http://localhost:5173. You can repeat it",
    )


def _add_content(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--strict", action="store_true", help="refuse what is unknown or unsupported, instead of warning about it")
    add("--script", metavar="FILE", help="answers for nodes, in sequence: a file of JSON or YAML")
    add("--seed", metavar="FOLDER", help="definitions, settings and memory to start with")
    add(
        "--handlers",
        metavar="MODULE:FUNCTION",
        help="a function that takes the emulator and registers handlers with it",
    )
    reload_help = "import the module of --handlers again when its files change. The state is kept"
    add("--reload", action="store_true", help=reload_help)
    cassette = parser.add_mutually_exclusive_group()
    cassette.add_argument("--record", metavar="FILE", help="record the calls of your handlers in this file")
    cassette.add_argument("--replay", metavar="FILE", help="answer the calls of your handlers from this file")


def _current_shell() -> Shell:
    """Return the language of the user's shell."""
    name = os.environ.get("SHELL", "").rpartition("/")[2]
    if name:
        return "fish" if name == "fish" else "sh"
    return "powershell" if sys.platform == "win32" else "sh"


def number_or_all(text: str) -> int | None:
    """Return a number, or `None` for `all`."""
    return None if text == "all" else int(text)


def _key_in_file(name: str) -> str:
    from fibonacci._system.files import read_private

    try:
        return read_private(name, is_secret=True).decode("latin-1").removesuffix("\n").removesuffix("\r")
    except OSError as error:
        raise argparse.ArgumentTypeError(f"{name} cannot be used: {error.strerror}") from None
