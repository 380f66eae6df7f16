"""From an error to a line on stderr and an exit code."""

from __future__ import annotations

import sys
import traceback
from typing import Final

from fibonacci._remedies import for_command, reworded, text_of
from fibonacci._text import printable, printable_line
from fibonacci.cli.exit_codes import (
    FAILED,
    NO_ANSWER,
    NO_CREDENTIALS,
    NOT_ENDED,
    SIGNALED,
    UNWRITTEN,
    USAGE,
    UnknownFieldError,
    UnwrittenResultError,
)
from fibonacci.cli.signals import signal_of
from fibonacci.cli.standard_streams import print_message, without_keys, wrapped_message
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

_PREFIX: Final = "fibonacci: "
_PATH_FAULTS: Final = (FileNotFoundError, IsADirectoryError, NotADirectoryError, PermissionError)
"""The faults of a path that was typed or configured, unlike those of a disk."""
_UNSENT: Final = (ValueError, TypeError, ImportError, JournalError, DeploymentError, UnsupportedCallError)
"""The client refuses arguments, files and calls that the server does not have before it changes anything. So does a
command whose extra is not installed."""
_NEGATIVE: Final = (ExecutionFailedError, TooManyFailuresError, StalePlanError, UnknownFieldError)
"""What the platform was asked for has come out badly, or must not be done."""

_PLAIN: Final = (
    *(FibonacciError, ValueError, TypeError, OSError, ImportError, KeyboardInterrupt),
    *(UnknownFieldError, UnwrittenResultError),
)
"""Their texts say all."""


def report(error: BaseException, *, is_debug: bool) -> int:
    """Print what is wrong to stderr: the faults of a definition with their lines, and one line, wrapped on a terminal.

    Args:
        error: What has ended the command.
        is_debug: Whether the traceback is printed first.

    Returns:
        The exit code.
    """
    if is_debug:
        print_message(printable(without_keys("".join(traceback.format_exception(error)))), end="")
    for line in fault_lines(error):
        print_message(line)
    print_message(wrapped_message(f"{_PREFIX}{one_line(error)}", sys.stderr))
    if isinstance(error, DefinitionError) and len(error.problems) == 1:
        from fibonacci.cli.definition_arguments import snippet_lines

        for line in snippet_lines(error.problems[0], sys.stderr):
            print_message(line)
    return exit_code(error)


def fault_lines(error: BaseException) -> list[str]:
    """Return the lines of each fault of a definition or a state if the error has several, or else none."""
    if isinstance(error, DeploymentError) and "\n" in str(error):
        lines = text_of(error).command.splitlines()
        return [wrapped_message(printable_line(line), sys.stderr) for line in lines]
    if not isinstance(error, DefinitionError) or len(error.problems) < 2:
        return []
    from fibonacci.cli.definition_arguments import fault_lines as lines_of

    return [line for problem in error.problems for line in lines_of(problem, sys.stderr)]


def one_line(error: BaseException) -> str:
    """Return the text of an error with its notes in the command's words, without line breaks and control characters."""
    if isinstance(error, DefinitionError) and len(error.problems) > 1:
        return f"{len(error.problems)} faults in definitions"
    text = _text(error)
    if isinstance(error, DeploymentError) and "\n" in text:
        text = f"{len(text.splitlines())} faults in the state"
    if not isinstance(error, _PLAIN):
        text = f"{type(error).__name__}: {text} (--debug prints where)"
    for note in getattr(error, "__notes__", ()):
        text += f"{' ' if text.endswith(('.', '?', '!')) else '. '}{_as_sentence(for_command(note))}"
    return printable_line(without_keys(" ".join(text.split())))


def _as_sentence(note: str) -> str:
    """Return a note as a sentence: in Python's words it follows the text of its error."""
    word = note.partition(" ")[0]
    return note[:1].upper() + note[1:] if word.isalpha() else note  # an id or a path stays as it is


def _text(error: BaseException) -> str:
    if isinstance(error, KeyboardInterrupt):
        return "interrupted."
    if isinstance(error, OSError) and error.strerror:
        return error.strerror if error.filename is None else f"{error.filename}: {error.strerror}"
    if isinstance(error, DefinitionError):
        return "; ".join(reworded(str(problem), [problem.message]).command for problem in error.problems)
    return text_of(error).command or type(error).__name__


def exit_code(error: BaseException) -> int:
    """Return the exit code of an error, by its class and attributes: the one place that decides it."""
    if isinstance(error, KeyboardInterrupt):
        return SIGNALED + signal_of(error)
    if isinstance(error, AuthenticationError) or (isinstance(error, ConfigurationError) and error.is_about_key):
        return NO_CREDENTIALS
    if isinstance(error, UnwrittenResultError):
        return UNWRITTEN
    if isinstance(error, WaitTimeoutError | UnknownOutcomeError | RunsStoppedError):
        return NOT_ENDED
    if isinstance(error, APIError):
        return NOT_ENDED if error.outcome_unknown else FAILED if _is_refusal(error) else NO_ANSWER
    if isinstance(error, _NEGATIVE) or (isinstance(error, DeploymentError) and _is_conflict(error)):
        return FAILED
    if isinstance(error, _UNSENT) or (isinstance(error, _PATH_FAULTS) and error.filename is not None):
        return USAGE
    return NO_ANSWER


def _is_conflict(error: DeploymentError) -> bool:
    from fibonacci.deployment.plan import CONFLICT

    return error.code == CONFLICT


def _is_refusal(error: APIError) -> bool:
    """Whether the platform refused. For a rate limit, it doesn't count, because the call works after the reset."""
    return (
        isinstance(error, APIStatusError) and 400 <= error.status_code < 500 and not isinstance(error, RateLimitError)
    )
