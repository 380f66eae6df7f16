"""`fibonacci completion SHELL`: the completion of commands and options, as a script of the shell."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from fibonacci.cli.exit_codes import DONE
from fibonacci.cli.main import PROGRAM, command_parser

if TYPE_CHECKING:
    from fibonacci.cli.context import Context
    from fibonacci.cli.parser import CommandParser


try:
    import shtab
except ImportError as _error:
    raise ImportError("completion needs shtab: pip install 'fibonacci-sdk[completion]'") from _error


# Words in the name of a value that is a path.
_PATHS = ("FILE", "FOLDER", "DIR", "ROWS")


def completion_script(shell: str) -> str:
    """Return the completion of all commands and options as a script.

    Args:
        shell: The name of the shell, such as `bash`.
    """
    parser = command_parser()
    for action in parser.all_actions():
        if isinstance(action.metavar, str) and action.nargs != 0 and any(word in action.metavar for word in _PATHS):
            vars(action)["complete"] = shtab.FILE
    return shtab.complete(parser, shell, root_prefix=PROGRAM)


_SHELLS: Final = ("bash", "zsh", "fish")
_EPILOG: Final = """\
bash: eval "$(fibonacci completion bash)" in ~/.bashrc
zsh:  eval "$(fibonacci completion zsh)" in ~/.zshrc, after compinit
fish: fibonacci completion fish > ~/.config/fish/completions/fibonacci.fish"""


def add_completion_arguments(parser: CommandParser) -> None:
    """Add the arguments of the command."""
    from fibonacci.cli.parser import keep_lines

    keep_lines(parser)
    parser.epilog = _EPILOG
    parser.add_argument("shell", metavar="SHELL", choices=_SHELLS, help="the shell: bash, zsh or fish")


def run_completion(context: Context) -> int:
    """Print the script."""
    context.output.document("script", completion_script(context.options.shell))
    return DONE
