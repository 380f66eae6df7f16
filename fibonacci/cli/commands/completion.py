"""`fibonacci completion SHELL`: the completion of commands and options, as a script of the shell."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from fibonacci.cli.exit_codes import DONE

if TYPE_CHECKING:
    from fibonacci.cli.context import Context
    from fibonacci.cli.parser import CommandParser

_SHELLS: Final = ("bash", "zsh", "fish")
_EPILOG: Final = """\
bash: eval "$(fibonacci completion bash)" in ~/.bashrc
zsh:  eval "$(fibonacci completion zsh)" in ~/.zshrc, after compinit
fish: fibonacci completion fish > ~/.config/fish/completions/fibonacci.fish"""


def add_arguments(parser: CommandParser) -> None:
    """Add the arguments of the command."""
    from fibonacci.cli.help_texts import keep_lines

    keep_lines(parser)
    parser.epilog = _EPILOG
    parser.add_argument("shell", metavar="SHELL", choices=_SHELLS, help="the shell: bash, zsh or fish")


def run(context: Context) -> int:
    """Print the script."""
    from fibonacci.cli.completion import completion_script

    context.output.document("script", completion_script(context.options.shell))
    return DONE
