"""Whatever is left of a journal is the whole truth or is refused: `python -m tests.batch.destroyer`, the short form.

The files are those that a kill leaves: they are copied while the run has the journal.
"""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from fibonacci import JournalError
from fibonacci._batch.journal_files import open_journal
from fibonacci._batch.sqlite_journal import SQLiteJournal
from tests.batch.damages import Damage, Files, count_outcomes, damages, is_of_a_row, lasting, read_files, write_files
from tests.batch.destroyer import KEPT, destroy
from tests.batch.journals import HEADER, completed, row
from tests.kit.systems import needs_fork

_ROWS = 60


def left_by_a_kill(path: Path) -> tuple[Files, list[Files]]:
    """Return the files of a journal in use, and what they were at earlier moments."""
    older: list[Files] = []
    with closing(open_journal(str(path), HEADER)) as journal:
        begin(journal, 0, 20)
    older.append(read_files(path))
    with closing(open_journal(str(path), HEADER)) as journal:
        begin(journal, 20, 40)
        older.append(read_files(path))
        with closing(sqlite3.connect(path)) as other:
            other.execute("PRAGMA wal_checkpoint")
        older.append(read_files(path))
        begin(journal, 40, _ROWS)
        return read_files(path), older


def begin(journal: SQLiteJournal, first: int, end: int) -> None:
    """Start rows, of which two in three end."""
    for number in range(first, end, 4):
        rows = [row(each) for each in range(number, number + 4)]
        journal.write(rows)
        for each in rows:
            each.execution_id = f"exec_{each.index}"
        journal.write(started=rows)
        journal.write(finished=[(each, completed(each)) for each in rows if each.index % 3])


def test_each_damage_is_seen(tmp_path: Path) -> None:
    path = tmp_path / "runs.db"
    files, older = left_by_a_kill(path)
    write_files(path, files)
    truth = content_of(path)
    assert len(truth) == _ROWS

    def cases() -> Iterator[tuple[Damage, str]]:
        for damage in damages(files, older, 25, random.Random(24)):
            write_files(path, damage.files)
            try:
                outcome = "exact" if content_of(path) == truth else "less known"
            except JournalError as error:
                is_stopped = is_of_a_row(error)
                is_kept = is_stopped or lasting(read_files(path)) == lasting(damage.files)
                outcome = ("stopped" if is_stopped else "refused") if is_kept else f"files changed: {error}"
            yield damage, outcome

    outcomes = count_outcomes(cases())
    assert not {(case, name) for case, counts in outcomes.items() for name in counts if name not in KEPT}
    assert {suffix for suffix, _ in outcomes} == {"", "-wal", "-lock", "-shm"}
    assert outcomes["-wal", "left out"] == outcomes["", "left out"] == outcomes["-lock", "left out"] == {"refused": 1}
    write_files(path, files)
    assert content_of(path) == truth, "what was put back is whole"


def content_of(path: Path) -> dict[str, tuple[object, ...]]:
    """Return what the journal has of the rows."""
    with closing(open_journal(str(path), HEADER)) as journal:
        found = {key: journal.find(key, is_unique=False)[0] for key in (f"k{each}" for each in range(_ROWS))}
        return {
            key: (entry.number, entry.idempotency_key is None, entry.execution_id, entry.status)
            for key, entry in found.items()
            if entry is not None
        }


@pytest.mark.slow
@needs_fork
def test_nothing_runs_twice() -> None:
    outcomes = destroy(24, runs=1, times=4)
    assert not {(case, name) for case, counts in outcomes.items() for name in counts if name not in KEPT}
