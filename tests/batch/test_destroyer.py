"""Whatever is left of a journal is the whole truth or is refused: a short form of `tests.tools.batch.destroyer`.

The files that a kill leaves are copied while the run has the journal.
"""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from fibonacci import JournalError
from fibonacci._batch.sqlite_journal import Journal, open_journal
from tests.batch.damages import Damage, Files, count_outcomes, damages, is_of_a_row, lasting, read_files, write_files
from tests.batch.journals import HEADER, ended
from tests.batch.test_journal import row
from tests.kit.systems import needs_fork
from tests.tools.batch.destroyer import KEPT, destroy, is_last_commit_noted

_ROWS = 60
_NAME = "so long that the database has pages which the last run does not write " * 6


def left_files(path: Path, *, is_killed: bool) -> tuple[Files, list[Files]]:
    """Return the files of a journal as a kill or a clean end leaves them, and what they were at earlier moments."""
    older: list[Files] = []
    with closing(open_journal(str(path), HEADER)) as journal:
        begin(journal, 0, 20)
    older.append(read_files(path))
    with closing(open_journal(str(path), HEADER)) as journal:
        begin(journal, 20, 48)
        older.append(read_files(path))
        with closing(sqlite3.connect(path)) as other:
            other.execute("PRAGMA wal_checkpoint")
        older.append(read_files(path))
        begin(journal, 48, _ROWS)
        if is_killed:
            return read_files(path), older
    return read_files(path), older


def begin(journal: Journal, first: int, end: int) -> None:
    """Start rows, of which two in three end."""
    for number in range(first, end, 4):
        rows = [row(each, _NAME) for each in range(number, number + 4)]
        journal.write(rows)
        for each in rows:
            each.execution_id = f"exec_{each.index}"
        journal.write(rows)
        journal.write([ended(each) for each in rows if each.index % 3])


@pytest.mark.parametrize(("is_killed", "files"), [(True, {"", "-wal", "-lock", "-shm"}), (False, {"", "-lock"})])
def test_each_damage_is_seen(tmp_path: Path, is_killed: bool, files: set[str]) -> None:
    path = tmp_path / "runs.db"
    left, older = left_files(path, is_killed=is_killed)
    assert set(left) == files
    write_files(path, left)
    truth = content_of(path)
    assert len(truth) == _ROWS

    def cases() -> Iterator[tuple[Damage, str]]:
        for damage in damages(left, older, 4, random.Random(24)):
            write_files(path, damage.files)
            try:
                outcome = "exact" if content_of(path) == truth else "less known"
            except JournalError as error:
                is_stopped = is_of_a_row(error)
                is_kept = is_stopped or lasting(read_files(path)) == lasting(damage.files)
                is_kept = is_kept and not error.can_continue
                outcome = ("stopped" if is_stopped else "refused") if is_kept else f"files changed, or might: {error}"
            yield damage, outcome

    outcomes = count_outcomes(cases())
    assert not {(case, name) for case, counts in outcomes.items() for name in counts if name not in KEPT}
    assert outcomes["", "left out"] == {"refused": 1}
    assert outcomes["-lock", "left out"] == ({"refused": 1} if is_killed else {"exact": 1})
    write_files(path, left)
    assert content_of(path) == truth, "what was put back is whole"


def test_an_index_that_lacks_a_row_is_seen(tmp_path: Path) -> None:
    """A row that is not found by its key would be started once more."""
    path = tmp_path / "runs.db"
    left, _ = left_files(path, is_killed=False)
    page = left[""].rindex(b"k17") // 4096 * 4096  # of the index, which was written last
    damaged = bytearray(left[""])
    place = damaged.rindex(b"k17", page, page + 4096)
    damaged[place : place + 3] = b"k1~"
    write_files(path, {**left, "": bytes(damaged)})
    with pytest.raises(JournalError, match="it is damaged"):
        open_journal(str(path), HEADER)


def test_a_commit_without_its_note_may_be_lost(tmp_path: Path) -> None:
    """A run does nothing that follows from a commit before it is noted, so its loss is like an earlier kill."""
    path = tmp_path / "runs.db"
    with closing(open_journal(str(path), HEADER)) as journal:
        begin(journal, 0, _ROWS)
        noted = read_files(path)
        journal.write([row(_ROWS, _NAME)])
        left = read_files(path)
    killed = {**left, "-lock": noted["-lock"]}
    for files, is_lost in ((killed, False), ({**killed, "-wal": left["-wal"][:-1]}, True)):
        write_files(path, files)
        assert is_last_commit_noted(path) == is_lost
        with closing(open_journal(str(path), HEADER)) as journal:
            assert (journal.entry(f"k{_ROWS}") is None) == is_lost
    write_files(path, {**left, "-wal": left["-wal"][:-1]})
    with pytest.raises(JournalError, match="lacks the last 1 commit"):
        open_journal(str(path), HEADER)


def test_a_file_of_another_moment_is_named(tmp_path: Path) -> None:
    path = tmp_path / "runs.db"
    left, older = left_files(path, is_killed=False)
    for files in ({**left, "-wal": older[1]["-wal"]}, {**left, "-journal": b"x"}, {**older[1], "-journal": b"x"}):
        write_files(path, files)
        with pytest.raises(JournalError, match=r"has a file next to it, .*, that comes from another point in time"):
            open_journal(str(path), HEADER)
        assert lasting(read_files(path)) == lasting(files)
    write_files(path, {"-wal": older[1]["-wal"]})  # which a new journal would take for its own
    with pytest.raises(JournalError, match="is missing or empty"):
        open_journal(str(path), HEADER)


def content_of(path: Path) -> dict[str, tuple[object, ...]]:
    """Return what the journal has of the rows."""
    with closing(open_journal(str(path), HEADER)) as journal:
        found = {key: journal.entry(key) for key in (f"k{each}" for each in range(_ROWS))}
        return {
            key: (entry.number, entry.idempotency_key is None, entry.execution_id, entry.status)
            for key, entry in found.items()
            if entry is not None
        }


@pytest.mark.slow
@needs_fork
def test_nothing_runs_twice() -> None:
    outcomes = destroy(24, runs=1, times=1)
    assert not {(case, name) for case, counts in outcomes.items() for name in counts if name not in KEPT}
