"""One run alone has a journal, whatever happens to its files; and paths that are none are refused at once."""

from __future__ import annotations

import sqlite3
import sys
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import pytest

from fibonacci import Fibonacci, JournalError, RunResult
from fibonacci._batch.journal_errors import reading_row
from fibonacci._batch.sqlite_journal import Journal, open_journal
from fibonacci.emulator import Emulator
from tests.batch.damages import read_files, write_files
from tests.batch.journals import ended
from tests.batch.test_journal import HEADER, row
from tests.kit.systems import needs_open_files_removable

GREETER = {"nodes": [{"id": "greet", "type": "llm", "instruction": "Greet {{input.name}}"}]}


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "runs.db")


@pytest.fixture
def journal(path: str) -> Any:
    with closing(open_journal(path, HEADER)) as opened:
        opened.write([row(1)])
        yield opened


@needs_open_files_removable
class TestFiles:
    def test_one_that_is_removed(self, journal: Journal, path: str) -> None:
        Path(path).unlink()
        with pytest.raises(JournalError, match="was removed or replaced while rows ran: put the file back"):
            journal.write([row(2)])

    def test_one_that_is_replaced(self, journal: Journal, path: str) -> None:
        copy = Path(f"{path}.copy")
        copy.write_bytes(Path(path).read_bytes())
        copy.replace(path)
        with pytest.raises(JournalError, match="was removed or replaced"):
            journal.write([row(2)])

    def test_a_lock_file_that_is_removed(self, journal: Journal, path: str) -> None:
        note = Path(f"{path}-lock").read_bytes()
        Path(f"{path}-lock").unlink()
        with pytest.raises(JournalError, match=r"was left by a run that did not end, and .*-lock"):
            open_journal(path, HEADER)
        Path(f"{path}-lock").write_bytes(note)
        second = open_journal(path, HEADER)
        with pytest.raises(JournalError, match="was opened by another run while this one was using it"):
            journal.write([row(2)])
        second.write([row(3)])
        second.close()

    def test_a_second_path_to_the_same_file(self, journal: Journal, path: str) -> None:
        Path(f"{path}.link").symlink_to(path)
        with pytest.raises(JournalError, match=r"runs\.db\.link is used by another run"):
            open_journal(f"{path}.link", HEADER)


class InterruptedConnection(sqlite3.Connection):
    """A connection to which Ctrl-C comes when a commit is done."""

    commits_left: ClassVar[int] = sys.maxsize

    def execute(self, sql: str, parameters: Any = (), /) -> sqlite3.Cursor:
        cursor = super().execute(sql, parameters)
        if sql == "COMMIT":
            InterruptedConnection.commits_left -= 1
            if InterruptedConnection.commits_left == 0:
                raise KeyboardInterrupt
        return cursor


def test_ctrl_c_between_a_commit_and_its_note_loses_nothing(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    connect = sqlite3.connect
    with monkeypatch.context() as patched:
        patched.setattr(sqlite3, "connect", partial(connect, factory=InterruptedConnection))
        opened = open_journal(path, HEADER)
    with closing(opened) as journal:
        InterruptedConnection.commits_left = 1
        with pytest.raises(KeyboardInterrupt):
            journal.write([row(1)])
        journal.write([row(2)])
    with closing(open_journal(path, HEADER)) as journal:
        assert all(journal.entry(f"k{number}") for number in (1, 2))


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE rows SET execution = '{'",
        "UPDATE rows SET execution = CAST(x'7b22ff' AS TEXT)",
        "UPDATE rows SET execution = '[]'",
        "UPDATE rows SET error = '{}'",
        "UPDATE rows SET inputs = x'ff'",
    ],
)
def test_a_damaged_record_is_a_journal_error(path: str, damage: str) -> None:
    journal, one = open_journal(path, HEADER), row(1)
    journal.write([one])
    journal.write([ended(one)])
    journal.close()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(damage)
        connection.commit()
    with closing(open_journal(path, HEADER)) as journal:
        for use in (lambda: result_in(journal), lambda: list(journal.results())):
            with pytest.raises(JournalError, match="it is damaged"):
                use()


@pytest.mark.parametrize(
    "damage",
    [
        "ALTER TABLE rows RENAME COLUMN status TO state",
        "DELETE FROM rows",
        "UPDATE rows SET checksum = checksum + 1",
        "UPDATE header SET content = '[]'",
        "UPDATE header SET mark = CAST(mark AS BLOB)",
        "DELETE FROM header",
        "PRAGMA user_version = 0",
        "PRAGMA application_id = 7",
    ],
)
def test_a_damaged_journal_is_refused_when_it_is_opened(path: str, damage: str) -> None:
    with closing(open_journal(path, HEADER)) as journal:
        journal.write([row(1)])
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(damage)
        connection.commit()
    with pytest.raises(JournalError, match="it is damaged"):
        open_journal(path, HEADER)


def result_in(journal: Journal) -> RunResult:
    entry = journal.entry("k1")
    assert entry is not None
    with reading_row(journal.path):
        return entry.result(1)


def test_results_after_another_folder_became_the_current_one(
    client: Fibonacci, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    workflow = client.workflows.create(name="greeter", definition=GREETER).id
    monkeypatch.chdir(tmp_path)
    runs = client.workflows.run_many(workflow, [{"name": "Ada"}], journal="runs.db")
    list(runs)
    (tmp_path / "other").mkdir()
    monkeypatch.chdir(tmp_path / "other")
    assert [result.status for result in runs.results()] == ["completed"]


def test_a_run_that_ends_leaves_one_file_that_can_be_copied(path: str, tmp_path: Path) -> None:
    for number in (1, 2):
        with closing(open_journal(path, HEADER)) as journal:
            journal.write([row(number)])
    assert {each.name for each in tmp_path.iterdir()} == {"runs.db", "runs.db-lock"}
    Path(f"{path}.copy").write_bytes(Path(path).read_bytes())
    with closing(open_journal(f"{path}.copy", HEADER, resume=True)) as journal:
        assert all(journal.entry(f"k{number}") for number in (1, 2))


def test_another_program_that_reads_it_does_not_keep_the_run_from_ending(path: str) -> None:
    journal = open_journal(path, HEADER)
    journal.write([row(1)])
    with closing(sqlite3.connect(path)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT * FROM rows").fetchone()
        journal.close()
        assert Path(f"{path}-wal").exists()
    with closing(open_journal(path, HEADER, resume=True)) as journal:
        assert journal.entry("k1") is not None


def test_what_a_refused_journal_lacks_can_be_put_back(path: str) -> None:
    """SQLite would remove the write-ahead log of a database that is opened and closed."""
    with closing(open_journal(path, HEADER)) as journal:
        journal.write([row(1)])
        journal.write([row(2)])
        files = read_files(Path(path))
    for lacking in ({**files, name: content} for name in ("", "-wal", "-lock") for content in (b"", files[name][:100])):
        write_files(Path(path), lacking)
        with pytest.raises(JournalError):
            open_journal(path, HEADER)
        put_back = {name: content for name, content in files.items() if lacking[name] != content}
        write_files(Path(path), {**read_files(Path(path)), **put_back})
        with closing(open_journal(path, HEADER)) as journal:
            assert journal.entry("k2") is not None


@pytest.mark.parametrize(
    ("journal", "text"),
    [
        (":memory:", "without journal=, nothing is recorded"),
        ("file:runs.db", "pass only the path"),
        ("~/runs.db", "~ is not expanded"),
        ("a\0b", "it contains a null character"),
        ("", "it is empty"),
    ],
)
def test_what_is_no_path(emulator: Emulator, journal: str, text: str) -> None:
    with emulator.client() as client, pytest.raises(ValueError, match=text):
        client.workflows.run_many("wf-1", [], journal=journal)
    assert emulator.requests.count == 0
