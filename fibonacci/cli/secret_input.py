"""Reading a secret: without echo from the terminal, or the first line of stdin."""

from __future__ import annotations

import sys
import warnings
from getpass import GetPassWarning, getpass

from fibonacci.cli.exit_codes import UsageError
from fibonacci.cli.standard_streams import has_stream


def read_secret(prompt: str) -> str:
    """Return a secret without the white space around it; empty if there is none.

    Args:
        prompt: The text before it, which is printed to the terminal.

    Raises:
        UsageError: If the terminal would show it.
    """
    if not has_stream(sys.stdin):
        return ""
    if not sys.stdin.isatty():
        return sys.stdin.readline().strip()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", GetPassWarning)
            return getpass(prompt, sys.stderr).strip()
    except GetPassWarning:
        raise UsageError("the terminal would show what is typed: pipe the API key to stdin instead") from None
    except EOFError:
        return ""
