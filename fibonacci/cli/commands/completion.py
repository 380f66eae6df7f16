"""`fibonacci completion SHELL`: a short script that asks `fibonacci __complete` what fits at the cursor."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from fibonacci.cli.exit_codes import DONE

if TYPE_CHECKING:
    from fibonacci.cli.context import Context
    from fibonacci.cli.parser import CommandParser


SHELLS: Final = ("bash", "zsh", "fish")
"""The shells that there are scripts for, in the folder `completions`."""
_EPILOG: Final = """\
  bash: eval "$(fibonacci completion bash)" in ~/.bashrc
  zsh:  eval "$(fibonacci completion zsh)" in ~/.zshrc, after compinit
  fish: fibonacci completion fish > ~/.config/fish/completions/fibonacci.fish"""


def add_completion_arguments(parser: CommandParser) -> None:
    """Add the arguments of the command."""
    parser.epilog = _EPILOG
    parser.add_argument("shell", metavar="SHELL", choices=SHELLS, help="the shell: bash, zsh or fish")


def run_completion(context: Context) -> int:
    """Print the script."""
    from importlib.resources import files

    script = (
        files("fibonacci.cli").joinpath(f"commands/completions/fibonacci.{context.options.shell}").read_text("utf-8")
    )
    context.output.document("script", script.rstrip("\n"))
    return DONE
