"""`read_journal` beside a run: what each row has come to, that nothing is changed, and what is refused."""

from __future__ import annotations

import random
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from fibonacci import Fibonacci, JournalError, read_journal
from fibonacci._batch.journal import attempt
from fibonacci._batch.rows import Row
from fibonacci._batch.sql_journal import SQLJournal
from fibonacci._batch.sqlite_journal import open_journal
from fibonacci.errors import BadRequestError
from fibonacci.models.run_results import RunResult
from tests.batch.damages import Files, damages, lasting, read_files, write_files
from tests.batch.journals import HEADER, JournalPlace, ended, fill, row, started_as

# Asks SQLite for a lock that it gives to nobody while a run has the database open.
TAKE_OVER = "import sqlite3, sys; sqlite3.connect(sys.argv[1], timeout=0).execute('PRAGMA journal_mode = DELETE')"


def files_of_a_killed_run(path: Path) -> Files:
    """Return the files of a journal as a kill leaves them: one row has ended, and one may have begun."""
    with closing(open_journal(str(path), HEADER)) as journal:
        rows = [row(1), row(2)]
        journal.write(rows)
        journal.write([ended(rows[0])])
        return read_files(path)


@pytest.fixture
def journal(place: JournalPlace) -> Iterator[SQLJournal]:
    with closing(place.open(HEADER)) as opened:
        yield opened


def kept_of(place: JournalPlace) -> object:
    """Return what a reader must leave as it is: all but memory that processes share."""
    return lasting(read_files(Path(place.location)))


def failed(of: Row) -> RunResult:
    error = BadRequestError("no such thing")
    starts = (attempt(None, "failed", of.intended_at, None),)
    return RunResult(
        index=of.index, key=of.key, inputs=of.inputs, execution=None, error=error, status="failed", attempts=starts
    )


def test_what_each_row_has_come_to(place: JournalPlace, journal: SQLJournal) -> None:
    rows = {number: row(number) for number in (6, 5, 4, 3, 2, 1)}
    rows[1].key = "7"  # the text of the number 7
    rows[5].intended_at = time.time()
    journal.write(list(rows.values()))
    rows[6].withdraw()
    started = [started_as(rows[number], f"exec_{number}") for number in (1, 3)]
    journal.write([rows[6], started[1], ended(started[0]), ended(rows[2], failed(rows[2]))])
    before = kept_of(place)
    with read_journal(place.location) as view:
        assert (view.workflow_id, view.version, view.is_running) == (HEADER.workflow_id, "3", True)
        summary = view.summary
        assert (summary.succeeded, summary.failed, summary.unknown, summary.left) == (1, 1, 1, 3)
        assert summary.from_journal == 0
        found = list(view.rows())
        assert [(each.index, each.key, each.status) for each in found] == [
            (1, 7, "completed"),
            (2, "k2", "failed"),
            (3, "k3", "running"),
            (4, "k4", "unknown"),
            (5, "k5", "starting"),
            (6, "k6", "pending"),
        ]
        assert [each.inputs for each in found] == [{"n": number} for number in range(1, 7)]
        assert [each.to_dict()["execution_id"] for each in found] == ["exec_1", None, "exec_3", None, None, None]
        assert [[start.status for start in each.attempts] for each in found[2:]] == [
            ["running"],
            ["unknown"],
            ["starting"],
            [],
        ]
        assert [each.is_final for each in found] == [True, True, False, False, False, False]
        assert ("no such thing" in str(found[1].error), found[2].error) == (True, None)
        assert [each.key for each in view.rows("failed")] == ["k2"]
        assert kept_of(place) == before
        journal.write([], version="4")
        journal.close()
        assert (view.version, view.is_running, view.summary.unknown) == ("4", False, 2)
        assert [each.key for each in view.rows(status="unknown")] == ["k4", "k5"]
        assert view.path == place.shown
    with closing(place.open(HEADER._replace(workflow_version="4"), resume=True)) as again:  # nothing was claimed
        assert not again.is_new


def test_many_rows_are_read_a_part_at_a_time(
    place: JournalPlace, journal: SQLJournal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fibonacci._batch.journal_view.ROWS_AT_ONCE", 5)
    rows = [row(number) for number in range(13)]
    journal.write(rows)
    journal.write([ended(each) for each in rows if each.index != 1])
    view = read_journal(place.location)
    found = view.rows()
    assert next(found).index == 0
    journal.close()
    # A view that is being read does not keep a run from making it one file.
    assert not Path(f"{place.location}-wal").exists()
    assert [each.index for each in found] == list(range(1, 13))
    assert (view.summary.succeeded, view.summary.unknown) == (12, 1)
    view.close()


def test_beside_a_live_run_in_the_same_process(client: Fibonacci, greeter: str, tmp_path: Path) -> None:
    path = str(tmp_path / "runs.db")
    rows = [{"id": number, "name": "Ada"} for number in range(20)]
    with client.workflows.run_many(greeter, rows, key="id", journal=path, concurrency=2) as runs:
        results = iter(runs)
        next(results)
        view = read_journal(path)
        assert view.is_running
        assert 1 <= view.summary.succeeded < 20
        assert {each.key for each in view.rows("completed")} <= set(range(20))
        # SQLite's locks of this process are those of the run: reading has not released them.
        taken = subprocess.run([sys.executable, "-c", TAKE_OVER, path], capture_output=True, text=True, check=False)
        assert "database is locked" in taken.stderr
        assert len(list(results)) == 19
    assert (view.is_running, view.summary.succeeded, view.summary.left) == (False, 20, 0)


class TestRefused:
    def test_what_is_no_journal(self, tmp_path: Path) -> None:
        (tmp_path / "text").write_text("not a database, but long enough to be looked at as one" * 20)
        with closing(sqlite3.connect(tmp_path / "other")) as connection:
            connection.execute("CREATE TABLE rows (number)")
        (tmp_path / "empty").touch()
        cases = {
            "absent": "does not exist or is empty: check its path",
            "empty": "does not exist or is empty",
            "text": "it is not a journal",
            "other": "is another program's database",
            ".": "cannot be opened",
        }
        for name, text in cases.items():
            with pytest.raises(JournalError, match=text):
                read_journal(tmp_path / name)
        assert {each.name for each in tmp_path.iterdir()} == {"text", "other", "empty"}

    def test_what_names_none(self) -> None:
        for url in (
            "redis://:sword@h/0",
            "REDISS://:sword@h",
            "unix:///sword",
            "postgresql://u:sword@h",
            "postgresql://u:sword@h/db?journal=",
            " http:/sword",
        ):
            with pytest.raises(ValueError, match=r"postgresql://host/database\?journal=NAME") as caught:
                read_journal(url)
            assert "sword" not in str(caught.value)
        with pytest.raises(TypeError, match="not None"):
            read_journal(None)  # type: ignore[arg-type]
        with pytest.raises(TypeError, match="not int"):
            read_journal(7)  # type: ignore[arg-type]

    @pytest.mark.slow
    def test_whatever_is_left_of_a_file_is_read_exactly_or_refused_and_stays(self, tmp_path: Path) -> None:
        path = tmp_path / "runs.db"
        files = files_of_a_killed_run(path)
        outcomes = {"exact": 0, "refused": 0}
        for damage in damages(files, [], 15, random.Random(5)):
            write_files(path, damage.files)
            left = lasting(read_files(path))
            try:
                found = [(each.key, each.status) for each in read_journal(path).rows()]
            except JournalError:
                outcomes["refused"] += 1
            else:
                assert found == [("k1", "completed"), ("k2", "unknown")], damage[:2]
                outcomes["exact"] += 1
            assert lasting(read_files(path)) == left, damage[:2]
        assert min(outcomes.values()) > 20

    def test_a_row_that_is_not_what_was_written(self, tmp_path: Path) -> None:
        path = tmp_path / "runs.db"
        fill(str(path), HEADER, 3)
        view = read_journal(path)
        with closing(sqlite3.connect(path)) as connection, connection:
            connection.execute("UPDATE rows SET inputs = '{}' WHERE number = 2")
        rows = view.rows()
        with pytest.raises(JournalError, match="row 2 differs from what was written"):
            list(rows)
