"""Commands to the server of a journal in Redis, which may be away for a while."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any, Final, Protocol

from fibonacci._batch.journal_errors import journal_error
from fibonacci._core.lease_messages import StoreError
from fibonacci._core.logs import log_journal
from fibonacci.errors import JournalError

PATIENCE: Final = 30.0
"""Seconds for which a run waits for a server that does not answer."""

# Seconds after a server was given up: workers that have something to write fail together.
_TRIED_AGAIN_AFTER: Final = 5.0
_FIRST_DELAY: Final = 0.05
_LONGEST_DELAY: Final = 1.0


class RedisCommands(Protocol):
    """Carries out commands. Threads may share it."""

    def run(self, *commands: Sequence[object]) -> list[Any]:
        """Carry out commands on one connection, in one round trip, and return the reply to each.

        Raises:
            StoreError: If one of them was not carried out, or it is not known whether it was.
        """
        ...

    def close(self) -> None:
        """Close the connections. A further command opens another."""
        ...


class PatientCommands:
    """Carries out commands again and again until they are carried out: each of them may be repeated.

    Once the server was given up, what else the run has to write does not wait for it again.

    Args:
        commands: The server.
        path: The URL of the journal, for messages.
    """

    def __init__(self, commands: RedisCommands, path: str) -> None:
        self._commands = commands
        self._path = path
        self._given_up: StoreError | None = None
        self._try_again_at = 0.0

    def run(self, *commands: Sequence[object]) -> list[Any]:
        """Carry out commands in one round trip, and return the reply to each.

        Raises:
            JournalError: If the server cannot be used for so long, or what it says does not change with time.
        """
        began, delay = time.monotonic(), _FIRST_DELAY
        if self._given_up is not None and began < self._try_again_at:
            raise _given_up(self._path, self._given_up, 0.0) from self._given_up
        while True:
            try:
                replies = self._commands.run(*commands)
            except StoreError as error:
                now = time.monotonic()
                if error.is_lasting or self._given_up is not None or now - began + delay > PATIENCE:
                    self._given_up, self._try_again_at = error, now + _TRIED_AGAIN_AFTER
                    raise _given_up(self._path, error, now - began) from error
                if delay == _FIRST_DELAY:
                    log_journal(self._path, f"cannot be used ({error}): waiting up to {PATIENCE:.0f} s")
            else:
                self._given_up = None
                return replies
            time.sleep(delay)
            delay = min(_LONGEST_DELAY, 2 * delay)

    def close(self) -> None:
        """Close the connections. A further command opens another."""
        self._commands.close()


def opening_error(path: str, error: StoreError) -> JournalError:
    """Return the error of a journal whose server does not let it be opened."""
    remedy = "check the URL, user and password included" if error.is_lasting else "check the URL, and start the server"
    return journal_error(path, f"cannot be opened ({error}): {remedy}")


def _given_up(path: str, error: StoreError, waited: float) -> JournalError:
    since = f" for {waited:.0f} s" if waited >= 1 else ""
    return journal_error(
        path,
        f"cannot be used{since} ({error}). Check the server. When it can be used, the same call continues, unless the"
        " server has lost what was recorded",
    )
