"""The journal: what belongs to it, who may have it, what it says of trouble, and that nothing in it is lost."""

from __future__ import annotations

import errno
import os
import sqlite3
import stat
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from types import FrameType
from typing import Any
from unittest.mock import Mock, patch

import pytest

from fibonacci import JournalError
from fibonacci._batch.journal import attempt
from fibonacci._batch.journal_schema import JournalHeader
from fibonacci._batch.locks import FileLock, filesystem_in
from fibonacci._batch.rows import Row
from fibonacci._batch.sqlite_journal import open_journal
from fibonacci.models import Execution
from fibonacci.models._reading import read_model
from tests.batch.journals import JournalPlace, another_process, completed, ended, entry_of, fill
from tests.kit.assertions import each_row
from tests.kit.systems import linux_only, needs_fork, needs_permissions, needs_signals
from tests.tools.interruptions.injection import at_most

HEADER = JournalHeader("wf-1", "3", "column id")


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "runs.db")


def row(number: int, name: str = "Ada") -> Row:
    made = Row(number, f"k{number}", {"name": name}, f'{{"name":"{name}"}}')
    made.intend(1_000.0)
    return made


def refusal(open_it: Callable[[], object]) -> str:
    with pytest.raises(JournalError) as caught:
        open_it()
    assert caught.value.path
    return str(caught.value)


def test_an_execution_with_odd_fields_is_read_again(place: JournalPlace) -> None:
    odd: dict[str, Any] = {
        "execution_id": 7,
        "status": "completed",
        "duration_ms": "1523",
        "nodes_failed": [],
        "outputs": {"a": 1},
    }
    one = row(1)
    result = replace(completed(one), execution=read_model(Execution, odd))
    journal = place.open(HEADER)
    journal.write([one])
    one.execution_id = "7"
    journal.write([one])
    journal.write([ended(one, result)])
    journal.close()
    journal = place.open(HEADER)
    entry = journal.entry("k1")
    journal.close()
    assert entry is not None
    execution = entry.result(1).execution
    assert execution is not None
    assert (execution.id, execution.duration_ms, execution.nodes_failed) == ("7", 1523, None)
    assert execution.model_dump(mode="json") == odd


def test_the_three_records_of_a_row(place: JournalPlace) -> None:
    journal = place.open(HEADER)
    one, two, three = row(1), row(2), row(3)
    journal.write([one, two, three])
    one.execution_id, two.execution_id = "exec_1", "exec_2"
    journal.write([one, two])
    journal.write([ended(one)])
    journal.close()

    journal = place.open(HEADER)
    entries = [journal.entry(key) for key in ("k1", "k2", "k3", "k4")]
    journal.close()
    assert [entry and (entry.idempotency_key is not None, entry.execution_id, entry.status) for entry in entries] == [
        (True, "exec_1", "completed"),
        (True, "exec_2", None),
        (True, None, None),
        None,
    ]
    assert entries[0] is not None
    assert entries[0].result(7) == replace(completed(one), index=7)


def test_an_intent_that_was_withdrawn_counts_no_more(place: JournalPlace) -> None:
    journal = place.open(HEADER)
    refused = row(1)
    journal.write([refused])
    refused.withdraw()
    journal.write([refused])
    entry = journal.entry("k1")
    assert entry is not None
    assert entry.idempotency_key is None
    refused.intend(2_000.0)
    journal.write([refused])
    entry = journal.entry("k1")
    assert entry is not None
    assert (entry.idempotency_key, entry.intended_at) == (refused.idempotency_key, 2_000.0)
    journal.close()


def test_a_key_that_occurs_twice_in_a_run_is_found(place: JournalPlace) -> None:
    journal = place.open(HEADER)
    rows = [row(number) for number in range(20)]
    journal.write(rows)
    for each in rows:
        with pytest.raises(ValueError, match="have the same key"):
            entry_of(journal, each.key)
    journal.close()
    journal = place.open(HEADER)
    assert all(entry_of(journal, each.key) for each in rows), "another run begins"
    for each in rows:
        with pytest.raises(ValueError, match="have the same key"):
            entry_of(journal, each.key)
    journal.close()


def test_a_journal_belongs_to_no_thread(place: JournalPlace) -> None:
    with closing(place.open(HEADER)) as journal, ThreadPoolExecutor(1) as thread:
        thread.submit(journal.write, [row(1)]).result()
        assert journal.entry("k1") is not None


def test_a_row_that_is_written_with_its_result_alone_has_its_earlier_starts(place: JournalPlace) -> None:
    one = row(1)
    one.earlier = (attempt(None, "unknown", 900.0, None),)
    with closing(place.open(HEADER)) as journal:
        journal.write([ended(one)])
        (result,) = journal.results()
    assert [each.status for each in result.attempts] == ["unknown", "completed"]


def test_a_row_whose_write_was_interrupted_is_written_with_others(
    place: JournalPlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = row(1), row(2)
    journal = place.open(HEADER)
    with monkeypatch.context() as patched:
        patched.setattr(type(journal), "_change", Mock(side_effect=KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            journal.write([first])
    journal.write([second, first])
    journal.close()
    with closing(place.open(HEADER)) as journal:
        found = [journal.entry(key) for key in ("k1", "k2")]
    assert sorted(entry.number for entry in found if entry is not None) == [1, 2]


def test_any_number_of_rows_is_known_to_have_been_seen_or_not(path: str) -> None:
    with closing(open_journal(path, HEADER)) as journal:
        journal.write([row(number) for number in range(8_193)])
    with closing(open_journal(path, HEADER)) as journal:
        for number in (0, 8_190, 8_191, 8_192):
            entry = entry_of(journal, f"k{number}")
            assert entry is not None
            assert entry.number == number + 1
            with pytest.raises(ValueError, match="have the same key"):
                entry_of(journal, f"k{number}")


@needs_signals
def test_ctrl_c_after_any_call_leaves_a_journal_that_can_be_used_and_closed(tmp_path: Path) -> None:
    """Python runs a signal's handler when a function of C has returned, also in the midst of entering a `with`."""
    calls = number = 0

    def interrupt(frame: FrameType, event: str, argument: object) -> None:
        nonlocal calls
        calls += event == "c_return"
        if calls == number:
            sys.setprofile(None)
            raise KeyboardInterrupt

    while number == calls:
        calls, number = 0, number + 1
        journal = open_journal(str(tmp_path / f"{number}.db"), HEADER)
        try:
            sys.setprofile(interrupt)
            journal.write([row(1)])
        except KeyboardInterrupt:
            with at_most(10):  # while the exception is here, and with it all that it has passed through
                journal.write([row(2)])
                journal.close()
        sys.setprofile(None)
        journal.close()
    assert number > 30


class TestRefusals:
    @each_row(
        ("header", "text"),
        [
            (HEADER._replace(workflow_id="wf-2"), "belongs to the workflow wf-1, not wf-2: pass another "),
            (HEADER._replace(workflow_version="4"), "has rows of version 3 of the workflow, which is now at version 4"),
            (HEADER._replace(key_rule="index"), "takes its keys from column id, not from index: pass the same key="),
        ],
    )
    def test_another_header(self, place: JournalPlace, header: JournalHeader, text: str) -> None:
        place.open(HEADER).close()
        assert text in refusal(lambda: place.open(header))
        place.open(HEADER).close()  # it was not changed, and nothing holds it
        place.open(HEADER._replace(workflow_version=None)).close()  # where the platform states none

    def test_a_newer_schema(self, path: str) -> None:
        open_journal(path, HEADER).close()
        with sqlite3.connect(path) as connection:
            connection.execute("PRAGMA user_version = 99")
        connection.close()
        assert "newer fibonacci-sdk (schema 99): update fibonacci-sdk" in refusal(lambda: open_journal(path, HEADER))

    def test_a_database_of_another_program_stays_as_it_is(self, path: str) -> None:
        with sqlite3.connect(path) as connection:
            connection.execute("CREATE TABLE cards (name)")
        connection.close()
        before = Path(path).read_bytes()
        assert "is another program's database" in refusal(lambda: open_journal(path, HEADER))
        assert Path(path).read_bytes() == before

    def test_a_file_that_is_no_database(self, path: str) -> None:
        Path(path).write_text("name,age\n" * 1000)
        assert "it is not a journal. Pass another path" in refusal(lambda: open_journal(path, HEADER))
        assert Path(path).read_text().startswith("name,age")

    def test_a_damaged_file(self, path: str) -> None:
        journal = open_journal(path, HEADER)
        journal.write([row(number) for number in range(200)])
        journal.close()
        content = bytearray(Path(path).read_bytes())
        content[4096:] = os.urandom(len(content) - 4096)
        Path(path).write_bytes(content)

        def use() -> None:
            journal = open_journal(path, HEADER)
            try:
                for number in range(200):
                    journal.entry(f"k{number}")
            finally:
                journal.close()

        assert "it is damaged. Restore all its files" in refusal(use)

    def test_a_folder_that_is_not_there(self, tmp_path: Path) -> None:
        text = refusal(lambda: open_journal(str(tmp_path / "no" / "runs.db"), HEADER))
        assert "No such file or directory" in text
        assert "pass a path in an existing folder" in text

    @each_row(
        ("function", "error"),
        [
            ("fibonacci._system.files.lock_file", OSError(errno.ENOLCK, "No locks available")),
            ("sqlite3.connect", sqlite3.OperationalError("unable to open database file")),
            ("os.fsync", OSError(errno.ENOSPC, "No space left on device")),
        ],
    )
    def test_a_system_that_does_not_do_what_is_needed(self, path: str, function: str, error: Exception) -> None:
        with patch(function, side_effect=error):
            assert str(error.args[-1]) in refusal(lambda: open_journal(path, HEADER))

    @pytest.mark.parametrize(
        ("number", "text"), [(errno.ENOSPC, "the disk is full. Free"), (errno.EIO, "reading or writing it failed")]
    )
    def test_a_mark_that_cannot_be_written(
        self, path: str, monkeypatch: pytest.MonkeyPatch, number: int, text: str
    ) -> None:
        def fail(*_: object, **__: object) -> None:
            raise OSError(number, os.strerror(number))

        with closing(open_journal(path, HEADER)) as journal:
            monkeypatch.setattr(FileLock, "write_note", fail)
            assert text in refusal(lambda: journal.write([row(1)]))

    @linux_only
    def test_a_file_system_that_takes_no_files(self) -> None:
        assert "cannot be opened" in refusal(lambda: open_journal("/proc/runs.db", HEADER))

    def test_a_second_run_in_this_process(self, place: JournalPlace) -> None:
        journal = place.open(HEADER)
        with pytest.raises(JournalError, match=rf"is used by another run \(process {os.getpid()}") as caught:
            place.open(HEADER)
        assert caught.value.can_continue
        journal.close()
        place.open(HEADER).close()

    @needs_fork
    def test_a_second_run_in_another_process_until_that_is_killed(self, path: str) -> None:
        with another_process(lambda: open_journal(path, HEADER)) as process:
            assert f"is used by another run (process {process})" in refusal(lambda: open_journal(path, HEADER))
        open_journal(path, HEADER).close()

    @needs_fork
    def test_a_fork_does_not_touch_it_and_does_not_hold_it(self, place: JournalPlace) -> None:
        journal = place.open(HEADER)
        journal.write([row(1)])
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            try:
                journal.write([row(2)])
            except JournalError as error:
                os.write(writing, str(error).encode())
            journal.close()
            time.sleep(30)
            os._exit(0)
        os.close(writing)
        with os.fdopen(reading) as pipe:
            text = os.read(pipe.fileno(), 1000).decode()
        try:
            assert "was opened before a fork" in text
            journal.write([row(3)])  # the parent still has it
            journal.close()
            journal = place.open(HEADER)  # although the child lives
            assert [journal.entry(key) is not None for key in ("k1", "k2", "k3")] == [1, 0, 1]
            journal.close()
        finally:
            os.kill(child, 9)
            os.waitpid(child, 0)


class TestResume:
    def test_true_refuses_one_that_has_no_rows(self, place: JournalPlace) -> None:
        for _ in range(2):
            text = refusal(lambda: place.open(HEADER, resume=True))
            assert "has no rows or does not exist, and resume=True needs a journal that has some" in text
            place.open(HEADER).close()
        with closing(place.open(HEADER)) as journal:
            journal.write([row(1)])
        with closing(place.open(HEADER, resume=True)) as journal:
            assert journal.entry("k1") is not None

    def test_false_refuses_one_that_has_rows(self, place: JournalPlace) -> None:
        with closing(place.open(HEADER, resume=False)) as journal:
            journal.write([row(1)])
        assert "has 1 rows, and resume=False starts a new one" in refusal(lambda: place.open(HEADER, resume=False))

    def test_a_path_that_is_misspelled_gets_no_file(self, path: str) -> None:
        refusal(lambda: open_journal(path, HEADER, resume=True))
        assert list(Path(path).parent.iterdir()) == []


class TestNetworkFileSystems:
    MOUNTS = """\
malformed line
malformed - line
22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
30 22 0:30 / /mnt/share rw shared:2 - nfs4 server:/export rw,vers=4.2
31 30 0:31 / /mnt/share/local\\040disk rw shared:3 - xfs /dev/vdb rw
32 22 0:32 / /mnt/share2 rw - fuse.sshfs user@host:/ rw
33 22 0:33 / /over rw - nfs server:/ rw
34 22 0:34 / /over rw - tmpfs tmpfs rw
malformed line
"""

    @each_row(
        ("path", "expected"),
        [
            ("/home/ada/runs.db", "ext4"),
            ("/mnt/share/runs.db", "nfs4"),
            ("/mnt/share/local disk/runs.db", "xfs"),
            ("/mnt/share2/runs.db", "fuse.sshfs"),
            ("/mnt/shared/runs.db", "ext4"),
            ("/over/runs.db", "tmpfs"),
        ],
    )
    def test_the_innermost_mount_counts(self, path: str, expected: str) -> None:
        assert filesystem_in(self.MOUNTS, path) == expected

    def test_a_journal_there_is_refused(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, path: str) -> None:
        mounts = tmp_path / "mounts"
        mounts.write_text(f"30 22 0:30 / {tmp_path} rw shared:2 - cifs //server/share rw\n")
        monkeypatch.setattr("fibonacci._batch.locks._MOUNTS", str(mounts))
        text = refusal(lambda: open_journal(path, HEADER))
        assert "is on a network file system (cifs), where locks are unreliable: pass a path on a local disk" in text
        assert not Path(path).exists()


@needs_fork
def test_eight_processes_open_a_new_journal_at_once(tmp_path: Path) -> None:
    """One has it, the others are refused; none fails otherwise."""
    gate, opening = os.pipe()
    told, telling = os.pipe()

    def open_each() -> None:
        os.close(opening)
        os.read(gate, 1)  # until all are there
        for number in range(6):
            try:
                journal = open_journal(str(tmp_path / f"{number}.db"), HEADER)
            except JournalError as error:
                os.write(telling, b"refused " if "is used by another run" in str(error) else str(error).encode())
            else:
                os.write(telling, b"open ")
                journal.close()

    for _ in range(8):
        if os.fork() == 0:
            try:
                open_each()
            finally:
                os._exit(0)
    for end in (gate, opening, telling):
        os.close(end)
    with os.fdopen(told) as pipe:
        outcomes = pipe.read().split()
    for _ in range(8):
        os.wait()
    assert set(outcomes) <= {"open", "refused"}
    assert len(outcomes) == 8 * 6
    assert len(list(tmp_path.glob("*.db"))) == 6


@linux_only
def test_the_folder_of_a_new_journal_is_synced(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else a crash of the machine may leave the folder without the file."""
    synced: list[bool] = []

    def note(descriptor: int) -> None:
        synced.append(stat.S_ISDIR(os.fstat(descriptor).st_mode))

    monkeypatch.setattr("os.fsync", note)
    open_journal(path, HEADER).close()
    assert True in synced


@needs_permissions
def test_this_user_alone_may_read_it(path: str) -> None:
    journal = open_journal(path, HEADER)
    journal.write([row(1)])
    assert [file.stat().st_mode & 0o077 for file in Path(path).parent.iterdir()] == [0] * 4
    journal.close()


def test_opening_a_journal_reads_few_of_its_rows(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(path, HEADER, 1_000)
    read: list[object] = []
    connect = sqlite3.connect

    def count(_: object, record: tuple[Any, ...]) -> tuple[Any, ...]:
        read.append(record)
        return record

    def connect_and_count(*args: Any, **named: Any) -> sqlite3.Connection:
        connection: sqlite3.Connection = connect(*args, **named)
        connection.row_factory = count
        return connection

    monkeypatch.setattr("sqlite3.connect", connect_and_count)
    with closing(open_journal(path, HEADER)) as journal:
        entry = journal.entry("400")
    assert entry is not None
    assert entry.execution_id == "exec_400"
    assert 0 < len(read) < 50
