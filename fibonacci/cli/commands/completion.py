"""`fibonacci completion SHELL`: a short script, which asks `fibonacci __complete` what may appear at the cursor."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from fibonacci.cli.exit_codes import DONE

if TYPE_CHECKING:
    from fibonacci.cli.context import Context
    from fibonacci.cli.parser import CommandParser


# The bash of macOS is 3.2: it has no mapfile, and without compopt it completes files where there is no word.
_BASH: Final = r"""# bash completion of fibonacci
_fibonacci() {
  local kind= line
  COMPREPLY=()
  while IFS= read -r line; do
    if [[ -z $kind ]]; then kind=$line; else COMPREPLY+=("$line"); fi
  done < <(command fibonacci __complete bash "${COMP_LINE:0:COMP_POINT}" "$2" 2>/dev/null </dev/null)
  case $kind in
    files) ;;
    folders) compopt -o dirnames +o default 2>/dev/null ;;
    *) compopt +o default 2>/dev/null ;;
  esac
}
complete -o default -F _fibonacci fibonacci"""

_ZSH: Final = r"""#compdef fibonacci
_fibonacci() {
  local -a lines words_here shown
  local line
  lines=("${(@Q)words[2,CURRENT-1]}" "${(Q)PREFIX}")
  lines=("${(@f)$(command fibonacci __complete words "${(@)lines}" 2>/dev/null </dev/null)}")
  case $lines[1] in
    files) compset -P '--*='; _files; return ;;
    folders) compset -P '--*='; _files -/; return ;;
  esac
  for line in "${(@)lines[2,-1]}"; do
    words_here+=("${line%%$'\t'*}")
    shown+=("${line%%$'\t'*}${${line#*$'\t'}:+  -- ${line#*$'\t'}}")
  done
  compadd -l -d shown -a words_here
}
if [[ $funcstack[1] == _fibonacci ]]; then _fibonacci "$@"; else compdef _fibonacci fibonacci; fi"""

_FISH: Final = r"""# fish completion of fibonacci
function __fibonacci_complete
    set -l current (commandline -ct | string unescape)
    set -l words (commandline -opc)
    set -l lines (command fibonacci __complete words $words[2..-1] "$current" 2>/dev/null </dev/null)
    switch "$lines[1]"
        case files
            __fish_complete_path "$current"
        case folders
            __fish_complete_directories "$current"
        case '*'
            test (count $lines) -gt 1; and printf '%s\n' $lines[2..-1]
    end
end
complete -c fibonacci -f -a '(__fibonacci_complete)'"""

SCRIPTS: Final = {"bash": _BASH, "zsh": _ZSH, "fish": _FISH}
"""The scripts by the names of the shells."""
_EPILOG: Final = """\
  bash: eval "$(fibonacci completion bash)" in ~/.bashrc
  zsh:  eval "$(fibonacci completion zsh)" in ~/.zshrc, after compinit
  fish: fibonacci completion fish > ~/.config/fish/completions/fibonacci.fish"""


def add_completion_arguments(parser: CommandParser) -> None:
    """Add the arguments of the command."""
    parser.epilog = _EPILOG
    parser.add_argument("shell", metavar="SHELL", choices=tuple(SCRIPTS), help="the shell: bash, zsh or fish")


def run_completion(context: Context) -> int:
    """Print the script."""
    context.output.document("script", SCRIPTS[context.options.shell])
    return DONE
