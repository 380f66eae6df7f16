"""The lease of a journal in Redis: one run has it, renews it, and loses it some seconds after its end."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Final
from uuid import uuid4

from fibonacci._batch.journal_errors import journal_error
from fibonacci._batch.journal_schema import SCHEMA_VERSION
from fibonacci._batch.redis_commands import RedisCommands
from fibonacci._batch.redis_scripts import ACQUIRE, LOSE, RELEASE, RENEW
from fibonacci._core.lease_messages import StoreError
from fibonacci._core.logs import log_journal
from fibonacci.errors import JournalError

PROGRAM: Final = "fibonacci-sdk"
"""What the header of a journal says of who wrote it."""

SECONDS: Final = 9.0
"""How long a lease lasts after it was last renewed."""

# In the time of a lease: one a second, by whose reply a run learns that it is to stop.
_RENEWALS: Final = 9
_CLOSED_WITHIN: Final = 1.0
_IS_LOST, _IS_TAKEN, _, _IS_ASKED_TO_STOP = range(-1, 3)
# The leases of this process: another run of the same process need not wait to see whether one is renewed.
_held: set[str] = set()


class JournalLease:
    """The right to write to a journal. What is written without it is refused by the server.

    Args:
        commands: The server.
        path: The URL of the journal, for messages.
        keys: The keys of the journal.

    Attributes:
        token: What the server knows this run by.
        is_asked_to_stop: Whether another process has requested that this run stops.
    """

    def __init__(self, commands: RedisCommands, path: str, keys: Sequence[str]) -> None:
        self.token: str = uuid4().hex
        self.is_asked_to_stop: bool = False
        self._commands = commands
        self._path = path
        self._keys = keys
        self._ended = threading.Event()
        self._is_kept = False  # by the thread, which says so itself
        self._process = f"process {os.getpid()} on {socket.gethostname()}"
        self._thread = threading.Thread(target=self._keep, name="fibonacci-journal-lease", daemon=True)

    def acquire(self, header: Sequence[object]) -> None:
        """Take the lease, and keep it until it is released.

        A lease of another run that is not renewed is waited for: its process may have been killed a moment ago.

        Args:
            header: Fields and values of the header, for a new journal.

        Raises:
            JournalError: If another run renews it.
            StoreError: If the server cannot be used.
        """
        left_before: float | None = None
        while True:
            reply = self._run(ACQUIRE, self.token, milliseconds(), self._process, *header)
            holder = reply[0].decode()
            if holder == self.token:
                break
            left, other = max(0.0, reply[1] / 1000), (reply[2] or b"").decode()
            if holder in _held or (left_before is not None and left > left_before):
                raise self._is_used(other, left)
            if left_before is None:
                log_journal(self._path, f"is used by another run ({other}): waiting up to {left:.0f} s for its lease")
            left_before = left
            time.sleep(min(left, SECONDS / 20) + 0.005)
        _held.add(self.token)
        try:
            self._thread.start()
        except BaseException as error:
            self.release()
            if isinstance(error, RuntimeError):
                raise StoreError(f"no thread can be started to keep its lease: {error}") from None
            raise

    def release(self) -> None:
        """Release the lease; it lapses by itself where the server does not answer at once."""
        self._ended.set()
        if not self._is_kept:  # its thread was not started
            self._give_back()
        elif threading.current_thread() is not self._thread:
            self._thread.join(_CLOSED_WITHIN)
        _held.discard(self.token)

    def lose(self) -> None:
        """Record on the server, if it can be reached, that the journal lacks what it held: no run continues it then."""
        at = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime())
        with suppress(StoreError):
            self._run(LOSE, PROGRAM, SCHEMA_VERSION, f"{self._process} noticed at {at} UTC")

    def _keep(self) -> None:
        """Renew the lease again and again, in a thread. A failure has no effect here: a write meets it too."""
        self._is_kept = True
        while not self._ended.wait(SECONDS / _RENEWALS):
            try:
                renewed = self._run(RENEW, self.token, milliseconds())
            except StoreError:
                continue
            if renewed == _IS_LOST:
                self.lose()
            if renewed in (_IS_LOST, _IS_TAKEN):
                return
            self.is_asked_to_stop = renewed == _IS_ASKED_TO_STOP
        self._give_back()

    def _give_back(self) -> None:
        with suppress(StoreError):
            if self._run(RELEASE, self.token) == _IS_LOST:
                self.lose()
        self._commands.close()

    def _run(self, script: str, *arguments: object) -> Any:
        return self._commands.run(("EVAL", script, len(self._keys), *self._keys, *arguments))[0]

    def _is_used(self, process: str, left: float) -> JournalError:
        at = time.strftime("%H:%M:%S", time.gmtime(time.time() + left))
        return journal_error(
            self._path,
            f"is used by another run ({process}), whose lease lapses in {left:.0f} s, at {at} UTC, unless it is"
            " renewed: wait for its end, or end it; a run that was left needs close()",
        )


def milliseconds() -> int:
    """Return how long a lease lasts, as Redis takes it."""
    return round(1000 * SECONDS)
