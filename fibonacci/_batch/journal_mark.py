"""What a journal in a file has to hold: checksums of its rows, and a count of its commits that is kept twice.

SQLite takes a database without its write-ahead log, or with an older one, for whole, and reads flipped bits as they
are. So each row has a checksum, and each commit writes a mark: into the database, and then into the lock file. The
mark of the database says whether its rows are those of one commit, that of the lock file whether it was the last one.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from secrets import token_hex
from typing import Any, NamedTuple


class JournalMark(NamedTuple):
    """What a journal holds after a commit.

    Attributes:
        journal: Tells it from other journals, whatever their paths.
        run: Names the run that opened it last.
        commits: How many commits there were.
        rows: How many rows there are.
        total: The sum of their checksums.
    """

    journal: str
    run: str
    commits: int
    rows: int
    total: int

    @classmethod
    def new(cls) -> JournalMark:
        """Return the mark of a new journal."""
        return cls(token_hex(8), "0" * 16, 1, 0, 0)

    @classmethod
    def read(cls, text: str) -> JournalMark | None:
        """Return the mark in a text; None if it is not whole."""
        content, _, checksum = text.rpartition(" ")
        if not content or checksum != _checksum(content):
            return None
        journal, run, *counts = content.split(" ")
        commits, rows, total = (int(each, 16) for each in counts)
        return cls(journal, run, commits, rows, total)

    def __str__(self) -> str:
        content = f"{self.journal} {self.run} {self.commits:016x} {self.rows:016x} {self.total:016x}"
        return f"{content} {_checksum(content)}"  # of one length, so that one replaces another in place

    def fault(self, noted: JournalMark | None, lock: str) -> str | None:
        """Return why this is less than what was noted beside the database, as the end of a sentence; None if it isn't.

        Args:
            noted: The mark in the lock file; None where there is none.
            lock: The path of that file.
        """
        if noted is None:
            return None
        if noted.journal != self.journal:
            return f"is not the journal that {lock} belongs to: {_PUT_BACK}; if it is here on purpose, remove {lock}"
        if noted.commits > self.commits:
            missing = "1 commit" if noted.commits == self.commits + 1 else f"{noted.commits - self.commits} commits"
            return f"lacks the last {missing} that {lock} counts, so that a part of it is missing or older: {_PUT_BACK}"
        if noted.commits == self.commits and noted != self:
            return f"is not what {lock} says of its last commit: {_PUT_BACK}"
        return None


def _checksum(text: str) -> str:
    return f"{zlib.crc32(text.encode('utf-8', 'surrogatepass')):08x}"


def checksum_of(record: Sequence[Any]) -> int:
    """Return the checksum of the fields of a row, which are values of SQLite."""
    return zlib.crc32("\0".join(map(str, record)).encode("utf-8", "surrogatepass"))


_PUT_BACK = (
    "put back all its files (-wal and -lock too) as its last run has left them. If they are lost, nothing tells which"
    " rows have run: look at the executions of the workflow before you run rows again with another path"
)


def unmarked(lock: str) -> str:
    """Return what is wrong with a journal whose run did not end, and that has no mark, as the end of a sentence."""
    return (
        f"was left by a run that did not end, and {lock}, which says how much it has to hold, is missing or damaged:"
        f" {_PUT_BACK}"
    )


def emptied(lock: str) -> str:
    """Return what is wrong with a journal that has lost its database, as the end of a sentence."""
    return (
        f"is missing or empty, although there are files that belong to it: {_PUT_BACK}. To run all rows again at this"
        f" path, remove {lock} and the -wal file"
    )


def mingled(path: str) -> str:
    """Return what is wrong with a journal that has files of different moments, as the end of a sentence."""
    return f"has a file beside it, {path}, that does not belong to this state of it: {_PUT_BACK}"
