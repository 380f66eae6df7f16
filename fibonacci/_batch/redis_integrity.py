"""What a journal in Redis has to hold: as the journal itself says, as its run knows, as this machine has seen it last.

The header has the counts of all parts and a revision, which each write replaces. A part that was removed or evicted
differs from its count. A server that was emptied, or has older data, differs from what the run knows and, when that has
ended, from the mark that it left on its machine: a file, which nothing that happens to the server takes along.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from typing import Final, NamedTuple

from fibonacci._batch.journal_errors import incomplete_error
from fibonacci._batch.journal_location import RedisJournalURL
from fibonacci._batch.redis_records import COUNTED, PARTS
from fibonacci._core.logs import log_journal
from fibonacci._files import open_state
from fibonacci.errors import JournalError

ANOTHER_NAME: Final = "another name, as in redis://host/0?journal=NAME"

_REMEDY: Final = (
    "Rows that it does not have may have run, and a new journal runs all rows again. Restore what the server held, or"
    f" find out by executions.list(workflow_id=...) which rows have run, and pass the others with {ANOTHER_NAME}"
)
# Characters: longer than a mark can be, so that each replaces the one before as a whole.
_MARK_LENGTH: Final = 256


class JournalRevision(NamedTuple):
    """How far a journal has come.

    Attributes:
        journal: The id of the journal, which it was given when it was created; empty if it is not known.
        number: The number of its last write.
        run: The token of the run that wrote it.
        rows: How many rows it had then.
    """

    journal: str
    number: int
    run: str
    rows: int

    @property
    def stamp(self) -> str:
        """What the header says of it: no two writes have the same."""
        return f"{self.number}-{self.run}"


def missing_parts(expected: str, found: str) -> str:
    """Return what a journal has of its parts, such as `0 of 12 rows`.

    Args:
        expected: The counts that the header has, with commas.
        found: How many there are.
    """
    counts = zip(COUNTED, found.split(","), expected.split(","), strict=False)
    return ", ".join(f"{has} of {had} {PARTS[part]}" for part, has, had in counts if has != had)


def lost_error(path: str, reason: str, remedy: str = "") -> JournalError:
    """Return the error of a journal that lacks what it held: the same call would not help.

    Args:
        path: The URL of the journal.
        reason: What it lacks, as the end of a sentence that its URL begins.
        remedy: What can be done besides, as a sentence.
    """
    return incomplete_error(path, f"{reason}. {_REMEDY}{remedy}")


class LocalMark:
    """The revision of a journal that a run of this user on this machine has seen last, in a file.

    Where it cannot be written, a loss is noticed while a run lasts, and no longer.

    Args:
        location: The URL of the journal.
        name: Its name.
    """

    def __init__(self, location: RedisJournalURL, name: str) -> None:
        self._shown = location.shown
        try:
            self.path: Path = _folder() / f"{sha256(f'{location.database} {name}'.encode()).hexdigest()[:32]}.json"
        except RuntimeError:  # this user has no home folder
            self.path = Path(os.devnull)
        self._descriptor: int | None = None
        self._is_usable = True

    def read(self) -> JournalRevision | None:
        """Return the revision; None if there is none. One that cannot be read says that there was a journal."""
        try:
            with os.fdopen(open_state(self.path, os.O_RDONLY), encoding="utf-8") as file:
                text = file.read()
        except OSError:
            return None
        if not text and self.path == Path(os.devnull):
            return None
        try:
            return JournalRevision(*json.loads(text))
        except (ValueError, TypeError):  # the machine crashed before the file was on its disk
            return JournalRevision("", 0, "", 0)

    def written_at(self) -> str:
        """Return when it was written last, as text."""
        return time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(self.path.stat().st_mtime))

    def write(self, revision: JournalRevision) -> None:
        """Write a revision, which outlives this process, though perhaps not a crash of this machine."""
        if not self._is_usable:
            return
        try:
            if self._descriptor is None:
                self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                self._descriptor = open_state(self.path, os.O_WRONLY | os.O_CREAT)
            os.lseek(self._descriptor, 0, os.SEEK_SET)
            os.write(self._descriptor, json.dumps(revision).ljust(_MARK_LENGTH).encode())
        except OSError as error:
            self._is_usable = False
            log_journal(self._shown, f"has no mark on this machine, where a loss would be noticed ({error})")

    def close(self) -> None:
        """Close the file, which stays."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def _folder() -> Path:
    """Return the folder for what programs of this user remember."""
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local") / "fibonacci" / "journals"
    return Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state") / "fibonacci" / "journals"


def loss_of(path: str, known: JournalRevision, outcome: Sequence[bytes | None]) -> JournalError:
    """Return the error of a run that finds less than it wrote.

    Args:
        path: The URL of the journal.
        known: What the run has written last.
        outcome: The notice of an earlier loss, the stamp, the counts of the header and those there are.
    """
    notice, stamp, expected, found = (None if each is None else each.decode() for each in outcome)
    if notice is not None:
        return lost_error(path, f"has lost what it held, as {notice}")
    if stamp is None:
        return lost_error(path, f"was emptied or removed on its server; it held {rows_text(known.rows)} of this run")
    number, _, run = stamp.partition("-")
    if missing := missing_parts(expected or "", found or ""):
        return lost_error(path, f"has lost a part of what it held: {missing}")
    if run != known.run:
        return lost_error(path, "has other data than this run has left there: all that it wrote is missing")
    return lost_error(path, f"has older data: the last {known.number - int(number)} writes of this run are missing")


def rows_text(count: int) -> str:
    """Return a number of rows as text."""
    return "1 row" if count == 1 else f"{count} rows"
