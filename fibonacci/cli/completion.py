"""The completion of a shell, by shtab (extra `completion`)."""

from __future__ import annotations

from fibonacci.cli.main import PROGRAM, command_parser

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
