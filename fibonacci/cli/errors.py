"""Turns an error into a line on stderr, a JSON value on stdout, and an exit code."""

from __future__ import annotations

import json
import re
import sys
import traceback
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from fibonacci._texts.text import counted, printable, printable_line
from fibonacci.cli.exit_codes import (
    FAILED,
    NO_ANSWER,
    NO_CREDENTIALS,
    NOT_ENDED,
    SIGNALED,
    UNWRITTEN,
    USAGE,
    CommandLineError,
    UnwrittenResultError,
)
from fibonacci.cli.signals import signal_of
from fibonacci.cli.standard_streams import (
    has_stream,
    print_message,
    without_commands_in_json,
    without_keys,
    wrapped_message,
)
from fibonacci.errors import (
    APIError,
    APIStatusError,
    AuthenticationError,
    ConfigurationError,
    DefinitionError,
    DeploymentError,
    ExecutionFailedError,
    FibonacciError,
    JournalError,
    RateLimitError,
    RunsStoppedError,
    StalePlanError,
    TooManyFailuresError,
    UnknownOutcomeError,
    UnsupportedCallError,
    WaitTimeoutError,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from fibonacci.definitions import Problem

_WORD: Final = re.compile(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
"""Where a word begins in the name of a class."""
_PATH_FAULTS: Final = (FileNotFoundError, IsADirectoryError, NotADirectoryError, PermissionError)
"""Errors about a path that was typed or configured, as opposed to disk errors."""
_UNSENT: Final = (ValueError, TypeError, ImportError, JournalError, DeploymentError, UnsupportedCallError)
"""Arguments, files and calls that the client refuses before it changes anything, and extras that aren't installed."""
_NEGATIVE: Final = (ExecutionFailedError, TooManyFailuresError, StalePlanError)
"""What the platform was asked for has come out badly, or must not be done."""

_PLAIN: Final = (FibonacciError, ValueError, TypeError, OSError, ImportError, KeyboardInterrupt, UnwrittenResultError)
"""Errors whose text is enough."""


def report(error: BaseException, *, is_json: bool, is_debug: bool = False) -> int:
    """Print an error to stderr: each problem of a definition, then one line, wrapped on a terminal.

    Args:
        error: What ended the command.
        is_json: Whether to print it to stdout as well, as JSON.
        is_debug: Whether to print the traceback first.

    Returns:
        The exit code.
    """
    if is_debug:
        print_message(printable(without_keys("".join(traceback.format_exception(error)))), end="")
    for line in _problem_lines(error):
        print_message(line)
    command = error.command if isinstance(error, CommandLineError) else "fibonacci"
    print_message(wrapped_message(f"{command}: {_one_line(error)}", sys.stderr))
    if is_json and has_stream(sys.stdout):
        with suppress(OSError):  # the exit code is what matters
            print(without_commands_in_json(json.dumps({"error": error_object(error)})), flush=True)
    return exit_code(error)


def error_object(error: BaseException) -> dict[str, Any]:
    """Return an error as JSON: its code, its message, its problems and the ID of the request."""
    from fibonacci._texts.logging import redact_keys_in_use

    found: Iterable[Problem] = getattr(error, "problems", ())
    problems: list[Any] = []
    if found:
        from fibonacci.cli.definition_arguments import problem_object

        problems += map(problem_object, found)
    elif isinstance(error, FibonacciError):
        problems += error.details
    return {
        "code": _code(error),
        # The platform's, unless the SDK sent nothing.
        "message": without_keys(
            error.message if isinstance(error, APIStatusError) and error.attempts else _one_line(error)
        ),
        "problems": redact_keys_in_use(problems),
        "request_id": getattr(error, "request_id", None),
    }


def _code(error: BaseException) -> str:
    """Return the platform's code, `usage` for wrong arguments, or else the error's class name in words."""
    if isinstance(error, FibonacciError) and error.code:
        return error.code
    if not isinstance(error, FibonacciError) and exit_code(error) == USAGE:
        return "usage"
    return _WORD.sub("_", type(error).__name__.removesuffix("Error")).lower()


def _problem_lines(error: BaseException) -> list[str]:
    """Return a line for each problem of a definition or a state with several. Other errors have none."""
    if isinstance(error, DeploymentError) and "\n" in str(error):
        return [wrapped_message(printable_line(line), sys.stderr) for line in str(error).splitlines()]
    if not isinstance(error, DefinitionError):
        return []
    from fibonacci.cli.definition_arguments import problem_lines

    return [line for problem in error.problems for line in problem_lines(problem, sys.stderr)]


def _one_line(error: BaseException) -> str:
    """Return an error and its notes on one line, in the command's words and without control characters."""
    if isinstance(error, DefinitionError):
        text = f"{counted(len(error.problems), 'problem')} in definitions"
    else:
        text = _text(error)
    if isinstance(error, DeploymentError) and "\n" in text:
        text = f"{len(text.splitlines())} problems in the state"
    if not isinstance(error, _PLAIN):
        text = f"{type(error).__name__}: {text} (--debug prints where)"
    for note in getattr(error, "__notes__", ()):
        # In Python, a note follows the text of its error. IDs and paths stay as they are.
        sentence = note[:1].upper() + note[1:] if note.partition(" ")[0].isalpha() else note
        text += f"{' ' if text.endswith(('.', '?', '!')) else '. '}{sentence}"
    return printable_line(without_keys(" ".join(text.split())))


def _text(error: BaseException) -> str:
    if isinstance(error, KeyboardInterrupt):
        return "interrupted."
    if isinstance(error, OSError) and error.strerror:
        return error.strerror if error.filename is None else f"{error.filename}: {error.strerror}"
    return str(error) or type(error).__name__


def exit_code(error: BaseException) -> int:
    """Return the exit code of an error, by its class and attributes. Only this function decides it."""
    if isinstance(error, KeyboardInterrupt):
        return SIGNALED + signal_of(error)
    if isinstance(error, AuthenticationError) or (isinstance(error, ConfigurationError) and error.is_about_key):
        return NO_CREDENTIALS
    if isinstance(error, UnwrittenResultError):
        return UNWRITTEN
    if isinstance(error, WaitTimeoutError | UnknownOutcomeError | RunsStoppedError):
        return NOT_ENDED
    if isinstance(error, APIError):
        # The platform refused. A rate limit isn't a refusal, because the call works after the reset.
        is_refused = isinstance(error, APIStatusError) and 400 <= error.status_code < 500
        is_final = is_refused and not isinstance(error, RateLimitError)
        return NOT_ENDED if error.outcome_unknown else FAILED if is_final else NO_ANSWER
    if isinstance(error, _NEGATIVE) or (isinstance(error, DeploymentError) and error.code == "conflict"):
        return FAILED
    if isinstance(error, _UNSENT) or (isinstance(error, _PATH_FAULTS) and error.filename is not None):
        return USAGE
    return NO_ANSWER
