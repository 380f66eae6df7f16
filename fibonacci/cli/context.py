"""What a command is given: the options, the client, the places for data and for messages."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from functools import cached_property
from typing import TYPE_CHECKING

from fibonacci._text import printable, printable_line
from fibonacci.cli.colors import ColoredText
from fibonacci.cli.exit_codes import UsageError
from fibonacci.cli.output import Output
from fibonacci.cli.standard_streams import is_terminal, print_message

if TYPE_CHECKING:
    import argparse
    from types import TracebackType

    from fibonacci import Fibonacci, WaitEvent


class Context:
    """What a command works with. The client is made when it is first used.

    Args:
        options: The parsed command line.

    Attributes:
        options: The parsed command line.
        output: Prints data to stdout.
    """

    def __init__(self, options: argparse.Namespace) -> None:
        self.options: argparse.Namespace = options
        self.output: Output = Output(options)
        self._exits = ExitStack()

    def __enter__(self) -> Context:
        if self.options.debug:
            from fibonacci.cli.debug_log import logging_to_stderr

            self._exits.enter_context(logging_to_stderr())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._exits.close()

    @cached_property
    def client(self) -> Fibonacci:
        """The client, with the credentials of the environment or of the profile."""
        from fibonacci import Fibonacci

        return self._exits.enter_context(Fibonacci(profile=self.options.profile, on_wait=self._say_wait))

    def say(self, text: str) -> None:
        """Print a message to stderr, unless `--quiet` was given."""
        if not self.options.quiet:
            print_message(text if isinstance(text, ColoredText) else printable(text))

    def _say_wait(self, event: WaitEvent) -> None:
        if event.reason == "rate_limit":
            self.say(f"waiting {event.seconds:.0f} s for the rate limit")

    def check_confirmable(self, question: str) -> None:
        """Check that `confirm` can ask, or need not: a command that is going to ask checks it before it sends anything.

        Raises:
            UsageError: If there is no terminal to ask on, and `--yes` was not given.
        """
        if not (self.options.yes or (is_terminal(sys.stdin) and is_terminal(sys.stderr))):
            raise UsageError(f"{question} Pass --yes: there is no terminal to ask on")

    def confirm(self, question: str) -> None:
        """Ask before something that cannot be undone.

        Raises:
            UsageError: If there is no terminal to ask on, and `--yes` was not given; or if the response is not yes.
        """
        self.check_confirmable(question)
        if self.options.yes:
            return
        print_message(f"{printable_line(question)} [y/N] ", end="")
        typed = sys.stdin.readline()
        if not typed:
            print_message("")  # Ctrl-D leaves the cursor behind the question
        if typed.strip().lower() not in ("y", "yes"):
            raise UsageError("nothing was changed")
